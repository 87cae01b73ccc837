//! No code, token, secret or assertion ever reaches a log, of ours or of a library, whatever goes well or wrong (issue 6, "Bad
//! input"; AC-07, R128).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openmig::smart::authenticate::ASSERTION_TYPE;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::browser::{
    Browser, REDIRECT, VERIFIER, asked, exchange_with, fhir_id, introspect, read, refresh,
    sent_back, text, value, with,
};
use crate::support::{Ask, FORM, SHARED, TestGateway, at_trace, encode};

/// Everything of a run that nobody but the two ends may see.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn seen(&mut self, what: &'static str, secret: &str) -> String {
        assert!(
            secret.len() >= 10,
            "{what} is too short to be looked for: {secret}"
        );
        self.0.push((what, secret.to_owned()));
        secret.to_owned()
    }
}

fn backend(gateway: &TestGateway, secrets: &mut Secrets) {
    let details = |number: &str| json!([Ask::consent(number).details]).to_string();
    let ask = |assertion: &str, details: &str| {
        gateway.post_token(&[
            ("grant_type", "client_credentials"),
            ("scope", "system/*.rs"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
            ("authorization_details", details),
        ])
    };
    let fresh = |secrets: &mut Secrets| {
        let assertion = gateway.assertion("sandbox-backend", "hospital-doctor");
        secrets.seen("assertion", &assertion)
    };
    let assertion = fresh(secrets);
    let token = ask(&assertion, &details("9990000018")).expect(200).json();
    let access = secrets.seen("access token", text(&token, "access_token"));
    let patient = text(&token, "patient");
    read(gateway, &token, &format!("Patient/{patient}")).expect(200);
    read(
        gateway,
        &token,
        &format!("Condition?patient={patient}&_count=5"),
    )
    .expect(200);
    let search = encode(&[("patient", patient), ("identifier", "9990000018")]);
    let bearer = format!("Bearer {access}");
    let headers = [("content-type", FORM), ("authorization", bearer.as_str())];
    gateway.send(Method::POST, "Patient/_search", &headers, &search);
    // refused: replayed, cut, signed by nobody, about nobody, not on the list, source broken
    ask(&assertion, &details("9990000018")).expect(401);
    ask(&assertion[..assertion.len() - 4], &details("9990000018")).expect(401);
    let unsigned = format!("{}.", assertion.rsplit_once('.').unwrap().0);
    ask(&unsigned, &details("9990000018")).expect(401);
    for number in ["9990001863", "9990007780", "9990000019", "9990008892"] {
        let assertion = fresh(secrets);
        assert!(ask(&assertion, &details(number)).status >= 400, "{number}");
    }
    // in places where no secret belongs
    let odd = secrets.seen("a token that is none", "not-a-token-of-anybody-1234567890");
    gateway.send(
        Method::GET,
        "metadata",
        &[("authorization", &format!("Bearer {odd}"))],
        "",
    );
    gateway
        .send(
            Method::GET,
            "Patient/x",
            &[("authorization", &format!("Bearer {odd}"))],
            "",
        )
        .expect(401);
    gateway
        .send(
            Method::POST,
            &format!("token?client_assertion={odd}"),
            &[("content-type", FORM)],
            "a=b",
        )
        .expect(400);
    gateway
        .send(
            Method::POST,
            "token",
            &[("content-type", "application/json")],
            &json!({"client_assertion": odd}).to_string(),
        )
        .expect(400);
    let withdraw = [("content-type", FORM), ("authorization", bearer.as_str())];
    gateway
        .send(Method::POST, "withdraw", &withdraw, "reason=finished")
        .expect(200);
    gateway.send(Method::POST, "withdraw", &withdraw, "reason=finished");
}

fn app(gateway: &TestGateway, secrets: &mut Secrets) {
    let verifier = secrets.seen("verifier", VERIFIER);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    assert!(!challenge.is_empty());
    let state = secrets.seen("state", "state-known-to-the-app-alone-7c1");
    let nonce = secrets.seen("nonce", "nonce-known-to-the-app-alone-9d2");
    let pairs = with(asked(gateway, "sandbox-spa"), "state", &state);
    let pairs = with(pairs, "nonce", &nonce);
    let mut browser = Browser::open(gateway, &pairs);
    for word in ["hunter2-the-wrong-one", "sandbox"] {
        if word.len() >= 10 {
            secrets.seen("password", word);
        }
        secrets.seen("cookie", browser.cookie.split_once('=').unwrap().1);
        secrets.seen("form token", &browser.form_token());
        browser.send("sign-in", &[("username", "clinician"), ("password", word)]);
    }
    secrets.seen("cookie", browser.cookie.split_once('=').unwrap().1);
    let mut browser = browser.pick("9990000018");
    secrets.seen("form token", &browser.form_token());
    let back = sent_back(&browser.approve());
    let code = secrets.seen("code", value(&back, "code"));
    exchange_with(
        gateway,
        &code,
        &[(
            "code_verifier",
            "a-verifier-of-somebody-else-0123456789-abcdefgh",
        )],
    )
    .expect(400);
    let first = exchange_with(gateway, &code, &[]).expect(200).json();
    let note = |token: &Value, secrets: &mut Secrets| {
        secrets.seen("access token", text(token, "access_token"));
        secrets.seen("refresh token", text(token, "refresh_token"))
    };
    let old = note(&first, secrets);
    secrets.seen("id token", text(&first, "id_token"));
    read(
        gateway,
        &first,
        &format!("Patient/{}", text(&first, "patient")),
    )
    .expect(200);
    let second = refresh(gateway, &old, &[]).expect(200).json();
    note(&second, secrets);
    introspect(gateway, text(&second, "refresh_token"));
    introspect(gateway, text(&second, "access_token"));
    refresh(gateway, &old, &[("scope", "system/*.rs")]).expect(400);
    read(
        gateway,
        &second,
        &format!("Patient/{}", text(&first, "patient")),
    )
    .expect(200);
    refresh(gateway, &old, &[]).expect(400);
    exchange_with(gateway, &code, &[]).expect(400);
    let revoke = encode(&[
        ("token", text(&second, "refresh_token")),
        ("client_id", "sandbox-spa"),
    ]);
    gateway
        .send(Method::POST, "revoke", &[("content-type", FORM)], &revoke)
        .expect(200);
    // a client's secret, right and wrong
    for (secret, status) in [("sandbox-web-secret", 200), ("sandbox-web-wrong", 401)] {
        let pair = format!("sandbox-web:{secret}");
        let encoded = STANDARD.encode(&pair);
        secrets.seen("client secret", secret);
        secrets.seen("client secret, encoded", &encoded);
        let basic = format!("Basic {encoded}");
        let headers = [("content-type", FORM), ("authorization", basic.as_str())];
        gateway
            .send(Method::POST, "introspect", &headers, "token=whatever")
            .expect(status);
    }
}

fn launch(gateway: &TestGateway, secrets: &mut Secrets) {
    let patient = fhir_id(gateway, "9990000387");
    let body =
        json!({"client_id": "sandbox-spa", "username": "hospital-doctor", "patient": patient});
    let headers = [("content-type", "application/json")];
    let answer = gateway.send(Method::POST, "/sandbox/launch", &headers, &body.to_string());
    let handle = secrets.seen("launch handle", text(&answer.expect(200).json(), "launch"));
    let pairs = with(asked(gateway, "sandbox-spa"), "launch", &handle);
    let pairs = with(pairs, "scope", "launch patient/*.rs");
    // another app's, then its own, then a second time
    let other = with(pairs.clone(), "client_id", "sandbox-web");
    sent_back(&Browser::open(gateway, &other).page);
    let mut browser = Browser::open(gateway, &pairs).sign_in("hospital-doctor");
    let back = sent_back(&browser.approve());
    let code = secrets.seen("code", value(&back, "code"));
    // to an address that is not the app's
    let elsewhere = [("redirect_uri", "http://127.0.0.1:9310/else.html")];
    exchange_with(gateway, &code, &elsewhere).expect(400);
    let token = exchange_with(gateway, &code, &[]).expect(200).json();
    secrets.seen("access token", text(&token, "access_token"));
    sent_back(&Browser::open(gateway, &pairs).page);
    let strange = with(pairs, "redirect_uri", &format!("{REDIRECT}?stolen=1"));
    Browser::open(gateway, &strange).page.expect(400);
}

// The whole of it: backend, app, EHR launch, refresh, revocation, withdrawal, and every kind of failure
#[test]
fn nothing_secret_is_ever_logged() {
    let gateway = &*SHARED;
    let mut secrets = Secrets::default();
    let lines = at_trace(|| {
        backend(gateway, &mut secrets);
        app(gateway, &mut secrets);
        launch(gateway, &mut secrets);
    });
    assert!(
        lines.contains("\"level\":\"TRACE\""),
        "libraries were asked to say all"
    );
    assert!(secrets.0.len() > 25, "{}", secrets.0.len());
    for (what, secret) in &secrets.0 {
        assert!(!lines.contains(secret.as_str()), "a {what} is in a log");
        let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        assert!(!lines.contains(&encoded), "a {what} is in a log, encoded");
    }
    // nor who the patients are
    for number in [
        "9990000018",
        "9990000387",
        "9990001863",
        "9990007780",
        "9990000019",
    ] {
        assert!(!lines.contains(number), "an NHS number is in a log");
    }
    // a check of the check: what is looked for would be found
    tracing::info!("a line with {}", secrets.0[0].1);
    assert!(crate::support::logs().contains(&secrets.0[0].1));
}
