use crate::smart::details::OCCASION_TYPE;
use http::{StatusCode, header};

use super::*;
use crate::occasion::OccasionRefusal;
use crate::smart::fakes::*;

// T1, T8, BS-01: one call
#[tokio::test]
async fn one_call_gives_a_token_bound_to_one_occasion() {
    let world = world(Ok(open_until(1800)));
    let response = world.post(&backend()).await;
    let body = response.body.clone().unwrap();
    assert_eq!(response.status, StatusCode::OK, "{body}");
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(token.len(), 43);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 300);
    assert_eq!(body["patient"], patient().as_str());
    assert!(body.get("refresh_token").is_none());
    let scope = body["scope"].as_str().unwrap();
    assert!(scope.contains("system/MedicationStatement.rs") && !scope.contains('*'));
    assert!(!scope.contains("Encounter"));
    let detail = &body["authorization_details"][0];
    assert_eq!(detail["type"], OCCASION_TYPE);
    assert_eq!(detail["occasion"], "occasion-1");
    assert_eq!(detail["patient"], patient().as_str());
    assert_eq!(detail["consent"], "Consent/consent-1");
    assert_eq!(detail.get("override"), None);
    assert_eq!(detail["tabs"], json!(["summary", "medication"]));
    assert!(
        detail["expires_at"]
            .as_str()
            .unwrap()
            .parse::<Timestamp>()
            .is_ok()
    );

    let row = world.store.rows.lock().unwrap()[&token_hash(token)].clone();
    assert_eq!(row.clinician.as_deref(), Some("hospital-doctor"));
    assert_eq!(row.assurance.as_deref(), Some("asserted"));
    assert_eq!(
        (row.patient, row.occasion),
        (Some(patient()), Some("occasion-1".to_owned()))
    );
    assert_eq!(row.scopes, scope);

    let audit = world.last_row();
    assert!(matches!(audit.what, What::Access(AccessStep::Token)));
    assert_eq!(audit.failure, None);
    assert_eq!(audit.client.as_deref(), Some("sandbox-backend"));
    assert_eq!(audit.clinician.as_deref(), Some("hospital-doctor"));
    assert_eq!(audit.role.as_deref(), Some("consultant"));
    assert_eq!(audit.viewer, Some(OdsCode("Z9H01".to_owned())));
    assert_eq!(audit.basis.as_deref(), Some("consent:consent-1"));
    assert_eq!(audit.purpose, ["TREAT"]);
    assert_eq!(audit.policy.as_deref(), Some("register-hash"));
    assert_eq!(audit.token.as_deref().map(str::len), Some(32));
    assert!(!format!("{audit:?}").contains(token) && !format!("{audit:?}").contains("9990000018"));

    let asked = world.opener.asked.lock().unwrap();
    assert_eq!(asked[0].treatment, "worklist");
    assert_eq!(asked[0].origin.request_id, "request-1");
}

#[tokio::test]
async fn a_token_never_outlives_its_occasion() {
    let response = world(Ok(open_until(100))).post(&backend()).await;
    let expires = response.body.unwrap()["expires_in"].as_i64().unwrap();
    assert!((95..=100).contains(&expires), "{expires}");
    let response = world(Ok(open_until(0))).post(&backend()).await;
    assert_eq!(error(&response), (400, "access_denied"));
    assert_eq!(response.body.unwrap()["reason"], "occasion-not-open");
}

#[tokio::test]
async fn an_override_is_said_to_be_one() {
    let open = OpenOccasion {
        consent: None,
        ..open_until(1800)
    };
    let world = world(Ok(open));
    let details = r#"[{"type":"https://openmig.org/occasion","patient":"9990006679","treatment":"worklist","override":{"reason":"unconscious","text":"found collapsed"}}]"#;
    let response = world
        .post(&with(backend(), "authorization_details", details))
        .await;
    let body = response.body.unwrap();
    assert_eq!(body["authorization_details"][0]["override"], true);
    assert_eq!(body["authorization_details"][0].get("consent"), None);
    assert_eq!(body["expires_in"], 300);
    assert_eq!(world.last_row().purpose, ["BTG", "ETREAT"]);
    assert_eq!(world.last_row().basis.as_deref(), Some("override"));
}

#[tokio::test]
async fn naming_the_occasion_gives_a_fresh_token() {
    let world = world(Ok(open_until(1800)));
    let details = r#"[{"type":"https://openmig.org/occasion","occasion":"occasion-1"}]"#;
    let response = world
        .post(&with(backend(), "authorization_details", details))
        .await;
    assert_eq!(response.status, StatusCode::OK);
    let resumed = world.opener.resumed.lock().unwrap();
    assert_eq!(resumed[0].occasion, "occasion-1");
    assert_eq!(resumed[0].client_id, "sandbox-backend");
    assert_eq!(resumed[0].clinician.username, "hospital-doctor");
    assert!(world.opener.asked.lock().unwrap().is_empty());
}

// sandbox.md, refusal table, first row; R047
#[tokio::test]
async fn anything_about_the_patient_is_one_answer_at_one_time() {
    for work in [0, 30, 100] {
        let world = world_with(
            Err(OccasionRefusal::NoRecordAvailable),
            Duration::from_millis(work),
            FakeStore::default(),
            FakeAudit::default(),
        );
        let began = Instant::now();
        let response = world.post(&backend()).await;
        let took = began.elapsed();
        let floor = if work < 80 { 80 } else { 160 };
        assert!(took >= Duration::from_millis(floor), "{took:?}");
        assert_eq!(response.status, StatusCode::BAD_REQUEST);
        assert!(response.headers.is_empty());
        assert_eq!(
            response.body.unwrap().to_string(),
            r#"{"error":"access_denied","error_description":"No record is available through this service."}"#
        );
        assert_eq!(
            world.last_row().failure.as_deref(),
            Some("no-record-available")
        );
    }
    assert_eq!(
        floor(Duration::from_millis(250), Duration::ZERO).as_millis(),
        250
    );
    assert_eq!(
        floor(Duration::from_millis(250), Duration::from_millis(251)).as_millis(),
        500
    );
}

// second row
#[tokio::test]
async fn what_people_can_mend_has_its_reason() {
    let world = world(Err(OccasionRefusal::Mendable {
        reason: "training-lapsed",
        description: "The \"training\" has lapsed.".to_owned(),
    }));
    let response = world.post(&backend()).await;
    assert_eq!(error(&response), (400, "access_denied"));
    assert_eq!(response.body.as_ref().unwrap()["reason"], "training-lapsed");
    assert_eq!(description(&response), "The training has lapsed.");
    assert_eq!(world.last_row().failure.as_deref(), Some("training-lapsed"));
    assert!(world.store.rows.lock().unwrap().is_empty());
}

// third row; each text is tested in details.rs
#[tokio::test]
async fn malformed_details_never_reach_the_opener() {
    let world = world(Ok(open_until(1800)));
    for details in [
        "[]",
        r#"[{"type":"urn:x"}]"#,
        r#"[{"type":"https://openmig.org/occasion"}]"#,
        r#"[{"type":"https://openmig.org/occasion","patient":"9990000019"}]"#,
        r#"[{"type":"https://openmig.org/occasion","patient":"9990000018","consent":{},"override":{}}]"#,
        r#"[{"type":"https://openmig.org/occasion","patient":"9990000018","tabs":["x"]}]"#,
    ] {
        let response = world
            .post(&with(backend(), "authorization_details", details))
            .await;
        assert_eq!(
            error(&response),
            (400, "invalid_authorization_details"),
            "{details}"
        );
        assert_eq!(
            world.last_row().failure.as_deref(),
            Some("invalid_authorization_details")
        );
    }
    assert!(world.opener.asked.lock().unwrap().is_empty());
}

// J9, J11, R111
#[tokio::test]
async fn scopes_that_cannot_be_granted_open_no_occasion() {
    let world = world(Ok(open_until(1800)));
    for scope in [
        "*/*",
        "user/*.*",
        "system/*.*",
        "system/Nonsense.rs",
        "system/AuditEvent.rs",
        "openid",
        "system/Patient.write",
    ] {
        let response = world.post(&with(backend(), "scope", scope)).await;
        assert_eq!(error(&response), (400, "invalid_scope"), "{scope}");
    }
    assert!(world.opener.asked.lock().unwrap().is_empty());
    // what the granted tabs do not hold is refused after, and no token is left
    let response = world
        .post(&with(backend(), "scope", "system/Encounter.rs"))
        .await;
    assert_eq!(error(&response), (400, "invalid_scope"));
    assert!(world.store.rows.lock().unwrap().is_empty());
    // v1 asked, v1 granted
    let response = world
        .post(&with(backend(), "scope", "system/Patient.read"))
        .await;
    assert_eq!(response.body.unwrap()["scope"], "system/Patient.read");
}

// R121: a practice's audit client
#[tokio::test]
async fn audit_clients_read_the_trail_and_open_nothing() {
    let world = world(Ok(open_until(1800)));
    let response = world
        .post(&with(audit_backend(), "scope", "system/AuditEvent.rs"))
        .await;
    let body = response.body.unwrap();
    assert_eq!(body["scope"], "system/AuditEvent.rs");
    assert_eq!(
        (body.get("patient"), body.get("authorization_details")),
        (None, None)
    );
    let row = world
        .store
        .rows
        .lock()
        .unwrap()
        .values()
        .next()
        .unwrap()
        .clone();
    assert_eq!(row.audit_of, Some(OdsCode("Z99001".to_owned())));
    assert_eq!(
        (row.clinician, row.patient, row.occasion),
        (None, None, None)
    );
    assert_eq!(world.last_row().basis.as_deref(), Some("practice-audit"));

    let response = world
        .post(&with(audit_backend(), "scope", "system/Patient.rs"))
        .await;
    assert_eq!(error(&response), (400, "invalid_scope"));
    let response = world
        .post(&with(audit_backend(), "authorization_details", DETAILS))
        .await;
    assert_eq!(error(&response), (400, "invalid_authorization_details"));
    let mut claims = claims("suspended-audit");
    claims["jti"] = json!("j");
    let pairs = without(pairs(AUDIT.sign(&claims).unwrap()), "authorization_details");
    let response = world.post(&pairs).await;
    assert_eq!(error(&response), (400, "access_denied"));
    assert_eq!(response.body.unwrap()["reason"], "organisation-suspended");
    assert!(world.opener.asked.lock().unwrap().is_empty());
}

// fifth row; R125
#[tokio::test]
async fn what_does_not_answer_is_503_with_retry_after() {
    let broken_store = FakeStore {
        broken: true,
        ..FakeStore::default()
    };
    let broken_audit = FakeAudit {
        broken: true,
        ..FakeAudit::default()
    };
    for world in [
        world(Err(OccasionRefusal::Unavailable)),
        world_with(
            Ok(open_until(1800)),
            Duration::ZERO,
            broken_store,
            FakeAudit::default(),
        ),
        world_with(
            Ok(open_until(1800)),
            Duration::ZERO,
            FakeStore::default(),
            broken_audit,
        ),
    ] {
        let response = world.post(&backend()).await;
        assert_eq!(error(&response), (503, "temporarily_unavailable"));
        assert!(
            response
                .headers
                .iter()
                .any(|(name, _)| name == header::RETRY_AFTER)
        );
        assert!(response.body.unwrap().get("access_token").is_none());
    }
}

#[tokio::test]
async fn too_many_requests_of_an_address_are_429_and_audited() {
    let mut world = world(Ok(open_until(1800)));
    world.endpoint.limit = AddressLimit::new(0);
    let response = world.post(&backend()).await;
    assert_eq!(response.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(
        response
            .headers
            .iter()
            .any(|(name, _)| name == header::RETRY_AFTER)
    );
    assert!(world.last_row().failure.is_some());
}

// T2
#[tokio::test]
async fn every_answer_says_that_nobody_keeps_it() {
    use axum::response::IntoResponse as _;
    let world = world(Ok(open_until(1800)));
    for pairs in [backend(), Vec::new()] {
        let response = world.post(&pairs).await.into_response();
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[header::PRAGMA], "no-cache");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    }
}
