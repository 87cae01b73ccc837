//! SMART app launch over the real router: the pages without a browser, codes, refresh tokens, launches (smart.md, tables
//! A and T, threats of section 7).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openmig::smart::authenticate::ASSERTION_TYPE;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Answer, FORM, SHARED, TestGateway, alone, encode, logs};

pub const REDIRECT: &str = "http://127.0.0.1:9310/app.html";
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const SCOPE: &str = "openid fhirUser launch/patient offline_access patient/*.rs";

/// What an app sends to the authorize endpoint.
pub fn asked(gateway: &TestGateway, client: &str) -> Vec<(String, String)> {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", REDIRECT),
        ("state", "state-1"),
        ("nonce", "nonce-1"),
        ("scope", SCOPE),
        ("aud", &gateway.base),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

pub fn with(mut pairs: Vec<(String, String)>, name: &str, value: &str) -> Vec<(String, String)> {
    pairs.retain(|(n, _)| n != name);
    pairs.push((name.to_owned(), value.to_owned()));
    pairs
}

pub fn form(pairs: &[(String, String)]) -> String {
    let pairs: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    encode(&pairs)
}

/// A browser on one journey: follows no redirect by itself, keeps one cookie.
pub struct Browser<'a> {
    pub gateway: &'a TestGateway,
    pub cookie: String,
    /// The page that is shown.
    pub page: Answer,
}

pub fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let start = text.find(before).map_or(text.len(), |at| at + before.len());
    let rest = &text[start..];
    &rest[..rest.find(after).unwrap_or(0)]
}

impl<'a> Browser<'a> {
    pub fn open(gateway: &'a TestGateway, pairs: &[(String, String)]) -> Self {
        let page = gateway.send(Method::GET, &format!("authorize?{}", form(pairs)), &[], "");
        Self::at(gateway, page)
    }

    fn at(gateway: &'a TestGateway, page: Answer) -> Self {
        let mut browser = Self {
            gateway,
            cookie: String::new(),
            page: page.clone(),
        };
        browser.take_cookie(&page);
        browser
    }

    pub fn take_cookie(&mut self, answer: &Answer) {
        if let Some((pair, _)) = answer.header("set-cookie").split_once(';') {
            pair.clone_into(&mut self.cookie);
        }
    }

    /// Address of the journey's pages.
    pub fn action(&self) -> String {
        let action = between(self.page.text(), "action=\"", "\"");
        action
            .rsplit_once('/')
            .map_or("", |(journey, _)| journey)
            .to_owned()
    }

    pub fn form_token(&self) -> String {
        between(self.page.text(), "name=\"form_token\" value=\"", "\"").to_owned()
    }

    /// Sends a form of the page; follows to the journey's next page, but not out to the app.
    pub fn send(&mut self, step: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.form_token();
        let mut all = vec![("form_token", token.as_str())];
        all.extend_from_slice(fields);
        let answer = self.post(&format!("{}/{step}", self.action()), &encode(&all));
        self.take_cookie(&answer);
        let location = answer.header("location").to_owned();
        if answer.status == 303 && location.starts_with('/') {
            let cookie = self.cookie.clone();
            self.page = self
                .gateway
                .send(Method::GET, &location, &[("cookie", &cookie)], "");
            return self.page.clone();
        }
        if answer.status != 303 {
            self.page = answer.clone();
        }
        answer
    }

    fn post(&self, path: &str, body: &str) -> Answer {
        let headers = [("content-type", FORM), ("cookie", self.cookie.as_str())];
        self.gateway.send(Method::POST, path, &headers, body)
    }

    #[track_caller]
    pub fn sign_in(mut self, username: &str) -> Self {
        self.send(
            "sign-in",
            &[("username", username), ("password", "sandbox")],
        );
        self
    }

    #[track_caller]
    pub fn pick(mut self, nhs_number: &str) -> Self {
        let id = fhir_id(self.gateway, nhs_number);
        assert!(
            self.page.text().contains(&format!(
                "data-testid=\"pick-patient\" data-patient=\"{id}\""
            )),
            "{}",
            self.page.text()
        );
        self.send("pick", &[("patient", &id)]);
        self
    }

    /// Ticks everything that the page marks as an item of the conversation.
    pub fn approve_without(&mut self, left_out: &str, more: &[(&str, &str)]) -> Answer {
        let names = consent_items(self.page.text());
        assert_eq!(names.len(), 8, "{}", self.page.text());
        let mut fields: Vec<(&str, &str)> = names
            .iter()
            .filter(|name| *name != left_out)
            .map(|name| (name.as_str(), "yes"))
            .collect();
        fields.extend_from_slice(more);
        self.send("approve", &fields)
    }

    pub fn approve(&mut self) -> Answer {
        self.approve_without("", &[])
    }
}

/// The page of the conversation, as the out-of-hours clinician sees it.
pub fn consent_page(gateway: &TestGateway, nhs_number: &str) -> String {
    let browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"))
        .sign_in("clinician")
        .pick(nhs_number);
    browser.page.text().to_owned()
}

pub fn consent_items(page: &str) -> Vec<String> {
    page.split("<input ")
        .filter(|tag| tag.split('>').next().unwrap().contains("consent-item"))
        .map(|tag| between(tag, "name=\"", "\"").to_owned())
        .collect()
}

pub fn fhir_id(gateway: &TestGateway, nhs_number: &str) -> String {
    let contract = gateway
        .send(Method::GET, "/sandbox/contract.json", &[], "")
        .expect(200)
        .json();
    let patients = contract["patients"].as_array().unwrap();
    let found = patients.iter().find(|it| it["nhs_number"] == nhs_number);
    found.unwrap()["fhir_id"].as_str().unwrap().to_owned()
}

/// The parameters that the app gets back.
#[track_caller]
pub fn sent_back(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.header("location");
    let query = location
        .strip_prefix(&format!("{REDIRECT}?"))
        .unwrap_or_else(|| panic!("{location}"));
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

pub fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs
        .iter()
        .find(|(n, _)| n == name)
        .map_or("", |(_, value)| value.as_str())
}

/// The whole way to a code.
#[track_caller]
pub fn code(gateway: &TestGateway, client: &str, username: &str, nhs_number: &str) -> String {
    let mut browser = Browser::open(gateway, &asked(gateway, client))
        .sign_in(username)
        .pick(nhs_number);
    let back = sent_back(&browser.approve());
    assert_eq!(value(&back, "state"), "state-1");
    assert_eq!(value(&back, "iss"), gateway.base);
    value(&back, "code").to_owned()
}

pub fn exchange_with(gateway: &TestGateway, code: &str, change: &[(&str, &str)]) -> Answer {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("client_id", "sandbox-spa"),
    ];
    for (name, value) in change {
        pairs.retain(|(n, _)| n != name);
        if !value.is_empty() {
            pairs.push((name, value));
        }
    }
    gateway.post_token(&pairs)
}

pub fn refresh(gateway: &TestGateway, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut pairs = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    pairs.extend_from_slice(more);
    gateway.post_token(&pairs)
}

pub fn read(gateway: &TestGateway, token: &Value, path: &str) -> Answer {
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    gateway.send(Method::GET, path, &[("authorization", &bearer)], "")
}

pub fn basic() -> String {
    format!(
        "Basic {}",
        STANDARD.encode("sandbox-web:sandbox-web-secret")
    )
}

pub fn introspect(gateway: &TestGateway, token: &str) -> Value {
    let headers = [("content-type", FORM), ("authorization", &basic())];
    gateway
        .send(
            Method::POST,
            "introspect",
            &headers,
            &encode(&[("token", token)]),
        )
        .expect(200)
        .json()
}

pub fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_default()
}

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

// A9, A10, AC-09: a code is good once, and its second use ends what came of the first
#[test]
fn a_code_used_twice_kills_its_family() {
    let gateway = &*SHARED;
    let code = code(gateway, "sandbox-spa", "clinician", "9990000018");
    let token = exchange_with(gateway, &code, &[]).expect(200).json();
    let patient = format!("Patient/{}", text(&token, "patient"));
    read(gateway, &token, &patient).expect(200);
    let again = exchange_with(gateway, &code, &[]).expect(400).json();
    assert_eq!(again["error"], "invalid_grant");
    read(gateway, &token, &patient).expect(401);
    refresh(gateway, text(&token, "refresh_token"), &[]).expect(400);
}

// T3, T4, AC-10 to AC-17: whatever does not belong to the code is refused, and does not use it up
#[test]
fn only_the_apps_own_verifier_address_and_name_fit_a_code() {
    let gateway = &*SHARED;
    let code = code(gateway, "sandbox-spa", "clinician", "9990000387");
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    for change in [
        ("code_verifier", ""),
        ("code_verifier", "short"),
        ("code_verifier", challenge.as_str()),
        (
            "code_verifier",
            "aBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
        ("redirect_uri", "http://127.0.0.1:9310/other.html"),
        ("redirect_uri", ""),
        ("code", "unknown"),
    ] {
        let answer = exchange_with(gateway, &code, &[change]).expect(400).json();
        assert_eq!(answer["error"], "invalid_grant", "{change:?}");
    }
    // another client, which proves who it is; and one that does not
    let headers = [("content-type", FORM), ("authorization", &basic())];
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let answer = gateway.send(Method::POST, "token", &headers, &encode(&pairs));
    assert_eq!(answer.expect(400).json()["error"], "invalid_grant");
    let answer = exchange_with(gateway, &code, &[("client_id", "sandbox-web")]);
    assert_eq!(answer.expect(401).json()["error"], "invalid_client");
    exchange_with(gateway, &code, &[]).expect(200);
}

// T5, J1: confidential clients, by secret and by key
#[test]
fn confidential_clients_prove_who_they_are() {
    let gateway = &*SHARED;
    let by_secret = code(gateway, "sandbox-web", "hospital-doctor", "9990000018");
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", by_secret.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let wrong = format!("Basic {}", STANDARD.encode("sandbox-web:wrong"));
    let headers = |value| [("content-type", FORM), ("authorization", value)];
    let answer = gateway
        .send(Method::POST, "token", &headers(&wrong), &encode(&pairs))
        .expect(401);
    assert!(answer.header("www-authenticate").starts_with("Basic"));
    let right = basic();
    let token = gateway
        .send(Method::POST, "token", &headers(&right), &encode(&pairs))
        .expect(200)
        .json();
    // bound to its client (T9)
    let stolen = refresh(
        gateway,
        text(&token, "refresh_token"),
        &[("client_id", "sandbox-spa")],
    );
    assert_eq!(stolen.expect(400).json()["error"], "invalid_grant");
    let stolen = refresh(gateway, text(&token, "refresh_token"), &[]);
    assert_eq!(stolen.expect(400).json()["error"], "invalid_grant");

    let by_key = code(gateway, "sandbox-web-keys", "hospital-doctor", "9990000018");
    let assertion = gateway.assertion("sandbox-web-keys", "");
    let change = [
        ("client_id", ""),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion.as_str()),
    ];
    exchange_with(gateway, &by_key, &change).expect(200);
    // and no word about clinicians of its own (R101)
    let assertion = gateway.assertion("sandbox-web-keys", "hospital-doctor");
    let answer = gateway.post_token(&[
        ("grant_type", "client_credentials"),
        ("scope", "system/*.rs"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", &assertion),
    ]);
    assert_eq!(answer.expect(400).json()["error"], "unauthorized_client");
}

// T9, T10, AC-29, AC-30; smart.md decision 7
#[test]
fn a_refresh_token_rotates_with_a_short_idempotent_grace() {
    let gateway = &*SHARED;
    let code = code(gateway, "sandbox-spa", "clinician", "9990000018");
    let first = exchange_with(gateway, &code, &[]).expect(200).json();
    let token = text(&first, "refresh_token").to_owned();
    let wider = refresh(gateway, &token, &[("scope", "patient/Patient.cruds")]).expect(400);
    assert_eq!(wider.json()["error"], "invalid_scope");
    // a public client names nobody, or itself
    let second = refresh(gateway, &token, &[]).expect(200).json();
    let repeated = refresh(gateway, &token, &[("client_id", "sandbox-spa")])
        .expect(200)
        .json();
    for name in ["access_token", "refresh_token", "patient", "scope"] {
        assert_eq!(second[name], repeated[name], "{name}");
    }
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    // for another scope it is another request: nothing is given, nothing is lost
    refresh(gateway, &token, &[("scope", "openid")]).expect(400);
    let patient = format!("Patient/{}", text(&first, "patient"));
    read(gateway, &second, &patient).expect(200);
    // The new pair is in use: whoever comes with the old token now is not who it was given to.
    let reused = refresh(gateway, &token, &[]).expect(400).json();
    assert_eq!(reused["error"], "invalid_grant");
    read(gateway, &second, &patient).expect(401);
    refresh(gateway, text(&second, "refresh_token"), &[]).expect(400);
    assert_eq!(
        introspect(gateway, text(&second, "refresh_token")),
        json!({"active": false})
    );
}

// T9: narrower is fine, and only for that token
#[test]
fn a_refresh_may_ask_for_less() {
    let gateway = &*SHARED;
    let code = code(gateway, "sandbox-spa", "clinician", "9990000018");
    let first = exchange_with(gateway, &code, &[]).expect(200).json();
    let less = refresh(
        gateway,
        text(&first, "refresh_token"),
        &[("scope", "patient/Patient.rs")],
    );
    let less = less.expect(200).json();
    assert_eq!(less["scope"], "patient/Patient.rs");
    let patient = text(&first, "patient");
    read(gateway, &less, &format!("Condition?patient={patient}")).expect(403);
    let all = refresh(gateway, text(&less, "refresh_token"), &[])
        .expect(200)
        .json();
    assert_eq!(all["scope"], first["scope"]);
}

// T15, AC-33: with either token the family ends
#[test]
fn revocation_ends_the_family() {
    let gateway = &*SHARED;
    for which in ["access_token", "refresh_token"] {
        let code = code(gateway, "sandbox-spa", "clinician", "9990000018");
        let token = exchange_with(gateway, &code, &[]).expect(200).json();
        let revoke = |pairs: &[(&str, &str)]| {
            gateway.send(
                Method::POST,
                "revoke",
                &[("content-type", FORM)],
                &encode(pairs),
            )
        };
        revoke(&[("token", text(&token, which))]).expect(400);
        revoke(&[("token", text(&token, which)), ("client_id", "sandbox-spa")]).expect(200);
        revoke(&[("token", "unknown"), ("client_id", "sandbox-spa")]).expect(200);
        read(
            gateway,
            &token,
            &format!("Patient/{}", text(&token, "patient")),
        )
        .expect(401);
        refresh(gateway, text(&token, "refresh_token"), &[]).expect(400);
    }
}

// A9, A8, T8, design.md 7: nothing outlives its time
#[test]
fn codes_tokens_and_refreshes_end_in_time() {
    let gateway = &*alone();
    let late = code(gateway, "sandbox-spa", "clinician", "9990000018");
    gateway.advance(61);
    let answer = exchange_with(gateway, &late, &[]).expect(400).json();
    assert_eq!(answer["error"], "invalid_grant");

    let code = code(gateway, "sandbox-spa", "clinician", "9990000018");
    let first = exchange_with(gateway, &code, &[]).expect(200).json();
    let patient = format!("Patient/{}", text(&first, "patient"));
    gateway.advance(901);
    read(gateway, &first, &patient).expect(401);
    let second = refresh(gateway, text(&first, "refresh_token"), &[])
        .expect(200)
        .json();
    // the occasion's window is what is left
    assert!(second["expires_in"].as_i64().unwrap() <= 899);
    read(gateway, &second, &patient).expect(200);
    gateway.advance(901);
    read(gateway, &second, &patient).expect(401);
    refresh(gateway, text(&second, "refresh_token"), &[]).expect(400);
}

// T10: the grace is over by itself too
#[test]
fn after_the_grace_a_second_use_is_a_theft() {
    let gateway = &*alone();
    let code = code(gateway, "sandbox-spa", "clinician", "9990000018");
    let first = exchange_with(gateway, &code, &[]).expect(200).json();
    let second = refresh(gateway, text(&first, "refresh_token"), &[])
        .expect(200)
        .json();
    gateway.advance(11);
    refresh(gateway, text(&first, "refresh_token"), &[]).expect(400);
    read(
        gateway,
        &second,
        &format!("Patient/{}", text(&first, "patient")),
    )
    .expect(401);
}

// R070 to R074, R080: no look-up before consent, and no item may be missing
#[test]
fn every_item_is_needed_and_nothing_is_looked_up_before() {
    let gateway = &*alone();
    let before = gateway.outside();
    let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"))
        .sign_in("clinician")
        .pick("9990000018");
    for item in consent_items(browser.page.text()) {
        let page = browser.approve_without(&item, &[]).expect(400);
        assert!(page.text().contains("There is a problem"), "{item}");
        assert!(page.text().contains("<title>Error: "), "{item}");
    }
    assert_eq!(gateway.outside(), before);
    sent_back(&browser.approve());
    assert!(gateway.outside() > before);
}

// R077, R078: a refusal is recorded and honoured, also against an override; the patient may change their mind
#[test]
fn a_refusal_stands_until_the_patient_changes_their_mind() {
    let gateway = &*alone();
    let start = || {
        Browser::open(gateway, &asked(gateway, "sandbox-spa"))
            .sign_in("clinician")
            .pick("9990005192")
    };
    let before = gateway.outside();
    let mut browser = start();
    let back = sent_back(&browser.send("refused", &[]));
    assert_eq!(value(&back, "error"), "access_denied");
    assert_eq!(
        (value(&back, "state"), value(&back, "iss")),
        ("state-1", gateway.base.as_str())
    );
    assert_eq!(value(&back, "code"), "");
    let mut browser = start();
    assert!(browser.page.text().contains("name=\"changed_mind\""));
    let page = browser.approve().expect(400);
    assert!(page.text().contains("There is a problem"));
    let emergency = [
        ("override_reason", "unconscious"),
        (
            "override_text",
            "Found collapsed at home, unresponsive, no companion",
        ),
    ];
    browser.send("override", &emergency).expect(400);
    assert_eq!(gateway.outside(), before);
    let back = sent_back(&browser.approve_without("", &[("changed_mind", "yes")]));
    assert!(!value(&back, "code").is_empty());
    // another clinician is not refused by it (R078)
    let browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"))
        .sign_in("hospital-doctor")
        .pick("9990005192");
    assert!(!browser.page.text().contains("name=\"changed_mind\""));
}

// R090 to R092: an override gives a short token, no refresh token, and an alert
#[test]
fn an_override_is_short_and_cannot_be_refreshed() {
    let gateway = &*SHARED;
    let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"))
        .sign_in("clinician")
        .pick("9990006679");
    for (reason, words) in [
        ("", "Found collapsed at home, unresponsive"),
        ("unconscious", "short"),
        ("curious", "Found collapsed at home, unresponsive"),
    ] {
        let fields = [("override_reason", reason), ("override_text", words)];
        let page = browser.send("override", &fields).expect(400);
        assert!(page.text().contains("<details open>"), "{reason}");
    }
    let fields = [
        ("override_reason", "unconscious"),
        (
            "override_text",
            "Found collapsed at home, unresponsive, no companion",
        ),
    ];
    let back = sent_back(&browser.send("override", &fields));
    let token = exchange_with(gateway, value(&back, "code"), &[])
        .expect(200)
        .json();
    assert_eq!(token["expires_in"], 300);
    assert_eq!(token.get("refresh_token"), None);
    assert!(!text(&token, "scope").contains("offline_access"));
    assert_eq!(token["authorization_details"][0]["override"], true);
    read(
        gateway,
        &token,
        &format!("Patient/{}", text(&token, "patient")),
    )
    .expect(200);
}

// R100, R102, R155: who may not look is told why, in words, before any patient is named
#[test]
fn who_may_not_look_is_told_why() {
    let gateway = &*SHARED;
    for (username, words) in [
        (
            "receptionist",
            "Your role is not one of a qualified clinician",
        ),
        (
            "privacy-officer",
            "Your role is not one of a qualified clinician",
        ),
        ("untrained", "training is missing or out of date"),
        ("walkin-doctor", "access is suspended"),
        (
            "practice-manager",
            "You are not registered to use this service",
        ),
        ("oversight", "You are not registered to use this service"),
    ] {
        let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa")).sign_in(username);
        let page = browser.page.clone().expect(403);
        let said = page.text().replace("&#39;", "'");
        assert!(said.contains(words), "{username}: {said}");
        assert!(!said.contains("pick-patient"), "{username}");
        assert!(said.contains("data-testid=\"deny\""));
        let back = sent_back(&browser.send("deny", &[]));
        assert_eq!(value(&back, "error"), "access_denied");
    }
}

// design.md 7: one uniform page for everything about the patient
#[test]
fn what_is_the_patients_matter_is_refused_alike() {
    let gateway = &*SHARED;
    let mut pages = Vec::new();
    for number in [
        "9990001863",
        "9990002606",
        "9990003343",
        "9990003718",
        "9990008159",
        "9990009635",
    ] {
        let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa"))
            .sign_in("clinician")
            .pick(number);
        let page = browser.approve().expect(403);
        assert!(
            page.text()
                .contains("No record is available through this service.")
        );
        let journey = browser.action();
        let own = page
            .text()
            .replace(&journey, "J")
            .replace(&browser.form_token(), "T");
        pages.push(own);
        assert_eq!(
            value(&sent_back(&browser.send("deny", &[])), "error"),
            "access_denied"
        );
    }
    assert!(pages.windows(2).all(|two| two[0] == two[1]));
}

// R104: the form is matched against the worklist alone
#[test]
fn a_patient_is_found_on_the_worklist_or_not_at_all() {
    let gateway = &*SHARED;
    let mut browser = Browser::open(gateway, &asked(gateway, "sandbox-spa")).sign_in("clinician");
    let mut find = |number: &str, born: &str| {
        browser.send("find", &[("nhs_number", number), ("date_of_birth", born)])
    };
    for (number, born) in [
        ("9990000018", "1957-03-15"),
        ("9990007780", "1964-04-23"),
        ("9990009999", "1964-04-23"),
    ] {
        let page = find(number, born);
        let wanted = if number == "9990009999" { 400 } else { 403 };
        let page = page.expect(wanted);
        assert!(!page.text().contains("consent-item"), "{number}");
    }
    find("999 000 0018", "x").expect(400);
    assert!(
        find("999 000 0018", "14/03/1957")
            .expect(200)
            .text()
            .contains("consent-item")
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
