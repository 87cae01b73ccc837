use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use super::*;
use crate::clock::{FixedClock, ShiftedClock};
use crate::sandbox::keys::USER_BASE;
use crate::smart::fakes::*;

// fourth row: form parameters
#[tokio::test]
async fn missing_repeated_and_doubled_parameters_are_invalid_request() {
    let world = world(Ok(open_until(1800)));
    for name in [
        "grant_type",
        "scope",
        "client_assertion_type",
        "client_assertion",
        "authorization_details",
    ] {
        let response = world.post(&without(backend(), name)).await;
        assert_eq!(error(&response), (400, "invalid_request"), "{name}");
        assert!(
            description(&response).contains(name),
            "{}",
            description(&response)
        );
        let response = world.post(&with(backend(), name, "")).await;
        assert_eq!(error(&response), (400, "invalid_request"), "{name} empty");
    }
    let mut repeated = backend();
    repeated.push(("scope", "system/*.rs".to_owned()));
    assert_eq!(
        error(&world.post(&repeated).await),
        (400, "invalid_request")
    );
    // T6, BS-30: one authentication method
    let mut doubled = request(&backend());
    doubled.headers.insert(
        header::AUTHORIZATION,
        HeaderValue::from_static("Basic c2FuZGJveC13ZWI6c2FuZGJveC13ZWItc2VjcmV0"),
    );
    assert_eq!(
        error(&world.endpoint.handle(doubled).await),
        (400, "invalid_request")
    );
    let doubled = with(backend(), "client_secret", "x");
    assert_eq!(error(&world.post(&doubled).await), (400, "invalid_request"));
    assert!(world.opener.asked.lock().unwrap().is_empty());
}

// T16, BS-27
#[tokio::test]
async fn other_grants_are_unsupported() {
    let world = world(Ok(open_until(1800)));
    for grant in [
        "authorization_code",
        "password",
        "refresh_token",
        "Client_Credentials",
    ] {
        let response = world.post(&with(backend(), "grant_type", grant)).await;
        assert_eq!(error(&response), (400, "unsupported_grant_type"));
    }
}

// J9: client and assertion
#[tokio::test]
async fn bad_clients_and_assertions_are_invalid_client() {
    let world = world(Ok(open_until(1800)));
    let signed = |claims: Value| pairs(BACKEND.sign(&claims).unwrap());
    let replayed = backend();
    assert_eq!(world.post(&replayed).await.status, StatusCode::OK);
    let mut cases = vec![
        ("jti was used", replayed),
        ("not registered", signed(claims("nobody"))),
        ("signature", {
            let (message, signature) = (backend()[3].1.clone(), String::new());
            let head = message.rsplit_once('.').unwrap().0.to_owned();
            pairs(format!("{head}.{signature}AAAA"))
        }),
        // a key of another client: its kid is not in this client's set
        (
            "no key",
            pairs(AUDIT.sign(&claims("sandbox-backend")).unwrap()),
        ),
        (
            "does not authenticate with a key",
            signed(claims("sandbox-web")),
        ),
        ("not a signed JWT", pairs("x.y.z".to_owned())),
        (
            "JWT bearer type",
            with(backend(), "client_assertion_type", "not_a_type"),
        ),
        ("client_id", with(backend(), "client_id", "other-backend")),
    ];
    for member in ["exp", "aud", "jti", "iss", "sub"] {
        let mut claims = claims("sandbox-backend");
        claims.as_object_mut().unwrap().remove(member);
        cases.push((member, signed(claims)));
    }
    for (says, pairs) in cases {
        let response = world.post(&pairs).await;
        assert_eq!(error(&response), (401, "invalid_client"), "{says}");
        assert!(
            description(&response).contains(says),
            "{says}: {}",
            description(&response)
        );
        assert!(
            response
                .headers
                .iter()
                .any(|(name, _)| name == header::WWW_AUTHENTICATE)
        );
        assert_eq!(world.last_row().failure.as_deref(), Some("invalid_client"));
        assert_eq!(world.last_row().client, None);
    }
}

// R101, R106: the named clinician
#[tokio::test]
async fn clinician_claims_that_are_missing_unknown_or_foreign_are_invalid_client() {
    let world = world(Ok(open_until(1800)));
    let claim = |member: &str, value: Value| {
        let mut claims = claims("sandbox-backend");
        claims["extensions"]["hl7-b2b"][member] = value;
        pairs(BACKEND.sign(&claims).unwrap())
    };
    let mut nobody = claims("sandbox-backend");
    nobody.as_object_mut().unwrap().remove("extensions");
    let org = |ods: &str| {
        json!(format!(
            "https://fhir.nhs.uk/Id/ods-organization-code#{ods}"
        ))
    };
    let user = |name: &str| json!(format!("{USER_BASE}#{name}"));
    let reason = |code: &str| format!("http://terminology.hl7.org/CodeSystem/v3-ActReason#{code}");
    for (says, pairs) in [
        ("hl7-b2b is missing", pairs(BACKEND.sign(&nobody).unwrap())),
        (".subject_id", claim("subject_id", Value::Null)),
        (".organization_id", claim("organization_id", json!(7))),
        (".purpose_of_use", claim("purpose_of_use", json!([]))),
        (".purpose_of_use", claim("purpose_of_use", Value::Null)),
        ("no known user", claim("subject_id", user("nobody"))),
        ("no known user", claim("subject_id", user(""))),
        (
            "no known user",
            claim(
                "subject_id",
                json!("https://evil.example/user#hospital-doctor"),
            ),
        ),
        (
            "no known user",
            claim("subject_id", json!("hospital-doctor")),
        ),
        ("does not belong", claim("subject_id", user("clinician"))),
        ("organization_id", claim("organization_id", org("Z9O01"))),
        ("organization_id", claim("organization_id", json!("Z9H01"))),
        ("TREAT", claim("purpose_of_use", json!([reason("HRESCH")]))),
        (
            "TREAT",
            claim("purpose_of_use", json!([reason("TREAT"), reason("BTG")])),
        ),
        ("TREAT", claim("purpose_of_use", json!(["TREAT"]))),
    ] {
        let response = world.post(&pairs).await;
        assert_eq!(error(&response), (401, "invalid_client"), "{says}");
        assert!(
            description(&response).contains(says),
            "{says}: {}",
            description(&response)
        );
    }
    // another organisation's client cannot borrow this clinician
    let response = world
        .post(&pairs(BACKEND.sign(&claims("other-backend")).unwrap()))
        .await;
    assert_eq!(error(&response), (401, "invalid_client"));
    assert!(world.opener.asked.lock().unwrap().is_empty());
}

// T5, T6
#[tokio::test]
async fn clients_without_a_key_get_no_token_here() {
    let world = world(Ok(open_until(1800)));
    let form = without(
        without(backend(), "client_assertion"),
        "client_assertion_type",
    );
    for (credentials, expected) in [
        (
            "sandbox-web:sandbox-web-secret",
            (400, "unauthorized_client"),
        ),
        ("sandbox-web:wrong", (401, "invalid_client")),
        ("nobody:x", (401, "invalid_client")),
        ("sandbox-spa:", (401, "invalid_client")),
        ("sandbox-backend:", (401, "invalid_client")),
    ] {
        let mut request = request(&form);
        let value = base64::engine::general_purpose::STANDARD.encode(credentials);
        request.headers.insert(
            header::AUTHORIZATION,
            format!("Basic {value}").parse().unwrap(),
        );
        assert_eq!(
            error(&world.endpoint.handle(request).await),
            expected,
            "{credentials}"
        );
    }
    let public = with(form, "client_id", "sandbox-spa");
    assert_eq!(error(&world.post(&public).await), (400, "invalid_request"));
}

// Assertions stay on the machine's clock; their ids are kept long enough for a store that clears by the sandbox's.
#[tokio::test]
async fn a_moved_clock_changes_nothing_for_assertions() {
    let store = Arc::new(FakeStore::default());
    let ahead = ShiftedClock::default();
    ahead.advance(7200);
    let who = authenticator(&store, Arc::new(ahead));
    let sent = request(&backend());
    let form = Form::read(&sent).unwrap();
    assert!(who.client(&sent, &form).await.is_ok());
    let until = store.used.lock().unwrap()[0].2;
    assert!(until.duration_since(now()).as_secs() > 7200 + 330);
    // the gateway's clock behind: kept as long as the assertion lives all the same
    let store = Arc::new(FakeStore::default());
    let behind: SharedClock = Arc::new(FixedClock(Timestamp::UNIX_EPOCH));
    let who = authenticator(&store, behind);
    let sent = request(&backend());
    let form = Form::read(&sent).unwrap();
    assert!(who.client(&sent, &form).await.is_ok());
    assert!(store.used.lock().unwrap()[0].2 > now());
}
