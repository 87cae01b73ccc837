use super::*;
use crate::register::Decline;
use crate::sandbox::register::tests::{TODAY, sandbox_register};
use crate::tabs::catalogue::Tab;

fn ods(code: &str) -> OdsCode {
    OdsCode(code.to_owned())
}

fn patient(practice: &str) -> Patient {
    Patient {
        name: practice.to_owned(),
        practice: ods(practice),
        traced: true,
        sensitive: false,
        deceased: false,
    }
}

// R160: a narrower protocol takes the tabs from those who had them, and from nobody else
#[test]
fn what_is_tried_out_is_what_the_rules_say() {
    let old = sandbox_register();
    let patients = [patient("Z99001"), patient("Z99003")];
    assert!(try_out(&old, &old, TODAY, &patients).is_empty());
    let mut new = old.clone();
    let roles = &mut new
        .protocols
        .get_mut("university-hospitals-1")
        .unwrap()
        .roles;
    roles.insert("nurse".to_owned(), [Tab::Summary].into_iter().collect());
    let tried = try_out(&old, &new, TODAY, &patients);
    assert_eq!(tried.len(), 2, "with consent and by override: {tried:?}");
    for one in &tried {
        assert_eq!(one.user, "hospital-nurse");
        assert_eq!(one.patients, ["Z99001"]);
        assert_eq!(one.lost.iter().count(), 2);
        assert!(one.gained.is_empty() && one.refused_by.is_none());
    }
    // and the other way round
    let back = try_out(&new, &old, TODAY, &patients);
    assert!(
        back.iter()
            .all(|one| one.gained.iter().count() == 2 && one.lost.is_empty())
    );
    // Z99003 switches on: everybody who may look sees it, and nobody else
    let mut on = old.clone();
    let switch = on.organisations[&ods("Z99001")].enablement.clone();
    on.organisations.get_mut(&ods("Z99003")).unwrap().enablement = switch;
    let tried = try_out(&old, &on, TODAY, &patients);
    let users: BTreeSet<&str> = tried.iter().map(|one| one.user.as_str()).collect();
    assert_eq!(
        users,
        BTreeSet::from([
            "clinician",
            "hospital-doctor",
            "hospital-nurse",
            "researcher"
        ])
    );
}

// R165: a practice declines one approved flow; that flow stops there, and no other flow and no other practice
#[test]
fn a_declined_flow_stops_for_that_practice_alone() {
    let old = sandbox_register();
    let mut new = old.clone();
    new.organisations
        .get_mut(&ods("Z99001"))
        .unwrap()
        .declines
        .push(Decline {
            protocol: "out-of-hours-1".to_owned(),
            date: TODAY,
            by: "the partners".to_owned(),
        });
    let patients = ["Z99001", "Z99002"].map(patient);
    let tried = try_out(&old, &new, TODAY, &patients);
    assert_eq!(tried.len(), 2, "with consent and by override: {tried:?}");
    for one in &tried {
        assert_eq!(one.user, "clinician");
        assert_eq!(one.patients, ["Z99001"]);
        assert_eq!(one.lost, TabSet::ALL);
        assert_eq!(one.refused_by, Some(Rule::PracticeEnabled));
    }
}

// R172, R167: other uses are tried out too, by what their gateways ask for
#[test]
fn a_changed_flow_for_another_use_is_tried_out() {
    let old = sandbox_register();
    let patients = [patient("Z99001")];
    let tried = |change: fn(&mut Register)| {
        let mut new = old.clone();
        change(&mut new);
        (
            try_out(&old, &new, TODAY, &patients),
            try_out(&new, &old, TODAY, &patients),
        )
    };
    // The one asks the patient, the other nobody.
    for (flow, purpose) in [("asthma-study-1", "HRESCH"), ("court-order-1", "HLEGAL")] {
        let all = &old.protocols[flow].roles["research-clinician"];
        let mut new = old.clone();
        let gateway = new.protocols.get_mut(flow).unwrap().gateway.as_mut();
        gateway.unwrap().until = TODAY.yesterday().unwrap();
        let ended = try_out(&old, &new, TODAY, &patients);
        assert_eq!(ended.len(), 1, "{ended:?}");
        let one = &ended[0];
        assert_eq!(
            (one.user.as_str(), one.purpose),
            ("researcher", Use::Other(purpose))
        );
        assert_eq!((one.lost, one.refused_by), (*all, Some(Rule::LegalGateway)));
        let back = try_out(&new, &old, TODAY, &patients);
        assert_eq!((back[0].gained, back[0].refused_by), (*all, None));
    }
    // The anonymised flow shows nobody, whatever it has.
    let none = tried(|new| {
        new.protocols.values_mut().for_each(|flow| {
            if flow.purposes == ["HOPERAT"] {
                flow.roles.clear();
            }
        });
    });
    assert!(none.0.is_empty() && none.1.is_empty());
}

// R103, R167: whoever may have accepted on the page is tried out too, and another text is a loss
#[test]
fn who_accepts_on_the_page_is_tried_out() {
    let mut old = sandbox_register();
    old.users
        .values_mut()
        .for_each(|user| user.terms_accepted = None);
    let patients = [patient("Z99001")];
    let mut new = old.clone();
    let flow = new.protocols.get_mut("university-hospitals-1").unwrap();
    flow.roles.insert("nurse".to_owned(), TabSet::ALL);
    let tried = try_out(&old, &new, TODAY, &patients);
    assert!(
        tried
            .iter()
            .any(|one| one.user == "hospital-nurse" && !one.gained.is_empty())
    );
    let mut new = old.clone();
    new.terms.as_mut().unwrap().version = "2".to_owned();
    new.agreement.terms = "2".to_owned();
    let tried = try_out(&old, &new, TODAY, &patients);
    assert!(!tried.is_empty());
    assert!(
        tried
            .iter()
            .all(|one| one.refused_by == Some(Rule::TermsAccepted))
    );
}
