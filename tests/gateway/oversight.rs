//! `/oversight`: who gets a token for it, what it opens, and that every call has its row.

use openmig::register::Holds;
use reqwest::Method;
use serde_json::{Value, json};

use super::people::audit_client;
use super::support::{Answer, Ask, SHARED, TestGateway, Token};

pub const OFFICER: (&str, &str) = ("sandbox-backend", "hospital-privacy-officer");
pub const ES_OFFICER: (&str, &str) = ("sandbox-backend-es", "privacy-officer");
pub const MANAGER: (&str, &str) = ("sandbox-audit-backend", "practice-manager");
pub const DPO: (&str, &str) = ("sandbox-audit-backend", "dpo");
pub const DPO_2: (&str, &str) = ("sandbox-audit-backend-z99002", "dpo");
pub const GROUP: (&str, &str) = ("sandbox-oversight", "oversight");

fn asks((client, user): (&'static str, &'static str)) -> Ask {
    Ask {
        client,
        user,
        scope: "oversight".to_owned(),
        details: Value::Null,
    }
}

pub fn token(gateway: &TestGateway, who: (&'static str, &'static str)) -> Token {
    gateway.token(&asks(who))
}

pub fn get(gateway: &TestGateway, token: &Token, path: &str) -> Answer {
    gateway.get(token, &format!("/oversight/v1/{path}"))
}

/// The one row of a call, and that it was written for it.
#[track_caller]
pub fn row(gateway: &TestGateway, answer: &Answer) -> super::support::TrailRow {
    let rows = gateway.rows(answer.header("x-request-id"));
    let [row] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    row.clone()
}

// R063, R093, R123, R183: each client names its own people; what they may is the register's word
#[test]
fn people_of_oversight_get_a_token_for_their_own_organisation() {
    for (who, organisation, duty) in [
        (OFFICER, json!("Z9H01"), "review-access"),
        (ES_OFFICER, json!("Z9O01"), "review-access"),
        (MANAGER, json!("Z99001"), "run-practice"),
        (DPO, json!("Z99001"), "oversee-practice"),
        (DPO_2, json!("Z99002"), "oversee-practice"),
        (GROUP, Value::Null, "govern"),
    ] {
        let token = token(&SHARED, who);
        assert_eq!(token.answer["scope"], "oversight");
        assert!(token.answer.get("patient").is_none());
        let me = get(&SHARED, &token, "me").expect(200);
        assert_eq!(
            me.json(),
            json!({"username": who.1, "organisation": organisation, "duties": [duty]})
        );
        assert_eq!(me.header("cache-control"), "no-store");
        let row = row(&SHARED, &me);
        assert_eq!(row.what, "oversight");
        assert_eq!(row.clinician.as_deref(), Some(who.1));
        assert_eq!(row.basis.as_deref(), Some("oversight"));
        assert_eq!((row.failure, row.patient), (None, None));
    }
}

// R107, R108: nobody else, through no other client
#[test]
fn nobody_else_gets_one() {
    for (client, user, error) in [
        ("sandbox-backend", "hospital-doctor", "invalid_client"),
        ("sandbox-backend", "privacy-officer", "invalid_client"),
        ("sandbox-backend", "oversight", "invalid_client"),
        ("sandbox-oversight", "dpo", "invalid_client"),
        (
            "sandbox-audit-backend-z99002",
            "practice-manager",
            "invalid_client",
        ),
        ("sandbox-audit-backend", "", "invalid_client"),
        (
            "sandbox-backend-walkin",
            "walkin-doctor",
            "unauthorized_client",
        ),
    ] {
        let answer = SHARED.ask(&asks((client, user)));
        assert_eq!(answer.json()["error"], error, "{client} {user}");
        let row = row(&SHARED, &answer);
        assert_eq!(row.what, "token");
        assert_eq!(row.failure.as_deref(), Some(error));
    }
    for (ask, error) in [
        (
            asks(OFFICER).scope("oversight system/*.rs"),
            "invalid_scope",
        ),
        (asks(GROUP).scope("system/*.rs"), "unauthorized_client"),
        (
            Ask {
                details: Ask::consent("9990000018").details,
                ..asks(OFFICER)
            },
            "invalid_authorization_details",
        ),
        (
            Ask::consent("9990000018").by("sandbox-oversight", "oversight"),
            "unauthorized_client",
        ),
    ] {
        let answer = SHARED.ask(&ask);
        assert_eq!(answer.json()["error"], error, "{ask:?}");
    }
}

// R032, R112, R183: one kind of token never does the other's work
#[test]
fn an_oversight_token_opens_no_record_and_a_clinical_one_no_oversight() {
    let clinical = SHARED.token(&Ask::consent("9990000018"));
    let trail = SHARED.token(&audit_client("sandbox-audit-backend"));
    for token in [&clinical, &trail] {
        let answer = get(&SHARED, token, "me").expect(403);
        assert_eq!(answer.json()["error"], "insufficient-scope");
        let row = row(&SHARED, &answer);
        assert_eq!(row.what, "oversight");
        assert_eq!(row.failure.as_deref(), Some("insufficient-scope"));
    }
    let patient = &clinical.patient;
    for who in [OFFICER, ES_OFFICER, MANAGER, DPO, DPO_2, GROUP] {
        let token = token(&SHARED, who);
        for path in [
            format!("Patient/{patient}"),
            format!("Patient?_id={patient}"),
            format!("Condition?patient={patient}"),
            format!("List?patient={patient}"),
            format!("Consent?patient={patient}"),
            "AuditEvent?_count=1".to_owned(),
            format!("AuditEvent?patient={patient}"),
        ] {
            let answer = SHARED.get(&token, &path);
            assert_eq!(answer.status, 403, "{who:?} {path}: {}", answer.text());
            assert!(!answer.text().contains(r#""resourceType":"Bundle""#));
            let row = row(&SHARED, &answer);
            assert_eq!(row.what, "refused");
            assert_eq!(row.clinician.as_deref(), Some(who.1));
        }
    }
}

// design.md 11: a clear error with a fitting status, and its row
#[test]
fn errors_are_json_and_have_their_row() {
    let token = token(&SHARED, OFFICER);
    let bearer = format!("Bearer {}", token.access);
    let json = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let send = |method: Method, path: &str, headers: &[(&str, &str)], body: &str| {
        SHARED.send(method, path, headers, body)
    };
    let large = "x".repeat(70_000);
    for (answer, status, error) in [
        (
            send(Method::GET, "/oversight/v1/me", &[], ""),
            401,
            "unauthorized",
        ),
        (
            send(
                Method::GET,
                "/oversight/v1/me",
                &[("authorization", "Bearer no")],
                "",
            ),
            401,
            "unauthorized",
        ),
        (
            send(Method::GET, "/oversight/v1/9990000018", &json, ""),
            404,
            "not-found",
        ),
        (
            send(Method::GET, "/oversight/v2/me", &json, ""),
            404,
            "not-found",
        ),
        (send(Method::GET, "/oversight", &json, ""), 404, "not-found"),
        (
            send(Method::DELETE, "/oversight/v1/me", &json, ""),
            405,
            "method-not-allowed",
        ),
        (
            send(Method::GET, "/oversight/v1/me?x=1", &json, ""),
            400,
            "invalid-request",
        ),
        (
            send(Method::POST, "/oversight/v1/me", &json[..1], "{}"),
            415,
            "unsupported-media-type",
        ),
        (
            send(Method::POST, "/oversight/v1/me", &json, &large),
            413,
            "too-large",
        ),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text());
        let body = answer.json();
        assert_eq!(body["error"], error);
        assert!(body["reason"].as_str().unwrap().len() > 10);
        let row = row(&SHARED, &answer);
        assert_eq!(
            (row.what.as_str(), row.failure.as_deref()),
            ("oversight", Some(error))
        );
    }
    let kept = SHARED.number(
        "SELECT count(*) FROM audit_event WHERE what = 'oversight' AND query LIKE '%0018%'",
        &[],
    );
    assert_eq!(kept, 0);
}

// R108: a person who is revoked is nobody at once, and so is one who lost the duty
#[test]
fn a_token_outlives_neither_person_nor_duty() {
    let gateway = super::support::alone();
    let token = token(&gateway, MANAGER);
    get(&gateway, &token, "me").expect(200);
    let before = (*gateway.sandbox.register.current()).clone();
    let mut revoked = before.clone();
    revoked.users.get_mut("practice-manager").unwrap().revoked = true;
    gateway.sandbox.register.replace(revoked);
    let refused = get(&gateway, &token, "me");
    let mut demoted = before.clone();
    let clerk = demoted.users.get_mut("practice-manager").unwrap();
    clerk.role = "receptionist".to_owned();
    gateway.sandbox.register.replace(demoted);
    let powerless = get(&gateway, &token, "me");
    gateway.sandbox.register.replace(before);
    gateway.sandbox.register.replace_holds(Holds {
        users: ["practice-manager".to_owned()].into(),
        ..Holds::default()
    });
    let held = get(&gateway, &token, "me");
    let again = gateway.ask(&asks(MANAGER));
    gateway.sandbox.register.replace_holds(Holds::default());
    assert_eq!((held.status, again.status), (401, 401));
    assert_eq!(refused.status, 401);
    assert_eq!(powerless.status, 401);
    get(&gateway, &token, "me").expect(200);
}
