use super::*;
use crate::access::{Fact, Rule};
use crate::register::Stop;
use crate::sandbox::register::tests::{TODAY, sandbox_register};

fn ods(code: &str) -> OdsCode {
    OdsCode(code.to_owned())
}

fn words(register: &Register, holds: &Holds, code: &str) -> String {
    state(register, holds, TODAY, &ods(code)).unwrap().words
}

// R151
#[test]
fn the_register_says_of_everybody_what_they_may() {
    let register = sandbox_register();
    let none = Holds::default();
    for (code, expected) in [
        ("Z99001", "shares"),
        ("Z99003", "has signed and has not switched its sharing on"),
        ("Z99004", "has not signed"),
        ("Z9H01", "may look"),
        ("Z9S01", "is suspended"),
        ("Z9C01", "may never look"),
    ] {
        assert_eq!(words(&register, &none, code), expected, "{code}");
    }
    let mut holds = Holds::default();
    holds.practices_off.insert(ods("Z99001"));
    holds.organisations.insert(ods("Z9H01"));
    assert_eq!(
        words(&register, &holds, "Z99001"),
        "has switched its sharing off"
    );
    assert_eq!(words(&register, &holds, "Z9H01"), "is suspended");
}

// R151: what the register says is what happens, whatever the register and the holds
#[test]
fn the_state_matches_the_access_rules() {
    let mut changed = sandbox_register();
    for (code, change) in [("Z9O01", 0), ("Z9H01", 1)] {
        let one = changed.organisations.get_mut(&ods(code)).unwrap();
        match change {
            0 => one.assurance_until = None,
            _ => {
                one.withdrawal = Some(Stop {
                    since: TODAY,
                    by: "x".to_owned(),
                    reason: "y".to_owned(),
                });
            }
        }
    }
    let mut owing = sandbox_register();
    owing.agreement.rules.missing_evidence_blocks = true;
    owing
        .organisations
        .get_mut(&ods("Z9H01"))
        .unwrap()
        .evidence
        .clear();
    let mut held = Holds::default();
    held.organisations.insert(ods("Z9O01"));
    held.organisations.insert(ods("Z99002"));
    let everything = Holds {
        everything: true,
        ..Holds::default()
    };
    for register in [sandbox_register(), changed, owing] {
        for holds in [Holds::default(), held.clone(), everything.clone()] {
            let view = RegisterView {
                register: &register,
                holds: &holds,
                today: TODAY,
            };
            for organisation in register.organisations.values() {
                let code = &organisation.ods;
                let state = state(&register, &holds, TODAY, code).unwrap();
                let allowed = match organisation.kind {
                    OrganisationKind::Practice => view
                        .practice(Some(code), &ods("Z9H01"), "university-hospitals-1")
                        .known()
                        .is_some_and(|facts| facts.signed && facts.enabled),
                    _ => looks(&view, code),
                };
                assert_eq!(state.takes_part, allowed, "{code}: {}", state.words);
            }
        }
    }
}

/// The rules about the organisation alone, through the real decision.
fn looks(view: &RegisterView<'_>, viewer: &OdsCode) -> bool {
    let mut inputs = crate::access::BeforeInputs {
        today: view.today,
        network_allowed: Fact::NotAsked,
        client_authenticated: Fact::NotAsked,
        viewer: view.viewer(viewer),
        clinician: Fact::NotAsked,
        terms: String::new(),
        purposes: vec!["TREAT".to_owned()],
        protocols: Vec::new(),
        asked: None,
        treatment_registered: Fact::NotAsked,
        linked: Fact::NotAsked,
        claimed: false,
        refusal_stands: Fact::NotAsked,
        also_refused: Vec::new(),
        basis: Fact::NotAsked,
    };
    inputs.protocols = view.protocols(viewer, Some("gp"), None, &inputs.purposes);
    let of_the_organisation = [
        Rule::OrganisationSigned,
        Rule::OrganisationAdmitted,
        Rule::OrganisationActive,
        Rule::AssuranceInDate,
        Rule::EvidenceShared,
    ];
    crate::access::before(&inputs)
        .rules
        .iter()
        .filter(|(rule, _)| of_the_organisation.contains(rule))
        .all(|(_, outcome)| *outcome == crate::access::RuleOutcome::Pass)
}

// R151, R185: for everybody, and so without people
#[test]
fn the_public_register_names_no_people() {
    let register = sandbox_register();
    // The role has the word in its name; the user of that name must not be there.
    let text = public(&register, &Holds::default(), TODAY)
        .to_string()
        .replace("\"research-clinician\":", "");
    for name in [
        "Pat Example",
        "Robin Ashworth",
        "Morgan Tate",
        "Quill",
        "Rowan",
        "clinician",
        "sandbox-web",
    ] {
        assert!(!text.contains(name), "{name}");
    }
    for there in [
        "Fosse Way Surgery",
        "6(1)(e)",
        "out-of-hours-1",
        &register.hash,
    ] {
        assert!(text.contains(there), "{there}");
    }
}

// R166: which flows stand under the group's approval for a practice on a day
#[test]
fn approved_flows_are_told_for_a_practice_and_a_day() {
    let mut register = sandbox_register();
    let flows = |register: &Register, code: &str, day: Date| -> Vec<String> {
        approved_flows(register, &ods(code), day)
            .into_iter()
            .map(|(id, ..)| id)
            .collect()
    };
    // Three for direct care, and five of the research unit's six for other uses: the trial is over.
    assert_eq!(flows(&register, "Z99001", TODAY).len(), 8);
    assert!(!flows(&register, "Z99001", TODAY).contains(&"trial-1".to_owned()));
    assert!(flows(&register, "Z99003", TODAY).is_empty());
    assert!(flows(&register, "Z99001", jiff::civil::date(2025, 1, 1)).is_empty());
    register
        .protocols
        .get_mut("out-of-hours-1")
        .unwrap()
        .approval
        .by = "Somebody".to_owned();
    assert_eq!(flows(&register, "Z99001", TODAY).len(), 7);
    register
        .organisations
        .get_mut(&ods("Z99001"))
        .unwrap()
        .declines
        .push(crate::register::Decline {
            protocol: "walk-in-centre-1".to_owned(),
            date: TODAY,
            by: "the partners".to_owned(),
        });
    assert_eq!(
        flows(&register, "Z99001", TODAY),
        [
            "asthma-study-1",
            "court-order-1",
            "disease-register-1",
            "planning-counts-1",
            "service-review-1",
            "university-hospitals-1"
        ]
    );
}

// R151: state and history
#[test]
fn an_organisations_history_is_in_the_order_of_its_dates() {
    let register = sandbox_register();
    let lines = history(&register, &Holds::default(), TODAY, &ods("Z9S01"));
    assert!(lines[0].contains("is suspended"), "{lines:?}");
    let days: Vec<&str> = lines[1..].iter().map(|line| &line[4..14]).collect();
    assert!(days.is_sorted(), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.contains("smartcard")),
        "{lines:?}"
    );
}
