//! Golden AuditEvents: `tests/golden/audit/*.json`, which the HL7 validator must accept with no error.
//! `UPDATE_GOLDEN=1` writes them anew.

use std::path::PathBuf;

use uuid::Uuid;

use super::*;
use crate::fhir::{Kind, to_json};
use crate::store::contract::{ids, now, ods, patient};
use crate::tabs::catalogue::{Tab, TabSet};

fn gateway() -> Gateway {
    Gateway {
        base: "https://mig.example.org/fhir/r4".into(),
    }
}

fn stored(happening: Happening) -> StoredEvent {
    StoredEvent {
        seq: 42,
        id: Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0042),
        at: now(),
        happening,
        failure: None,
        request_id: "01930000-0000-7000-8000-000000000001".into(),
        address: Some([192, 0, 2, 7].into()),
        client: Some("sandbox-backend".into()),
        clinician: Some("consultant".into()),
        role: Some("consultant".into()),
        assurance: Some("asserted".into()),
        viewer: Some(ods("Z9H01")),
        practice: Some(ods("Z99001")),
        patient: Some(patient()),
        occasion: Some("01930000-0000-7000-8000-000000000002".into()),
        purpose: vec!["TREAT".into()],
        basis: Some("consent:01930000-0000-7000-8000-000000000003".into()),
        tabs: TabSet::from_iter([Tab::Problems]),
        decision: Some(r#"{"rules":[["organisation-signed","pass"]]}"#.into()),
        policy: Some("ab".repeat(32)),
        exclusions: Some("appendix-a 1.0".into()),
        token: Some("cd".repeat(32)),
        interaction: None,
        kind: None,
        query: None,
        version: None,
        disclosed: Vec::new(),
        binds: Vec::new(),
        unresolved: 0,
    }
}

fn search() -> StoredEvent {
    StoredEvent {
        interaction: Some("search-type".into()),
        kind: Some(Kind::Condition),
        query: Some(format!("patient={}&category=problem-list-item", patient())),
        version: Some("version-1".into()),
        disclosed: ids(),
        ..stored(Happening::Disclosure)
    }
}

fn read() -> StoredEvent {
    let id = ids()[0].clone();
    StoredEvent {
        interaction: Some("read".into()),
        query: id.split_once('/').map(|(_, id)| id.to_owned()),
        disclosed: vec![id],
        ..search()
    }
}

fn nothing_known(happening: Happening) -> StoredEvent {
    StoredEvent {
        request_id: String::new(),
        failure: Some("invalid-client".into()),
        address: None,
        client: None,
        clinician: None,
        role: None,
        assurance: None,
        viewer: None,
        practice: None,
        patient: None,
        occasion: None,
        purpose: Vec::new(),
        basis: None,
        tabs: TabSet::NONE,
        decision: None,
        policy: None,
        exclusions: None,
        token: None,
        ..stored(happening)
    }
}

/// Every shape that an event can take, by the name of its file.
fn all() -> Vec<(&'static str, StoredEvent)> {
    let refused = |event: StoredEvent| StoredEvent {
        happening: Happening::Refused,
        failure: Some("no-record".into()),
        version: None,
        disclosed: Vec::new(),
        ..event
    };
    let emergency = |happening| StoredEvent {
        purpose: vec!["BTG".into(), "ETREAT".into()],
        basis: Some("override:unconscious".into()),
        ..stored(happening)
    };
    let denied = |happening| StoredEvent {
        failure: Some("not-opted-out".into()),
        ..stored(happening)
    };
    vec![
        ("read", read()),
        (
            "read-of-the-patient",
            StoredEvent {
                kind: Some(Kind::Patient),
                query: Some(patient().to_string()),
                disclosed: vec![format!("Patient/{}", patient())],
                ..read()
            },
        ),
        ("search", search()),
        (
            "search-with-nothing-found",
            StoredEvent {
                disclosed: Vec::new(),
                ..search()
            },
        ),
        (
            "search-with-many",
            StoredEvent {
                disclosed: (0..130)
                    .map(|n| format!("Observation/{}-{n}", patient()))
                    .collect(),
                kind: Some(Kind::Observation),
                ..search()
            },
        ),
        (
            "search-under-override",
            StoredEvent {
                purpose: vec!["BTG".into(), "ETREAT".into()],
                basis: Some("override:unconscious".into()),
                ..search()
            },
        ),
        (
            "search-of-its-own-trail",
            StoredEvent {
                clinician: None,
                role: None,
                assurance: None,
                viewer: None,
                patient: None,
                occasion: None,
                purpose: Vec::new(),
                basis: Some("practice-audit".into()),
                tabs: TabSet::NONE,
                kind: None,
                query: Some("AuditEvent?_count=50".into()),
                version: None,
                disclosed: vec!["AuditEvent/01930000-0000-7000-8000-000000000009".into()],
                ..search()
            },
        ),
        (
            "search-from-nowhere",
            StoredEvent {
                address: None,
                ..search()
            },
        ),
        (
            "operation",
            StoredEvent {
                interaction: Some("operation".into()),
                kind: Some(Kind::Patient),
                query: Some(format!("{}/$everything", patient())),
                ..search()
            },
        ),
        ("refused-read", refused(read())),
        ("refused-search", refused(search())),
        ("refused-unknown", nothing_known(Happening::Refused)),
        ("intent", stored(Happening::Intent)),
        ("token", stored(Happening::Token)),
        ("token-refused", nothing_known(Happening::Token)),
        ("occasion", stored(Happening::Occasion)),
        ("occasion-denied", denied(Happening::Occasion)),
        (
            "occasion-denied-without-consent",
            StoredEvent {
                basis: None,
                ..denied(Happening::Occasion)
            },
        ),
        ("override", emergency(Happening::Override)),
        ("override-denied", {
            StoredEvent {
                failure: Some("treatment-registered".into()),
                ..emergency(Happening::Override)
            }
        }),
        ("withdrawal", stored(Happening::Withdrawal)),
        ("introspection", stored(Happening::Introspection)),
        (
            "terms",
            StoredEvent {
                patient: None,
                practice: None,
                occasion: None,
                basis: Some("terms:1".into()),
                ..stored(Happening::Terms)
            },
        ),
    ]
}

fn json(event: &StoredEvent) -> serde_json::Value {
    serde_json::from_slice(&to_json(&audit_event(event, &gateway())).unwrap()).unwrap()
}

// R120, R129
#[test]
fn golden() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/audit");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for (name, event) in all() {
        let path = folder.join(format!("{name}.json"));
        let text = format!("{:#}\n", json(&event));
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, text).unwrap();
        } else {
            let golden = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text, golden, "{}", path.display());
        }
    }
}

fn profiles(event: &StoredEvent) -> Vec<String> {
    serde_json::from_value(json(event)["meta"]["profile"].clone()).unwrap()
}

// BALP's read and query are for success: what is refused must not claim them.
#[test]
fn claims_only_what_it_meets() {
    assert_eq!(profiles(&read()), [uri::PATIENT_READ, uri::UK_CORE]);
    assert_eq!(profiles(&search()), [uri::PATIENT_QUERY, uri::UK_CORE]);
    let no_patient = StoredEvent {
        patient: None,
        ..search()
    };
    assert_eq!(profiles(&no_patient), [uri::QUERY, uri::UK_CORE]);
    for event in [read(), search()] {
        let failed = StoredEvent {
            failure: Some("no-record".into()),
            ..event.clone()
        };
        assert_eq!(profiles(&failed), [uri::UK_CORE]);
        let from_nowhere = StoredEvent {
            address: None,
            ..event
        };
        assert_eq!(profiles(&from_nowhere), [uri::UK_CORE]);
    }
    assert_eq!(
        profiles(&stored(Happening::Occasion)),
        [uri::AUTHZ_CONSENT, uri::UK_CORE]
    );
}

// R120: nothing that the row knows is lost, and every id is there however many there are.
#[test]
fn every_fact_is_in_the_event() {
    for (name, event) in all() {
        let text = json(&event).to_string();
        let facts = [
            event.client.clone(),
            event.clinician.clone(),
            event.role.clone(),
            event.assurance.clone(),
            event.occasion.clone(),
            event.policy.clone(),
            event.exclusions.clone(),
            event.token.clone(),
            event.failure.clone(),
            event.version.clone(),
            event.viewer.clone().map(|ods| ods.0),
            event.practice.clone().map(|ods| ods.0),
            event.address.map(|address| address.to_string()),
            Some(event.request_id.clone()),
            event.patient.clone().map(|patient| patient.to_string()),
        ];
        let facts = facts
            .into_iter()
            .flatten()
            .chain(event.purpose.clone())
            .chain(event.disclosed.clone())
            .chain(event.tabs.iter().map(|tab| tab.code().to_owned()));
        for fact in facts {
            assert!(text.contains(&fact), "{name}: {fact}");
        }
    }
}

// R207
#[test]
fn both_controllers_are_named() {
    let event = json(&search());
    let organisations: Vec<_> = event["agent"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|agent| agent["who"]["type"] == "Organization")
        .map(|agent| agent["who"]["identifier"]["value"].clone())
        .collect();
    assert_eq!(organisations, ["Z9H01", "Z99001"]);
}
