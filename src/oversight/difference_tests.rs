use super::*;
use crate::register::{Decline, Relationship, Stop};
use crate::sandbox::register::tests::{TODAY, sandbox_register};

fn ods(code: &str) -> OdsCode {
    OdsCode(code.to_owned())
}

/// What is said of a change, as "allows …" or "stops …".
fn said(change: impl FnOnce(&mut Register)) -> Vec<String> {
    let old = sandbox_register();
    let mut new = old.clone();
    change(&mut new);
    changes(&old, &new, TODAY)
        .into_iter()
        .map(|change| format!("{} {}", change.effect.word(), change.text))
        .collect()
}

// R151: each change is said, with what it does
#[test]
fn every_change_is_said_in_words() {
    assert!(said(|_| {}).is_empty());
    type Case = (fn(&mut Register), &'static str);
    let cases: [Case; 17] = [
        (
            |r| r.users.get_mut("clinician").unwrap().revoked = true,
            "stops `clinician` is revoked",
        ),
        (
            |r| drop(r.users.remove("clinician")),
            "stops `clinician` is gone",
        ),
        (
            |r| r.users.get_mut("untrained").unwrap().training_until = Some(TODAY),
            "allows the training of `untrained` counts until 2026-11-22",
        ),
        (
            |r| {
                r.users
                    .get_mut("clinician")
                    .unwrap()
                    .organisations
                    .push(ods("Z9H01"))
            },
            "allows `clinician` acts for Z9H01",
        ),
        (
            |r| r.organisations.get_mut(&ods("Z9S01")).unwrap().suspension = None,
            "allows Z9S01 is no longer suspended or withdrawn",
        ),
        (
            |r| {
                r.organisations.get_mut(&ods("Z9O01")).unwrap().withdrawal = Some(Stop {
                    since: TODAY,
                    by: "x".to_owned(),
                    reason: "y".to_owned(),
                })
            },
            "stops Z9O01 is suspended or has withdrawn",
        ),
        (
            |r| {
                r.organisations
                    .get_mut(&ods("Z99001"))
                    .unwrap()
                    .enablement
                    .clear()
            },
            "stops Z99001 switches its sharing off",
        ),
        (
            |r| {
                r.organisations
                    .get_mut(&ods("Z99001"))
                    .unwrap()
                    .declines
                    .push(Decline {
                        protocol: "out-of-hours-1".to_owned(),
                        date: TODAY,
                        by: "x".to_owned(),
                    })
            },
            "stops Z99001 declines the flow `out-of-hours-1`",
        ),
        (
            |r| {
                r.organisations
                    .get_mut(&ods("Z9O01"))
                    .unwrap()
                    .assurance_until = None
            },
            "stops the assurance of Z9O01 counts no more",
        ),
        (
            |r| {
                r.organisations
                    .get_mut(&ods("Z99006"))
                    .unwrap()
                    .applies_exclusion_list = false
            },
            "allows Z99006 no longer applies the exclusion list besides its private marks",
        ),
        (
            |r| {
                r.organisations
                    .get_mut(&ods("Z99001"))
                    .unwrap()
                    .demands_authenticated = true
            },
            "stops Z99001 lets nobody look who has not signed in",
        ),
        // R105
        (
            |r| r.organisations.get_mut(&ods("Z9H01")).unwrap().relationship = Relationship::Claim,
            "allows Z9H01 lets a clinician look who has no part in the episode but claims to care for the patient",
        ),
        (
            |r| {
                r.organisations.get_mut(&ods("Z9O01")).unwrap().relationship = Relationship::Episode
            },
            "stops Z9O01 lets no clinician look who has no part in the episode",
        ),
        (
            |r| {
                r.protocols
                    .get_mut("university-hospitals-1")
                    .unwrap()
                    .roles
                    .insert(
                        "nurse".to_owned(),
                        [Tab::Summary, Tab::Events].into_iter().collect(),
                    );
            },
            "allows `university-hospitals-1` gives the role `nurse` events",
        ),
        (
            |r| drop(r.protocols.remove("out-of-hours-1")),
            "stops the flow `out-of-hours-1` is gone",
        ),
        (
            |r| r.agreement.terms = "2".to_owned(),
            "stops whoever has not accepted the terms 2 may not look",
        ),
        (
            |r| r.agreement.group = "Another".to_owned(),
            "records `Another` governs instead of `Sandbox Oversight Group`; nobody signs again",
        ),
    ];
    for (change, expected) in cases {
        let said = said(change);
        assert!(
            said.iter().any(|text| text == expected),
            "{expected}: {said:?}"
        );
    }
}

// R167, R171 to R173: a flow's legal gateway says who may be looked up without being asked; a change of it is never "nothing"
#[test]
fn a_changed_legal_gateway_is_said_in_words() {
    let gateway = |id: &'static str, change: fn(&mut crate::register::LegalGateway)| {
        said(move |r| change(r.protocols.get_mut(id).unwrap().gateway.as_mut().unwrap()))
    };
    use crate::register::GatewayKind;
    assert_eq!(
        gateway("asthma-study-1", |it| it.kind = GatewayKind::PublicInterest),
        [
            "records `asthma-study-1` is lawful by an overriding public interest instead of the patient's explicit consent",
            "allows `asthma-study-1` shows records without asking the patient",
            "records the evidence, rationale or task of the legal gateway of `asthma-study-1` is another",
        ]
    );
    assert_eq!(
        gateway("court-order-1", |it| it.treatment = true),
        ["stops `court-order-1` is limited to patients registered for treatment with the receiver"]
    );
    assert_eq!(
        gateway("service-review-1", |it| it.treatment = false),
        [
            "allows `service-review-1` is not limited to patients registered for treatment with the receiver"
        ]
    );
    assert_eq!(
        gateway("court-order-1", |it| it.until = TODAY),
        ["stops the legal gateway of `court-order-1` is in force from 2026-01-26 until 2026-11-22"]
    );
    assert_eq!(
        gateway("court-order-1", |it| it.task = "Another".to_owned()),
        [
            "records the evidence, rationale or task of the legal gateway of `court-order-1` is another"
        ]
    );
    let rules = said(|r| r.agreement.oversight.smallest_count = 20);
    assert_eq!(rules.len(), 1, "{rules:?}");
    let gone = said(|r| r.protocols.get_mut("court-order-1").unwrap().gateway = None);
    assert!(
        gone[0].contains("has no legal gateway any more"),
        "{gone:?}"
    );
    let mut old = sandbox_register();
    let new = old.clone();
    old.protocols.remove("court-order-1");
    let added: Vec<_> = changes(&old, &new, TODAY)
        .into_iter()
        .map(|one| one.text)
        .collect();
    assert_eq!(
        added,
        [
            "the flow `court-order-1` to Z9R01 is in the register",
            "`court-order-1` is for another use than direct care, by a legal requirement, until 2027-09-18, not limited to patients \
             registered for treatment with the receiver",
        ]
    );
}

// R103: what another text of the terms stops, and what having one allows
#[test]
fn a_change_of_the_terms_is_said() {
    use crate::sandbox::register::tests::sandbox_files;
    let read = |change: fn(&mut Option<String>)| {
        let mut files = sandbox_files();
        change(&mut files.terms);
        Register::read(&files, TODAY).unwrap()
    };
    let (old, none) = (sandbox_register(), read(|terms| *terms = None));
    let other = read(|terms| *terms = terms.take().map(|text| text.replace("Do not", "Never")));
    let said = |old: &Register, new: &Register| -> Vec<String> {
        changes(old, new, TODAY)
            .into_iter()
            .map(|change| format!("{} {}", change.effect.word(), change.text))
            .collect()
    };
    for (old, new, words) in [
        (
            &old,
            &other,
            "stops the text of the terms 1 changes under its version",
        ),
        (&old, &none, "stops the terms 1 cannot be shown"),
        (
            &none,
            &old,
            "allows who has not accepted the terms 1 can do so on the page",
        ),
    ] {
        let said = said(old, new);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with(words), "{said:?}");
    }
    assert!(said(&other, &other).is_empty());
}
