//! Past decisions out of the trail, decided again; and the register that can change while the gateway runs.

use openmig::audit::reader::{AuditReader, Filter, StoredEvent};
use openmig::occasion::RegisterView;
use openmig::oversight::explain::{Again, ExplainError, explain};
use openmig::record::OdsCode;
use openmig::register::{Holds, Register};
use openmig::sandbox::story::Sharing;
use openmig::store::holds::RegisterStore;
use openmig::store::terms::TermsStore;

use super::support::{Ask, TestGateway, alone, timing, until};

const NUMBER: &str = "9990000018";

fn events(gateway: &TestGateway, occasion: Option<&str>) -> Vec<StoredEvent> {
    let filter = Filter {
        occasion: occasion.map(str::to_owned),
        ..Filter::default()
    };
    let page = gateway.sandbox.store.events(&filter, 50, None).unwrap();
    page.events
}

fn again(
    gateway: &TestGateway,
    event: &StoredEvent,
    register: &Register,
) -> Result<Vec<Again>, ExplainError> {
    let holds = Holds::default();
    let view = RegisterView {
        register,
        holds: &holds,
        today: event.at.to_zoned(jiff::tz::TimeZone::UTC).date(),
    };
    let store = gateway.sandbox.store.as_ref();
    let accepted = store.acceptances_of(event.clinician.as_deref().unwrap_or_default())?;
    explain(store, event, &view, &accepted)
}

// R120, R126: every decision behind a row replays from what the trail has, and says what would be decided today
#[test]
fn every_decision_of_an_occasion_replays_from_the_trail() {
    let gateway = alone();
    let token = gateway.token(&Ask::consent(NUMBER));
    let search = format!("Condition?patient={}", token.patient);
    for _ in 0..3 {
        gateway.get(&token, &search).expect(200);
    }
    let register = gateway.sandbox.register.current();
    let rows = events(&gateway, Some(&token.occasion));
    let disclosures: Vec<&StoredEvent> = rows
        .iter()
        .filter(|row| row.happening.code() == "disclosure")
        .collect();
    assert_eq!(disclosures.len(), 3);
    // Newest first: the first read has its decision whole, the others name it.
    // What stands beside it (R034: the tabs of which something left) is no part of it.
    let lengths: Vec<usize> = disclosures
        .iter()
        .map(|row| {
            let whole = row.decision.as_ref().unwrap();
            whole.find(r#",{"also":"#).unwrap_or(whole.len())
        })
        .collect();
    assert!(
        lengths[0] < 60 && lengths[1] < 60 && lengths[2] > 500,
        "{lengths:?}"
    );
    let mut narrower = (*register).clone();
    narrower
        .organisations
        .get_mut(&OdsCode("Z9H01".to_owned()))
        .unwrap()
        .assurance_until = None;
    let mut decided = 0;
    for row in &rows {
        // The token's own row decides nothing that the occasion's has not decided.
        if row.decision.is_none() {
            continue;
        }
        let same = again(&gateway, row, &register).unwrap();
        assert!(!same.is_empty());
        for one in &same {
            decided += 1;
            assert!(one.same, "{row:?}");
            assert!(!one.differs_now(), "{row:?}: {:?}", one.now);
        }
        for one in &again(&gateway, row, &narrower).unwrap() {
            let looks_at_the_viewer = one
                .record
                .rules
                .iter()
                .any(|(rule, _)| rule.code() == "assurance-lapsed");
            assert_eq!(one.differs_now(), looks_at_the_viewer);
            if looks_at_the_viewer {
                assert_eq!(one.now.reason.as_deref(), Some("assurance-lapsed"));
            }
        }
        // R145: no number of a patient in any of it
        assert!(!row.decision.as_ref().unwrap().contains(NUMBER));
    }
    assert!(decided >= 6, "{decided}");
}

// R120, R008: a read that is refused because the practice's system has changed its mind has that decision in its row
#[test]
fn a_refusal_by_a_fresh_answer_is_explained() {
    let gateway = alone();
    let token = gateway.token(&Ask::consent(NUMBER));
    let path = format!("Patient/{}", token.patient);
    gateway.get(&token, &path).expect(200);
    let people = &gateway.sandbox.people;
    people.change(NUMBER, |person| person.sharing = Sharing::NotRecorded);
    let refused = gateway.get(&token, &path);
    people.change(NUMBER, |person| person.sharing = Sharing::Implied);
    refused.expect(403);
    let rows = events(&gateway, Some(&token.occasion));
    let row = rows
        .iter()
        .find(|row| row.happening.code() == "refused")
        .unwrap();
    let register = gateway.sandbox.register.current();
    let told = again(&gateway, row, &register).unwrap();
    assert_eq!(told.len(), 3, "the read, the trace, the source's answer");
    assert!(told.iter().all(|one| one.same));
    let reasons: Vec<_> = told.iter().map(|one| one.record.reason.is_some()).collect();
    assert_eq!(reasons, [false, false, true]);
    assert!(!row.decision.as_ref().unwrap().contains(NUMBER));
}

// R120: a refused read has its decision too
#[test]
fn a_refused_read_is_explained() {
    let gateway = alone();
    let token = gateway.token(&Ask::consent(NUMBER));
    let search = format!("Condition?patient={}", token.patient);
    gateway.sandbox.register.replace_holds(Holds {
        users: ["hospital-doctor".to_owned()].into(),
        ..Holds::default()
    });
    let refused = gateway.get(&token, &search);
    gateway.sandbox.register.replace_holds(Holds::default());
    refused.expect(403);
    let rows = events(&gateway, Some(&token.occasion));
    let register = gateway.sandbox.register.current();
    let explained = again(&gateway, &rows[0], &register).unwrap();
    assert_eq!(
        explained[0].record.reason.as_deref(),
        Some("clinician-not-known")
    );
    assert!(explained[0].same);
    // Without the hold it would be permitted today.
    assert_eq!(explained[0].now.reason, None);
}

// R185: the decision names on what lawful basis the record was opened
#[test]
fn the_lawful_basis_is_in_the_decision() {
    let gateway = alone();
    for (ask, article) in [
        (Ask::consent(NUMBER), "6(1)(e)"),
        (Ask::emergency("9990006679"), "6(1)(d)"),
    ] {
        let token = gateway.token(&ask);
        let rows = events(&gateway, Some(&token.occasion));
        let text: String = rows.iter().filter_map(|row| row.decision.clone()).collect();
        assert!(text.contains(article), "{article}");
    }
}

// R151, R108: the register's files may change while the gateway runs; everybody can see who takes part
#[test]
fn a_changed_file_is_in_force_within_seconds_and_shown() {
    let gateway = TestGateway::start("reload", timing());
    let listed = |gateway: &TestGateway| {
        gateway
            .send(reqwest::Method::GET, "/register", &[], "")
            .expect(200)
            .json()
    };
    let state = |gateway: &TestGateway, ods: &str| -> String {
        let register = listed(gateway);
        let all = register["organisations"].as_array().unwrap().clone();
        let one = all.iter().find(|one| one["ods"] == ods).unwrap().clone();
        one["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(&gateway, "Z9H01"), "may look");
    assert_eq!(
        state(&gateway, "Z99003"),
        "has signed and has not switched its sharing on"
    );
    let token = gateway.token(&Ask::consent(NUMBER));
    let search = format!("Condition?patient={}", token.patient);
    gateway.get(&token, &search).expect(200);
    let before = gateway.sandbox.register.current().hash.clone();

    let file = gateway.data.join("register/users.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let revoked = text.replace(
        "username = \"hospital-doctor\"",
        "username = \"hospital-doctor\"\nrevoked = true",
    );
    assert_ne!(text, revoked);
    std::fs::write(&file, revoked).unwrap();
    until(|| gateway.sandbox.register.current().hash != before);
    gateway.get(&token, &search).expect(403);
    // both registers are kept, so that decisions under each can be explained
    for hash in [&before, &gateway.sandbox.register.current().hash] {
        assert!(gateway.sandbox.store.find_register(hash).unwrap().is_some());
    }

    std::fs::write(&file, "nonsense").unwrap();
    until(|| gateway.sandbox.register.fault().is_some());
    let ready = gateway
        .send(reqwest::Method::GET, "/readyz", &[], "")
        .expect(200);
    assert!(
        ready.text().contains("register was refused"),
        "{}",
        ready.text()
    );
    assert!(listed(&gateway)["organisations"].as_array().unwrap().len() > 5);
    std::fs::write(&file, text).unwrap();
    until(|| gateway.sandbox.register.fault().is_none());
    gateway.get(&token, &search).expect(200);
}
