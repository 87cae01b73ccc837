use std::sync::Mutex;

use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use super::*;
use crate::clock::{FixedClock, ShiftedClock, SystemClock};
use crate::occasion::OccasionRefusal;
use crate::sandbox::keys::USER_BASE;
use crate::smart::fakes::{
    self, AUDIT, BACKEND, FakeAudit, FakeStore, Pairs, authenticator, claims, now, patient, request,
};
use crate::source::BoxFuture;
use crate::tabs::catalogue::Tab;

/// Opens what it is told to; keeps what it was asked.
struct FakeOpener {
    answer: Result<OpenOccasion, OccasionRefusal>,
    work: Duration,
    asked: Mutex<Vec<OccasionAsk>>,
    resumed: Mutex<Vec<ResumeAsk>>,
}

impl OccasionOpener for FakeOpener {
    fn open(&self, ask: OccasionAsk) -> BoxFuture<'_, Result<OpenOccasion, OccasionRefusal>> {
        self.asked.lock().unwrap().push(ask);
        Box::pin(async {
            tokio::time::sleep(self.work).await;
            self.answer.clone()
        })
    }
    fn resume(&self, ask: ResumeAsk) -> BoxFuture<'_, Result<OpenOccasion, OccasionRefusal>> {
        self.resumed.lock().unwrap().push(ask);
        Box::pin(async { self.answer.clone() })
    }
}

fn open_until(seconds: i64) -> OpenOccasion {
    OpenOccasion {
        id: "occasion-1".to_owned(),
        patient: patient(),
        consent: Some("Consent/consent-1".to_owned()),
        tabs: [Tab::Summary, Tab::Medication].into_iter().collect(),
        expires_at: now()
            .checked_add(SignedDuration::from_secs(seconds))
            .unwrap(),
        clinician: "hospital-doctor".to_owned(),
    }
}

struct World {
    endpoint: TokenEndpoint,
    store: Arc<FakeStore>,
    audit: Arc<FakeAudit>,
    opener: Arc<FakeOpener>,
}

fn world_with(
    answer: Result<OpenOccasion, OccasionRefusal>,
    work: Duration,
    store: FakeStore,
    audit: FakeAudit,
) -> World {
    let (store, audit) = (Arc::new(store), Arc::new(audit));
    let opener = Arc::new(FakeOpener {
        answer,
        work,
        asked: Mutex::default(),
        resumed: Mutex::default(),
    });
    let clock: SharedClock = Arc::new(SystemClock);
    let endpoint = TokenEndpoint::new(
        TokenSettings {
            user_base: USER_BASE.to_owned(),
            lifetime: SignedDuration::from_secs(900),
            refusal_floor: Duration::from_millis(80),
            requests_per_minute: 1000,
        },
        authenticator(&store, Arc::clone(&clock)),
        Arc::clone(&opener) as _,
        Arc::clone(&store) as _,
        Arc::clone(&audit) as _,
        clock,
    );
    World {
        endpoint,
        store,
        audit,
        opener,
    }
}

fn world(answer: Result<OpenOccasion, OccasionRefusal>) -> World {
    world_with(
        answer,
        Duration::ZERO,
        FakeStore::default(),
        FakeAudit::default(),
    )
}

const DETAILS: &str = r#"[{"type":"https://openmig.org/occasion","patient":"9990000018","treatment":"worklist","consent":{"asked":true,"answer":"yes"}}]"#;

fn pairs(assertion: String) -> Pairs {
    vec![
        ("grant_type", "client_credentials".to_owned()),
        ("scope", "system/*.rs".to_owned()),
        (
            "client_assertion_type",
            super::super::authenticate::ASSERTION_TYPE.to_owned(),
        ),
        ("client_assertion", assertion),
        ("authorization_details", DETAILS.to_owned()),
    ]
}

fn backend() -> Pairs {
    pairs(BACKEND.sign(&claims("sandbox-backend")).unwrap())
}

fn audit_backend() -> Pairs {
    let mut claims = claims("sandbox-audit-backend");
    claims.as_object_mut().unwrap().remove("extensions");
    without(pairs(AUDIT.sign(&claims).unwrap()), "authorization_details")
}

fn without(mut pairs: Pairs, name: &str) -> Pairs {
    pairs.retain(|(n, _)| *n != name);
    pairs
}

fn with(pairs: Pairs, name: &'static str, value: &str) -> Pairs {
    let mut pairs = without(pairs, name);
    pairs.push((name, value.to_owned()));
    pairs
}

impl World {
    async fn post(&self, pairs: &Pairs) -> TokenResponse {
        self.endpoint.handle(request(pairs)).await
    }

    fn last_row(&self) -> AuditEntry {
        self.audit.rows.lock().unwrap().last().unwrap().clone()
    }
}

fn error(response: &TokenResponse) -> (u16, &str) {
    (
        response.status.as_u16(),
        response.body.as_ref().unwrap()["error"].as_str().unwrap(),
    )
}

fn description(response: &TokenResponse) -> &str {
    response.body.as_ref().unwrap()["error_description"]
        .as_str()
        .unwrap()
}

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
    assert_eq!(response.body.unwrap()["reason"], "occasion-closed");
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

// Assertions stay on the machine's clock; their ids are kept long enough for a store that clears by the sandbox's.
#[tokio::test]
async fn a_moved_clock_changes_nothing_for_assertions() {
    let store = Arc::new(FakeStore::default());
    let ahead = ShiftedClock::default();
    ahead.advance(7200);
    let authenticator = authenticator(&store, Arc::new(ahead));
    let request = request(&backend());
    let form = Form::read(&request).unwrap();
    assert!(authenticator.client(&request, &form).await.is_ok());
    let until = store.used.lock().unwrap()[0].2;
    assert!(until.duration_since(now()).as_secs() > 7200 + 330);
    // the gateway's clock behind: kept as long as the assertion lives all the same
    let store = Arc::new(FakeStore::default());
    let behind: SharedClock = Arc::new(FixedClock(Timestamp::UNIX_EPOCH));
    let authenticator = fakes::authenticator(&store, behind);
    let request = fakes::request(&backend());
    let form = Form::read(&request).unwrap();
    assert!(authenticator.client(&request, &form).await.is_ok());
    assert!(store.used.lock().unwrap()[0].2 > now());
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
