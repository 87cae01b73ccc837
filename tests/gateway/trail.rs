//! What the trail keeps, and whom it tells.

use openmig::register::Holds;

use super::people::audit_client;
use super::support::{Ask, alone};

// R128, R145: whatever a client writes into an address, who the patient is does not get into the trail or into links
#[test]
fn identifiers_in_an_address_are_not_kept() {
    let gateway = alone();
    let token = gateway.token(&Ask::consent("9990000018"));
    let patient = &token.patient;
    gateway.get(&token, "Patient/9990000018").expect(404);
    gateway.get(&token, "Consent/999-000-0018").expect(404);
    for query in [
        format!("Condition?patient={patient}&identifier=9990000018"),
        format!("Condition?patient={patient}&identifier=urn:x%7C999%20000%200018"),
        format!("Condition?patient={patient}&_id=9990000018"),
        "Patient?identifier=9990000018&birthdate=1957-03-14&gender=female".to_owned(),
    ] {
        let bundle = gateway.get(&token, &query).expect(200).json();
        let own = bundle["link"][0]["url"].as_str().unwrap();
        assert!(!own.contains("0018") && !own.contains("1957"), "{own}");
    }
    let kept = gateway.number(
        "SELECT count(*) FROM audit_event WHERE query LIKE '%0018%' OR query LIKE '%1957%'",
        &[],
    );
    assert_eq!(kept, 0);
}

// R121: a parameter that is not understood must not widen the answer; R155: a hold ends what an open token shows
#[test]
fn a_practice_is_answered_what_it_asked_and_only_while_it_may() {
    let gateway = alone();
    let token = gateway.token(&audit_client("sandbox-audit-backend"));
    for query in ["patient.identifier=9990000018", "patient:missing=true"] {
        let answer = gateway.get(&token, &format!("AuditEvent?{query}"));
        assert_eq!(answer.expect(400).code(), "modifier-not-supported");
    }
    let lenient = gateway
        .get(&token, "AuditEvent?_count=1&identifier=9990000018")
        .expect(200)
        .json();
    let links = lenient["link"].to_string();
    assert!(
        !links.contains("9990000018") && links.contains("_count=1"),
        "{links}"
    );
    let held = openmig::record::OdsCode("Z99001".to_owned());
    gateway.sandbox.register.replace_holds(Holds {
        organisations: [held].into(),
        ..Holds::default()
    });
    let answer = gateway.get(&token, "AuditEvent?_count=1");
    gateway.sandbox.register.replace_holds(Holds::default());
    assert_eq!(answer.expect(403).code(), "organisation-suspended");
    gateway.get(&token, "AuditEvent?_count=1").expect(200);
}
