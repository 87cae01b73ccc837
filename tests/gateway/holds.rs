//! What is taken away at run time, by another process beside the gateway.

use openmig::audit::{AuditEntry, Origin, What};
use openmig::clock::{Clock, SystemClock};
use openmig::oversight::Actor;
use openmig::oversight::holds::{AssuranceGiven, HoldAsk, HoldService};
use openmig::record::OdsCode;
use openmig::register::RegisterHandle;
use openmig::store::holds::{Held, HoldRow};
use openmig::store::sqlite::SqliteStore;
use std::sync::Arc;

use super::people::audit_client;
use super::support::{Ask, ES, TestGateway, alone, wait};

const NUMBER: &str = "9990000018";

/// Somebody at a command line, with the same file and register.
struct Beside {
    service: HoldService,
    register: RegisterHandle,
}

impl Beside {
    fn of(gateway: &TestGateway) -> Self {
        let store = Arc::new(SqliteStore::open(&gateway.file()).unwrap());
        let register = RegisterHandle::new((*gateway.sandbox.register.current()).clone());
        let service = HoldService::new(
            register.clone(),
            Arc::clone(&store) as _,
            store as _,
            Arc::new(SystemClock),
        );
        Self { service, register }
    }

    fn actor(&self, username: &str) -> Actor {
        Actor::of(&self.register.current(), username).unwrap()
    }

    fn entry() -> AuditEntry {
        AuditEntry::new(SystemClock.now(), What::Intent, Origin::default())
    }

    fn place(&self, username: &str, held: Held) -> HoldRow {
        let ask = HoldAsk {
            held,
            reason: "A serious breach".to_owned(),
            from: None,
        };
        wait(
            self.service
                .place(&self.actor(username), ask, Self::entry()),
        )
        .unwrap()
    }

    fn lift(&self, username: &str, hold: &HoldRow) {
        let given = AssuranceGiven {
            by: "The Caldicott Guardian".to_owned(),
            text: "It was investigated.".to_owned(),
            on: SystemClock.now().to_zoned(jiff::tz::TimeZone::UTC).date(),
        };
        wait(
            self.service
                .lift(&self.actor(username), &hold.id, given, Self::entry()),
        )
        .unwrap();
    }
}

fn ods(code: &str) -> OdsCode {
    OdsCode(code.to_owned())
}

// R005, R108, R154, R155, R156, R157: every kind of hold stops the next read and the next token, and nothing beside it
#[test]
fn a_hold_placed_beside_the_gateway_is_in_force_at_the_next_request() {
    let gateway = alone();
    let beside = Beside::of(&gateway);
    let hospital = gateway.token(&Ask::consent(NUMBER));
    let other = gateway.token(&Ask::consent(NUMBER).by(ES.0, ES.1));
    let search = format!("Condition?patient={}", hospital.patient);
    let (practice, viewer) = (ods("Z99001"), ods("Z9H01"));
    // what is held, by whom, and whether the other viewer is touched too
    for (username, held, touches_other) in [
        (
            "practice-manager",
            Held::Pair {
                practice: practice.clone(),
                viewer: viewer.clone(),
            },
            false,
        ),
        ("practice-manager", Held::Practice(practice.clone()), true),
        (
            "hospital-privacy-officer",
            Held::User("hospital-doctor".to_owned()),
            false,
        ),
        ("oversight", Held::Organisation(viewer.clone()), false),
        ("oversight", Held::Everything, true),
    ] {
        gateway.get(&hospital, &search).expect(200);
        let hold = beside.place(username, held.clone());
        let refused = gateway.get(&hospital, &search);
        assert_eq!(refused.status, 403, "{held:?}");
        let again = gateway.ask(&Ask::consent(NUMBER));
        assert!((400..500).contains(&again.status), "{held:?}");
        let theirs = gateway.get(&other, &search);
        assert_eq!(theirs.status == 403, touches_other, "{held:?}");
        // The practice still sees who looked, whatever it has switched off.
        let audit = gateway.token(&audit_client("sandbox-audit-backend"));
        gateway.get(&audit, "AuditEvent?_count=1").expect(200);
        beside.lift(username, &hold);
        gateway.get(&hospital, &search).expect(200);
    }
}

// R130, R155: the practice finds in its own trail that it suspended a viewer, by whom and which hold
#[test]
fn a_practices_hold_is_in_its_own_trail() {
    let gateway = alone();
    let beside = Beside::of(&gateway);
    let hold = beside.place(
        "practice-manager",
        Held::Pair {
            practice: ods("Z99001"),
            viewer: ods("Z9H01"),
        },
    );
    beside.lift("practice-manager", &hold);
    let audit = gateway.token(&audit_client("sandbox-audit-backend"));
    let events = gateway.get(&audit, "AuditEvent?_count=20").expect(200);
    assert!(events.text().contains(&hold.id), "{}", events.text());
    let audit = gateway.token(&audit_client("sandbox-audit-backend-z99002"));
    let events = gateway.get(&audit, "AuditEvent?_count=20").expect(200);
    assert!(!events.text().contains(&hold.id));
}
