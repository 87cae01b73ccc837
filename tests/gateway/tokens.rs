//! Codes, tokens and refreshes of the apps: whose they are, how long they live, what ends them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openmig::smart::authenticate::ASSERTION_TYPE;
use reqwest::Method;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::browser::{
    REDIRECT, VERIFIER, basic, code, exchange_with, introspect, read, refresh, text,
};
use crate::support::{FORM, SHARED, alone, encode};

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
