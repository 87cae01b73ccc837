//! Every user and every client of the contract (sandbox.md, users and clients): who may, and what the others are told.

use openmig::smart::authenticate::ASSERTION_TYPE;
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Ask, ES, FORM, SHARED, alone, encode};

const NUMBER: &str = "9990000018";

// R100, R102, R156: who may not is told why, and nobody outside hears of it
#[test]
fn users_who_may_not_look_are_told_why_before_anybody_is_asked() {
    let gateway = alone();
    let before = gateway.look_ups();
    let walk_in = "sandbox-backend-walkin";
    for (client, user, reason) in [
        (walk_in, "walkin-doctor", "organisation-suspended"),
        (ES.0, "receptionist", "role-not-qualified"),
        (ES.0, "untrained", "training-lapsed"),
        (ES.0, "privacy-officer", "role-not-qualified"),
        (
            "sandbox-backend",
            "hospital-privacy-officer",
            "role-not-qualified",
        ),
    ] {
        for ask in [Ask::consent(NUMBER), Ask::emergency(NUMBER)] {
            let answer = gateway.mendable(&ask.by(client, user), reason);
            let rows = gateway.rows(answer.header("x-request-id"));
            assert!(
                rows.iter()
                    .any(|row| row.clinician.as_deref() == Some(user)),
                "{rows:?}"
            );
            assert!(
                rows.iter()
                    .any(|row| row.failure.as_deref() == Some(reason)),
                "{rows:?}"
            );
        }
    }
    // The worklist included: not even the treatment registration is looked up for them.
    assert_eq!(gateway.look_ups(), before);
}

// Whatever can be said without a look-up is said without one: nobody can probe who has a record (design.md 7)
#[test]
fn neither_trace_nor_source_hears_of_a_refusal_before_the_look_up() {
    let gateway = alone();
    let before = gateway.outside();
    let asks = [
        Ask::consent("9990007780"),
        Ask::consent(NUMBER).said("answer", Value::Null),
        Ask::consent(NUMBER).said("told_why", json!(false)),
        Ask::emergency(NUMBER).with(|details| details["override"]["text"] = json!("")),
        Ask::emergency(NUMBER).with(|details| details["override"]["reason"] = json!("curious")),
        Ask::consent(NUMBER)
            .by("sandbox-backend", "hospital-nurse")
            .tabs(&["events"]),
        Ask::consent(NUMBER).scope("system/MedicationDispense.rs"),
        Ask::consent("9990000019"),
    ];
    for ask in asks {
        let answer = gateway.ask(&ask);
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    assert_eq!(gateway.outside(), before);
    gateway.token(&Ask::consent(NUMBER));
    assert_eq!(gateway.outside(), before + 2, "one trace, one source");
}

// R160: the nurse's protocol gives three tabs
#[test]
fn the_nurse_gets_three_tabs_and_no_more() {
    let nurse = || Ask::consent(NUMBER).by("sandbox-backend", "hospital-nurse");
    let token = SHARED.token(&nurse());
    let three = ["summary", "medication", "risks-and-warnings"];
    assert_eq!(token.tabs, three);
    let lists = SHARED
        .get(&token, &format!("List?patient={}", token.patient))
        .expect(200);
    assert_eq!(lists.json()["total"], 3);
    for tab in three {
        let path = format!("List/{}-{tab}", token.patient);
        SHARED.get(&token, &path).expect(200);
    }
    for tab in [
        "problems",
        "events",
        "investigations",
        "patient-details",
        "encounters",
    ] {
        let path = format!("List/{}-{tab}", token.patient);
        assert_eq!(
            SHARED.get(&token, &path).expect(403).code(),
            "tab-not-granted"
        );
    }
    // Patient is readable under every protocol; what stands in no granted tab is not there.
    SHARED
        .get(&token, &format!("Patient/{}", token.patient))
        .expect(200);
    for kind in [
        "Procedure",
        "Immunization",
        "Encounter",
        "ServiceRequest",
        "DocumentReference",
    ] {
        let answer = SHARED.get(&token, &format!("{kind}?patient={}", token.patient));
        match answer.status {
            200 => assert_eq!(answer.json()["total"], 0, "{kind}"),
            403 => assert_eq!(answer.code(), "insufficient-scope"),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    let conditions = SHARED.get(&token, &format!("Condition?patient={}", token.patient));
    for condition in conditions.expect(200).resources() {
        let tags: Vec<&str> = tags(&condition);
        assert!(
            tags.contains(&"summary") || tags.contains(&"risks-and-warnings"),
            "{tags:?}"
        );
    }
    SHARED.mendable(&nurse().tabs(&["problems"]), "tabs-not-in-protocol");
    assert_eq!(
        SHARED.token(&nurse().tabs(&["medication"])).tabs,
        ["medication"]
    );
}

/// Codes of the tab tags of a resource.
pub fn tags(resource: &Value) -> Vec<&str> {
    let tags = resource["meta"]["tag"].as_array();
    tags.into_iter()
        .flatten()
        .filter_map(|tag| tag["code"].as_str())
        .collect()
}

// R034: a token for one tab reads that tab
#[test]
fn a_one_tab_token_reads_no_other_tab() {
    let all = SHARED.token(&Ask::consent(NUMBER));
    let one = SHARED.token(&Ask::consent(NUMBER).tabs(&["medication"]));
    assert_eq!(one.tabs, ["medication"]);
    let patient = &one.patient;
    for kind in [
        "Condition",
        "Observation",
        "Encounter",
        "AllergyIntolerance",
        "MedicationRequest",
    ] {
        for resource in SHARED
            .get(&all, &format!("{kind}?patient={patient}&_count=1000"))
            .expect(200)
            .resources()
        {
            let id = resource["id"].as_str().unwrap();
            let answer = SHARED.get(&one, &format!("{kind}/{id}"));
            if tags(&resource).contains(&"medication") {
                answer.expect(200);
            } else if answer.status == 200 {
                // There for the sake of a medicine: named by one that this token reads.
                let needle = format!("{kind}/{id}");
                let medicines = SHARED.get(
                    &one,
                    &format!("MedicationRequest?patient={patient}&_count=1000"),
                );
                let statements = SHARED.get(
                    &one,
                    &format!("MedicationStatement?patient={patient}&_count=1000"),
                );
                assert!(
                    medicines.text().contains(&needle) || statements.text().contains(&needle),
                    "{needle}"
                );
            } else {
                assert!(
                    matches!(answer.status, 403 | 404),
                    "{kind}/{id}: {}",
                    answer.status
                );
            }
        }
    }
    for path in [
        format!("MedicationRequest?patient={patient}&_tag=problems"),
        format!("List?patient={patient}&code=events"),
        format!("List/{patient}-problems"),
        format!("List/{patient}-problems-current"),
    ] {
        assert_eq!(
            SHARED.get(&one, &path).expect(403).code(),
            "tab-not-granted",
            "{path}"
        );
    }
}

// R112: one token, one patient
#[test]
fn a_token_is_for_one_patient_only() {
    let one = SHARED.token(&Ask::consent(NUMBER));
    let other = SHARED.token(&Ask::consent("9990000387"));
    let id = &other.patient;
    SHARED.get(&other, &format!("Patient/{id}")).expect(200);
    let unknown = SHARED.get(&one, "Patient/nobody").expect(404);
    for path in [
        format!("Patient/{id}"),
        format!("List/{id}-summary"),
        format!("Condition/{id}-x"),
    ] {
        // Another patient's is answered as nobody's.
        let answer = SHARED.get(&one, &path).expect(404);
        assert_eq!(answer.body, unknown.body);
    }
    for path in [
        format!("Condition?patient={id}"),
        format!("List?subject=Patient/{id}"),
        format!("Observation?patient={},{id}", one.patient),
        format!("Consent?patient={id}"),
    ] {
        assert_eq!(
            SHARED.get(&one, &path).expect(403).code(),
            "other-patient",
            "{path}"
        );
    }
    assert_eq!(
        SHARED
            .get(&one, &format!("Patient?_id={id}"))
            .expect(200)
            .json()["total"],
        0
    );
    // R111: nobody is named
    for kind in ["Condition", "List", "Patient", "Observation"] {
        let answer = SHARED.get(&one, kind).expect(400);
        assert_eq!(answer.code(), "patient-required", "{kind}");
    }
}

// R090, R091, R092, R093, R094, R096: the override case
#[test]
fn an_override_opens_the_record_alerts_and_is_marked() {
    let number = "9990006679";
    for (reason, text, refused) in [
        (
            "research",
            "Found collapsed at home, unresponsive",
            "override-reason",
        ),
        (
            "",
            "Found collapsed at home, unresponsive",
            "override-reason",
        ),
        ("unconscious", "", "override-text-missing"),
        ("unconscious", "asap", "override-text-short"),
        (
            "life-threatening",
            "Life-threatening emergency!",
            "override-text-empty",
        ),
    ] {
        let ask = Ask::emergency(number)
            .with(|details| details["override"] = json!({"reason": reason, "text": text}));
        let answer = SHARED.ask(&ask).expect(400).json();
        assert_eq!(answer["reason"], refused, "{reason} {text}");
    }
    let token = SHARED.token(&Ask::emergency(number));
    let detail = &token.answer["authorization_details"][0];
    assert_eq!(detail["override"], true);
    assert!(detail["consent"].is_null());
    assert!(token.answer["refresh_token"].is_null());
    assert!(token.answer["expires_in"].as_i64().unwrap() <= 300);
    let summary = format!(
        "List?patient={}&code=summary&_include=List:item",
        token.patient
    );
    let summary = SHARED.get(&token, &summary).expect(200);
    assert!(summary.json()["entry"].as_array().unwrap().len() > 5);
    let consents = SHARED
        .get(&token, &format!("Consent?patient={}", token.patient))
        .expect(200);
    assert_eq!(consents.json()["total"], 0);
    // R092: one alert to the viewer's privacy officer
    let alerts: (u32, String, String, String) = SHARED
        .database()
        .query_row(
            "SELECT count(*), max(viewer), max(reason), max(text) FROM alert WHERE occasion = ?",
            [&token.occasion],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .unwrap();
    let (count, viewer, reason, sealed) = alerts;
    assert_eq!(
        (count, viewer.as_str(), reason.as_str()),
        (1, "Z9H01", "unconscious")
    );
    // R145: what was typed is sealed at rest; `oversight` tests that the reviewer reads it
    assert!(sealed.len() > 40 && !sealed.contains("unresponsive"));
    // R096: the practice sees it, marked
    let row = SHARED.rows(summary.header("x-request-id")).pop().unwrap();
    assert_eq!(row.basis.as_deref(), Some("override:unconscious"));
    assert_eq!(row.purpose.as_deref(), Some("BTG ETREAT"));
    let events = practice_events("sandbox-audit-backend-z99002", &token.patient);
    let marked: Vec<_> = events
        .iter()
        .filter(|event| event.to_string().contains("BTG"))
        .collect();
    assert!(!marked.is_empty());
    assert!(
        events
            .iter()
            .all(|event| !event.to_string().contains("unresponsive"))
    );
    // Resumed, it is still an override.
    let again = SHARED.token(&Ask::again(&token.occasion));
    assert_eq!(again.answer["authorization_details"][0]["override"], true);
}

/// The events of a patient as the practice's audit client sees them.
pub fn practice_events(client: &'static str, patient: &str) -> Vec<Value> {
    let token = SHARED.token(&audit_client(client));
    let path = format!("AuditEvent?patient={patient}&_count=200");
    SHARED.get(&token, &path).expect(200).resources()
}

/// The ask of a practice's audit client.
pub fn audit_client(client: &'static str) -> Ask {
    let mut ask = Ask::consent("")
        .by(client, "")
        .scope("system/AuditEvent.rs");
    ask.details = Value::Null;
    ask
}

// sandbox.md, clients: who authenticates how
#[test]
fn clients_that_are_not_for_this_grant_are_refused() {
    let audit = SHARED.token(&audit_client("sandbox-audit-backend"));
    assert!(audit.answer["patient"].is_null());
    assert_eq!(audit.answer["scope"], "system/AuditEvent.rs");
    for path in ["Patient/x", "Condition?patient=x", "Consent?patient=x"] {
        assert_eq!(
            SHARED.get(&audit, path).expect(403).code(),
            "insufficient-scope"
        );
    }
    let mut both = audit_client("sandbox-audit-backend");
    both.details = Ask::consent(NUMBER).details;
    let answer = SHARED.ask(&both).expect(400);
    assert_eq!(answer.json()["error"], "invalid_authorization_details");
    let clinical = audit_client("sandbox-audit-backend").scope("system/Patient.rs");
    assert_eq!(
        SHARED.ask(&clinical).expect(400).json()["error"],
        "invalid_scope"
    );

    // A secret is no key.
    let details = json!([Ask::consent(NUMBER).details]).to_string();
    let body = encode(&[
        ("grant_type", "client_credentials"),
        ("scope", "system/*.rs"),
        ("authorization_details", &details),
    ]);
    let basic = "Basic c2FuZGJveC13ZWI6c2FuZGJveC13ZWItc2VjcmV0";
    let headers = [("content-type", FORM), ("authorization", basic)];
    let answer = SHARED
        .send(Method::POST, "token", &headers, &body)
        .expect(400);
    assert_eq!(answer.json()["error"], "unauthorized_client");
    let wrong = [
        ("content-type", FORM),
        ("authorization", "Basic c2FuZGJveC13ZWI6d3Jvbmc="),
    ];
    let answer = SHARED
        .send(Method::POST, "token", &wrong, &body)
        .expect(401);
    assert_eq!(answer.json()["error"], "invalid_client");
    assert!(!answer.header("www-authenticate").is_empty());
}

// R101, R108: identity comes from the signed assertion and the register, or not at all
#[test]
fn clients_and_clinicians_that_cannot_be_proved_are_invalid() {
    let details = json!([Ask::consent(NUMBER).details]).to_string();
    let form = |assertion: &str| SHARED.ask_with(&Ask::consent(NUMBER), assertion);
    let invalid = |assertion: &str| {
        let answer = form(assertion).expect(401);
        assert_eq!(
            answer.json()["error"],
            "invalid_client",
            "{}",
            answer.text()
        );
    };
    // A used assertion is spent.
    let once = SHARED.assertion("sandbox-backend", "hospital-doctor");
    form(&once).expect(200);
    invalid(&once);
    // A byte of the signature, no signature, no JWT.
    let mut altered = SHARED.assertion("sandbox-backend", "hospital-doctor");
    let last = altered.pop().unwrap();
    altered.push(if last == 'A' { 'B' } else { 'A' });
    altered.insert(altered.len() - 20, 'x');
    invalid(&altered);
    let head = SHARED.assertion("sandbox-backend", "hospital-doctor");
    invalid(head.rsplit_once('.').unwrap().0);
    invalid("nonsense");
    // Nobody is named; somebody unknown is; somebody of another organisation is.
    invalid(&SHARED.assertion("sandbox-backend", ""));
    for user in ["nobody", "clinician", "practice-manager"] {
        let answer = form(&SHARED.assertion("sandbox-backend", user));
        assert!(
            answer.status == 401 || answer.json()["reason"] == "clinician-not-known",
            "{user}: {}",
            answer.text()
        );
    }
    for missing in [
        "grant_type",
        "scope",
        "authorization_details",
        "client_assertion",
    ] {
        let assertion = SHARED.assertion("sandbox-backend", "hospital-doctor");
        let mut pairs = vec![
            ("grant_type", "client_credentials"),
            ("scope", "system/*.rs"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
            ("authorization_details", &details),
        ];
        pairs.retain(|(name, _)| *name != missing);
        assert_eq!(
            SHARED.post_token(&pairs).expect(400).json()["error"],
            "invalid_request",
            "{missing}"
        );
    }
    let other = SHARED.post_token(&[("grant_type", "password")]).expect(400);
    assert_eq!(other.json()["error"], "unsupported_grant_type");
}

// R111: no wildcard in what is given, nothing that is not asked for, nothing at all for a whole system
#[test]
fn scopes_are_given_one_by_one_and_never_wider_than_asked() {
    let token = SHARED.token(&Ask::consent(NUMBER).scope("system/Condition.rs system/Patient.r"));
    assert_eq!(
        token.answer["scope"].as_str().unwrap().split(' ').count(),
        2
    );
    let patient = &token.patient;
    SHARED
        .get(&token, &format!("Condition?patient={patient}"))
        .expect(200);
    SHARED
        .get(&token, &format!("Patient/{patient}"))
        .expect(200);
    let refused = SHARED
        .get(&token, &format!("Patient?_id={patient}"))
        .expect(403);
    assert_eq!(refused.code(), "insufficient-scope");
    assert!(
        refused
            .header("www-authenticate")
            .contains("insufficient_scope")
    );
    SHARED
        .get(&token, &format!("Observation?patient={patient}"))
        .expect(403);
    let category = "system/Condition.rs?category=http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item";
    let narrow = SHARED.token(&Ask::consent(NUMBER).scope(category));
    let found = SHARED
        .get(&narrow, &format!("Condition?patient={patient}&_count=1000"))
        .expect(200);
    let all = SHARED
        .get(&token, &format!("Condition?patient={patient}&_count=1000"))
        .expect(200);
    assert!(found.resources().len() < all.resources().len());
    for condition in found.resources() {
        assert!(
            condition["category"]
                .to_string()
                .contains("problem-list-item")
        );
    }
    for scope in [
        "system/*.cruds",
        "user/*.*",
        "system/Patient.w",
        "patient/*.rs",
        "openid",
    ] {
        let answer = SHARED.ask(&Ask::consent(NUMBER).scope(scope));
        if answer.status == 200 {
            let given = answer.json()["scope"].as_str().unwrap().to_owned();
            assert!(
                !given.contains('*') && !given.contains("cud"),
                "{scope}: {given}"
            );
        } else {
            assert_eq!(
                answer.expect(400).json()["error"],
                "invalid_scope",
                "{scope}"
            );
        }
    }
}

// R071, R080: an occasion is its client's, clinician's and viewer's; it ends; a revoked token is dead at once
#[test]
fn an_occasion_is_resumed_by_its_own_and_ends() {
    let gateway = alone();
    let token = gateway.token(&Ask::consent(NUMBER));
    let before = gateway.outside();
    let again = gateway.token(&Ask::again(&token.occasion));
    assert_eq!(again.occasion, token.occasion);
    assert_eq!(again.patient, token.patient);
    assert_ne!(again.access, token.access);
    assert_eq!(gateway.outside(), before, "resuming looks nothing up");
    gateway.mendable(
        &Ask::again(&token.occasion).by(ES.0, ES.1),
        "occasion-not-open",
    );
    gateway.mendable(
        &Ask::again(&token.occasion).by("sandbox-backend", "hospital-nurse"),
        "occasion-not-open",
    );
    gateway.mendable(
        &Ask::again("00000000-0000-0000-0000-000000000000"),
        "occasion-not-open",
    );

    let path = format!("Patient/{}", token.patient);
    gateway.get(&token, &path).expect(200);
    let revoke = |access: &str| {
        let assertion = gateway.assertion("sandbox-backend", "");
        let body = encode(&[
            ("token", access),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
        ]);
        gateway.send(Method::POST, "revoke", &[("content-type", FORM)], &body)
    };
    revoke(&token.access).expect(200);
    revoke("never-was-one").expect(200);
    gateway.get(&token, &path).expect(401);
    gateway.get(&again, &path).expect(200);

    // Five minutes for a token, thirty for the occasion.
    gateway.advance(301);
    let dead = gateway.get(&again, &path).expect(401);
    assert!(dead.header("www-authenticate").contains("invalid_token"));
    let third = gateway.token(&Ask::again(&token.occasion));
    gateway.get(&third, &path).expect(200);
    gateway.advance(24 * 60);
    let last = gateway.token(&Ask::again(&token.occasion));
    let seconds = last.answer["expires_in"].as_i64().unwrap();
    assert!(
        (1..=60).contains(&seconds),
        "no token outlives its occasion: {seconds}"
    );
    gateway.advance(120);
    gateway.get(&last, &path).expect(401);
    gateway.mendable(&Ask::again(&token.occasion), "occasion-not-open");
}

// R080: withdrawn in the middle, the next read is refused
#[test]
fn a_withdrawn_occasion_shows_nothing_more() {
    use openmig::store::OccasionStore as _;
    let gateway = alone();
    let token = gateway.token(&Ask::consent(NUMBER));
    let path = format!("Patient/{}", token.patient);
    gateway.get(&token, &path).expect(200);
    let now = openmig::clock::Clock::now(gateway.sandbox.clock.as_ref());
    let withdrawn = gateway
        .sandbox
        .store
        .withdraw_occasion(&token.occasion, now);
    assert!(super::support::wait(withdrawn).unwrap());
    let answer = gateway.get(&token, &path);
    assert!(matches!(answer.status, 401 | 403), "{}", answer.text());
    gateway.mendable(&Ask::again(&token.occasion), "occasion-not-open");
}

// T13: introspection tells the entitled, and nobody else
#[test]
fn tokens_are_introspected_by_the_entitled() {
    let token = SHARED.token(&Ask::consent(NUMBER));
    let ask = |authorization: &str| {
        let body = encode(&[("token", token.access.as_str())]);
        let headers = [("content-type", FORM), ("authorization", authorization)];
        SHARED.send(Method::POST, "introspect", &headers, &body)
    };
    let told = ask("Basic c2FuZGJveC13ZWI6c2FuZGJveC13ZWItc2VjcmV0")
        .expect(200)
        .json();
    assert_eq!(told["active"], true);
    assert_eq!(told["patient"], token.patient);
    assert_eq!(told["client_id"], "sandbox-backend");
    ask("Basic eDp5").expect(401);
}
