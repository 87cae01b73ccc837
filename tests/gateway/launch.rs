//! SMART app launch over the real router: the pages without a browser, codes, refresh tokens, launches (smart.md, tables
//! A and T, threats of section 7).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openmig::smart::authenticate::ASSERTION_TYPE;
use reqwest::Method;
use serde_json::{Value, json};

use super::browser::{
    Browser, asked, code, exchange_with, fhir_id, form, introspect, read, sent_back, text, value,
    with,
};
use crate::support::{FORM, SHARED, alone, encode, logs};

// AC-01 to AC-04, AC-24, T1, T2, T7, T12: the whole way, and what comes with the token
#[test]
fn a_clinician_signs_in_asks_the_patient_and_reads() {
    let gateway = &*SHARED;
    let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"));
    let page = browser.page.clone().expect(200);
    for name in [
        "name=\"username\"",
        "name=\"password\"",
        "data-testid=\"sign-in\"",
        "lang=\"en-GB\"",
    ] {
        assert!(page.text().contains(name), "{name}");
    }
    let before = browser.cookie.clone();
    browser = browser.sign_in("clinician");
    assert_ne!(before, browser.cookie, "a new id at sign-in");
    assert!(browser.page.text().contains("name=\"nhs_number\""));
    browser = browser.pick("9990000018");
    for word in [
        "Dr Asha Rowan",
        "Sandbox Out of Hours",
        "You may say no",
        "medicines",
    ] {
        assert!(browser.page.text().contains(word), "{word}");
    }
    let answer = browser.approve();
    let back = sent_back(&answer);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    let answer = exchange_with(gateway, value(&back, "code"), &[]).expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache");
    let token = answer.json();
    assert_eq!(token["token_type"], "Bearer");
    assert_eq!(token["expires_in"], 900);
    assert_eq!(token["patient"], fhir_id(gateway, "9990000018"));
    assert_eq!(token["need_patient_banner"], true);
    // R034: an app is told as a hospital's system is
    let granted = &token["authorization_details"][0];
    assert_eq!(granted["tabs"], granted["tabs_allowed"]);
    assert!(granted.get("tabs_asked").is_none());
    let scope = text(&token, "scope");
    assert!(scope.starts_with("openid fhirUser launch/patient offline_access patient/"));
    assert!(!scope.contains('*') && !scope.contains("system/") && !scope.contains("user/"));
    assert_eq!(
        token["authorization_details"][0]["tabs"]
            .as_array()
            .unwrap()
            .len(),
        10
    );

    // id_token
    let id_token = text(&token, "id_token");
    let part = |n: usize| -> Value {
        let part = id_token.split('.').nth(n).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let (header, claims) = (part(0), part(1));
    assert_eq!(header["alg"], "RS256");
    let jwks = gateway
        .send(Method::GET, "jwks", &[], "")
        .expect(200)
        .json();
    assert!(
        jwks["keys"]
            .as_array()
            .unwrap()
            .iter()
            .any(|key| key["kid"] == header["kid"])
    );
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["nonce"]),
        (
            &json!(gateway.base),
            &json!("sandbox-spa"),
            &json!("nonce-1")
        )
    );
    let fhir_user = text(&claims, "fhirUser").to_owned();
    let path = fhir_user
        .strip_prefix(&format!("{}/", gateway.base))
        .unwrap();
    let practitioner = read(gateway, &token, path).expect(200).json();
    assert_eq!(practitioner["resourceType"], "Practitioner");
    assert_eq!(practitioner["name"][0]["text"], "Dr Asha Rowan");
    // somebody else's is nobody's
    read(
        gateway,
        &token,
        "Practitioner/user-aaaaaaaaaaaaaaaaaaaaaaaaaa",
    )
    .expect(404);

    let patient = text(&token, "patient");
    read(gateway, &token, &format!("Patient/{patient}")).expect(200);
    let found = read(gateway, &token, &format!("Condition?patient={patient}")).expect(200);
    assert!(found.resources().len() > 1);

    // T13
    let told = introspect(gateway, text(&token, "access_token"));
    assert_eq!(told["active"], true);
    assert_eq!(told["sub"], claims["sub"]);
    assert_eq!(told["fhirUser"], fhir_user.as_str());
    assert_eq!(told["patient"], patient);
    assert_eq!(
        introspect(gateway, text(&token, "refresh_token"))["active"],
        true
    );
}

// A7, AC-37, AC-38: launches from an EHR
#[test]
fn an_ehr_launch_is_for_one_app_one_clinician_and_once() {
    let gateway = &*SHARED;
    let patient = fhir_id(gateway, "9990000018");
    let launch = |body: Value| {
        let headers = [("content-type", "application/json")];
        gateway
            .send(Method::POST, "/sandbox/launch", &headers, &body.to_string())
            .expect(200)
            .json()["launch"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let handle = launch(json!({
        "client_id": "sandbox-spa", "username": "hospital-doctor", "patient": patient,
        "encounter": "enc-7", "intent": "reconcile", "need_patient_banner": false
    }));
    let launched = |client: &str, handle: &str| {
        let pairs = with(asked(gateway, client), "launch", handle);
        with(
            pairs,
            "scope",
            "openid fhirUser launch offline_access patient/*.rs user/Patient.r",
        )
    };
    // another app's, or nobody's
    for (client, handle) in [("sandbox-web", handle.as_str()), ("sandbox-spa", "unknown")] {
        let back = sent_back(&Browser::open(gateway, &launched(client, handle)).page);
        assert_eq!(value(&back, "error"), "invalid_request");
    }
    // somebody else signs in first
    let mut browser =
        Browser::open(gateway, &launched("sandbox-spa", &handle)).sign_in("clinician");
    assert_eq!(browser.page.status, 403);
    assert!(browser.page.text().contains("name=\"password\""));
    browser = browser.sign_in("hospital-doctor");
    assert!(
        browser.page.text().contains("999 000 0018"),
        "no picker: the EHR has said who"
    );
    let back = sent_back(&browser.approve());
    let token = exchange_with(gateway, value(&back, "code"), &[])
        .expect(200)
        .json();
    assert_eq!(token["patient"], patient.as_str());
    assert_eq!(
        (&token["encounter"], &token["intent"]),
        (&json!("enc-7"), &json!("reconcile"))
    );
    assert_eq!(token["need_patient_banner"], false);
    assert!(
        text(&token, "scope").contains("user/Patient.r")
            && text(&token, "scope").contains(" launch ")
    );
    // once
    let back = sent_back(&Browser::open(gateway, &launched("sandbox-spa", &handle)).page);
    assert_eq!(value(&back, "error"), "invalid_request");
    // an EHR's own registration, with its key
    let assertion = gateway.assertion("sandbox-ehr", "");
    let register = |more: &[(&str, &str)]| {
        let assertion = gateway.assertion("sandbox-ehr", "");
        let mut pairs = vec![
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion.as_str()),
        ];
        pairs.extend_from_slice(more);
        gateway.send(
            Method::POST,
            "launch",
            &[("content-type", FORM)],
            &encode(&pairs),
        )
    };
    drop(assertion);
    let whom = [("username", "clinician"), ("patient", "9990000018")];
    let answer =
        register(&[&whom[..], &[("launch_client_id", "sandbox-spa")]].concat()).expect(200);
    let page = Browser::open(
        gateway,
        &launched("sandbox-spa", text(&answer.json(), "launch")),
    )
    .page;
    page.expect(200);
    register(&[&whom[..], &[("launch_client_id", "sandbox-viewer")]].concat()).expect(400);
    let other = [
        ("username", "hospital-doctor"),
        ("patient", "9990000018"),
        ("launch_client_id", "sandbox-spa"),
    ];
    register(&other).expect(400);
}

// A7: a launch waits five minutes
#[test]
fn an_old_launch_is_refused() {
    let gateway = &*alone();
    let body = json!({"client_id": "sandbox-spa", "patient": fhir_id(gateway, "9990000018")});
    let headers = [("content-type", "application/json")];
    let answer = gateway.send(Method::POST, "/sandbox/launch", &headers, &body.to_string());
    let handle = text(&answer.expect(200).json(), "launch").to_owned();
    gateway.advance(301);
    let pairs = with(asked(gateway, "sandbox-spa"), "launch", &handle);
    let pairs = with(pairs, "scope", "launch patient/*.rs");
    let back = sent_back(&Browser::open(gateway, &pairs).page);
    assert_eq!(value(&back, "error"), "invalid_request");
}

// A14, AC-39, DISC-17: forms of other browsers and sites do nothing; pages cannot be framed or kept
#[test]
fn a_form_works_only_in_its_own_browser() {
    let gateway = &*SHARED;
    let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa")).sign_in("clinician");
    let header = |name: &str| browser.page.header(name).to_owned();
    let policy = header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe") && !policy.contains('*'));
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("x-frame-options"), "DENY");
    for script in ["<script", " onclick", " onsubmit", " onload", "javascript:"] {
        assert!(!browser.page.text().contains(script), "{script}");
    }
    let (action, token) = (browser.action(), browser.form_token());
    let id = fhir_id(gateway, "9990000018");
    let own = encode(&[("form_token", token.as_str()), ("patient", &id)]);
    let path = format!("{action}/pick");
    let none = encode(&[("patient", &id)]);
    browser.post(&path, &none).expect(403);
    let cookie = browser.cookie.clone();
    for headers in [
        vec![("content-type", FORM)],
        vec![("content-type", FORM), ("cookie", "openmig-sign-in=x")],
        vec![
            ("content-type", FORM),
            ("cookie", cookie.as_str()),
            ("sec-fetch-site", "cross-site"),
        ],
    ] {
        gateway
            .send(Method::POST, &path, &headers, &own)
            .expect(403);
    }
    // a second browser cannot look over the first one's shoulder
    gateway.send(Method::GET, &action, &[], "").expect(403);
    browser = browser.pick("9990000018");
    assert!(browser.page.text().contains("consent-item"));
    // and when it is over, it is over
    sent_back(&browser.send("deny", &[]));
    gateway
        .send(Method::GET, &action, &[("cookie", &cookie)], "")
        .expect(410);
}

// A1, AC-26: by POST the browser is sent to the page, which then belongs to whoever opens it first
#[test]
fn a_request_may_come_by_post() {
    let gateway = &*SHARED;
    let body = form(&asked(gateway, "sandbox-spa"));
    let answer = gateway
        .send(Method::POST, "authorize", &[("content-type", FORM)], &body)
        .expect(303);
    let page = gateway
        .send(Method::GET, answer.header("location"), &[], "")
        .expect(200);
    let browser = Browser::at(gateway, page).sign_in("clinician");
    assert!(browser.page.text().contains("pick-patient"));
    gateway
        .send(Method::GET, answer.header("location"), &[], "")
        .expect(403);
}

// A3, AC-21, AC-22
#[test]
fn nobody_is_redirected_to_a_stranger() {
    let gateway = &*SHARED;
    for pairs in [
        with(
            asked(gateway, "sandbox-spa"),
            "redirect_uri",
            "http://127.0.0.1:9310/evil.html",
        ),
        with(asked(gateway, "sandbox-spa"), "client_id", "nobody"),
        with(
            asked(gateway, "sandbox-spa"),
            "client_id",
            "sandbox-backend",
        ),
    ] {
        let page = Browser::open(gateway, &pairs).page.expect(400);
        assert_eq!(page.header("location"), "");
        assert!(page.text().contains("<h1>"));
    }
    let back = sent_back(
        &Browser::open(
            gateway,
            &with(asked(gateway, "sandbox-spa"), "aud", "http://evil.example/"),
        )
        .page,
    );
    assert_eq!(value(&back, "error"), "invalid_request");
    assert_eq!(value(&back, "iss"), gateway.base);
}

// smart.md 7: guessing is slowed down per account, known or not
#[test]
fn guessing_passwords_is_slow() {
    let gateway = &*alone();
    for (username, exists) in [("hospital-nurse", true), ("nobody-here", false)] {
        let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"));
        for _ in 0..5 {
            let page = browser.send("sign-in", &[("username", username), ("password", "guess")]);
            assert!(
                page.expect(403)
                    .text()
                    .contains("The username or password is not right.")
            );
        }
        let page = browser
            .send(
                "sign-in",
                &[("username", username), ("password", "sandbox")],
            )
            .expect(429);
        assert!(!page.header("retry-after").is_empty());
        gateway.advance(31);
        let page = browser.send(
            "sign-in",
            &[("username", username), ("password", "sandbox")],
        );
        assert_eq!(page.status, if exists { 200 } else { 403 }, "{username}");
    }
}

// D14, DISC-13 to DISC-15
#[test]
fn other_origins_may_read_discovery_and_registered_ones_the_rest() {
    let gateway = &*SHARED;
    let own = "http://127.0.0.1:9310";
    let ask = |method: Method, path: &str, origin: &str| {
        let mut headers = vec![("origin", origin)];
        if method == Method::OPTIONS {
            headers.push(("access-control-request-method", "GET"));
        }
        gateway.send(method, path, &headers, "")
    };
    for path in [".well-known/smart-configuration", "metadata", "jwks"] {
        let answer = ask(Method::GET, path, "https://anybody.example");
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
    for path in ["token", "Patient/x", "Condition?patient=x"] {
        for method in [Method::OPTIONS, Method::GET] {
            let answer = ask(method.clone(), path, own);
            assert_eq!(
                answer.header("access-control-allow-origin"),
                own,
                "{method} {path}"
            );
            let answer = ask(method, path, "https://evil.example");
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        }
    }
    let answer = ask(Method::GET, "authorize", own);
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

// Only who signed in: no patient, no occasion
#[test]
fn an_app_may_ask_for_nothing_but_who_signed_in() {
    let gateway = &*SHARED;
    let pairs = with(
        asked(gateway, "sandbox-spa"),
        "scope",
        "openid fhirUser profile",
    );
    let mut browser = Browser::open(gateway, &pairs).sign_in("privacy-officer");
    let back = sent_back(&browser.send("approve", &[]));
    let token = exchange_with(gateway, value(&back, "code"), &[])
        .expect(200)
        .json();
    assert_eq!(token["scope"], "openid fhirUser profile");
    assert_eq!(
        (token.get("patient"), token.get("refresh_token")),
        (None, None)
    );
    let patient = fhir_id(gateway, "9990000018");
    read(gateway, &token, &format!("Patient/{patient}")).expect(403);
}

// AC-07, R128: no code, token or password is ever in a log; and the trail says who signed in
#[test]
fn no_secret_reaches_a_log() {
    let gateway = &*SHARED;
    let code = code(gateway, "sandbox-spa", "clinician", "9990000018");
    let token = exchange_with(gateway, &code, &[]).expect(200).json();
    let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"));
    browser.send(
        "sign-in",
        &[("username", "clinician"), ("password", "a-wrong-password")],
    );
    let lines = logs();
    for secret in [
        code.as_str(),
        text(&token, "access_token"),
        text(&token, "refresh_token"),
        "a-wrong-password",
        "9990000018",
    ] {
        assert!(!lines.contains(secret));
    }
    let database = gateway.database();
    let count = |sql: &str| -> i64 { database.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert!(count("SELECT count(*) FROM audit_event WHERE failure = 'sign-in-failed'") > 0);
    assert!(
        count(
            "SELECT count(*) FROM audit_event WHERE basis = 'sign-in' AND clinician = 'clinician'"
        ) > 0
    );
    // nothing secret at rest either
    let bytes = std::fs::read(gateway.file()).unwrap();
    for secret in [code.as_str(), text(&token, "refresh_token")] {
        assert!(
            !bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
        );
    }
}
