use std::fmt::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::date;
use proptest::prelude::*;

use super::basis::{
    Answer, Basis, ChildFacts, ChildSays, Fault, OverrideReason, ProxyBasis, ProxyFacts, Talk,
    Words,
};
use super::identity::IdentityFindings;
use super::rule::RULES;
use super::*;
use crate::record::{OdsCode, Registration};
use crate::register::OrganisationKind;
use crate::source::SourceRefusal;
use crate::tabs::catalogue::Tab;

const GOOD: Talk = Talk {
    asked: Some(true),
    answer: Answer::Yes,
    told_what: Some(true),
    told_why: Some(true),
    told_may_decline: Some(true),
    told_meaning_of_declining: Some(true),
    voluntary: Some(true),
    capacity: Some(true),
    proxy: None,
    child: None,
    changed_mind: false,
};

const OVERRIDE: Basis = Basis::Override {
    reason: Some(OverrideReason::Unconscious),
    words: Words::Fair,
};

fn ods(code: &str) -> OdsCode {
    OdsCode(code.to_owned())
}

fn good_before() -> BeforeInputs {
    let today = date(2026, 11, 22);
    BeforeInputs {
        today,
        network_allowed: Fact::Known(true),
        client_authenticated: Fact::Known(true),
        viewer: Fact::Known(ViewerFacts {
            ods: ods("Z9O01"),
            kind: OrganisationKind::Viewer,
            signed: true,
            active: true,
            assurance_until: Some(today),
            qualified_roles: vec!["gp".to_owned()],
        }),
        clinician: Fact::Known(ClinicianFacts {
            username: "clinician".to_owned(),
            role: "gp".to_owned(),
            acts_for_viewer: true,
            revoked: false,
            training_until: Some(today),
            terms_accepted: Some("1".to_owned()),
        }),
        terms: "1".to_owned(),
        purposes: vec!["TREAT".to_owned()],
        protocols: vec![ProtocolFacts {
            id: "p".to_owned(),
            purposes: vec!["TREAT".to_owned(), "ETREAT".to_owned(), "BTG".to_owned()],
            from: today,
            until: today,
            tabs: TabCodes(TabSet::ALL),
        }],
        asked: None,
        treatment_registered: Fact::Known(true),
        refusal_stands: Fact::Known(false),
        basis: Fact::Known(Basis::Consent(GOOD)),
    }
}

fn good_trace() -> AfterTraceInputs {
    AfterTraceInputs {
        traced: Fact::Known(true),
        sensitive: Fact::Known(false),
        deceased: Fact::Known(false),
        practice: Fact::Known(PracticeFacts {
            ods: ods("Z99001"),
            signed: true,
            enabled: true,
        }),
        age: Fact::Known(AgeBand::Adult),
        basis: Basis::Consent(GOOD),
    }
}

fn good_source() -> AfterSourceInputs {
    AfterSourceInputs {
        practice: ods("Z99001"),
        refusal: None,
        identity: Fact::Known(IdentityFindings {
            family: true,
            given: true,
            birth_date: true,
        }),
        fully_registered: Fact::Known(true),
        restricted: Fact::Known(false),
        sharing: Fact::Known(SharingFact::Implied),
        remembered_opt_out: Fact::Known(None),
    }
}

fn good_read() -> ReadInputs {
    let before = good_before();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    ReadInputs {
        now: at("2026-11-22T10:29:59Z"),
        today: before.today,
        occasion: Fact::Known(OccasionFacts {
            opened_at: at("2026-11-22T10:00:00Z"),
            ends_at: at("2026-11-22T10:30:00Z"),
            withdrawn: false,
            refused_since: false,
        }),
        viewer: before.viewer,
        clinician: before.clinician,
        terms: before.terms,
        purposes: before.purposes,
        protocols: before.protocols,
        practice: good_trace().practice,
        opted_out: Fact::Known(false),
        held: Fact::Known(false),
        granted: TabCodes(TabSet::ALL),
        asked: None,
    }
}

fn viewer(inputs: &mut BeforeInputs) -> &mut ViewerFacts {
    match &mut inputs.viewer {
        Fact::Known(viewer) => viewer,
        _ => panic!(),
    }
}

fn clinician(inputs: &mut BeforeInputs) -> &mut ClinicianFacts {
    match &mut inputs.clinician {
        Fact::Known(clinician) => clinician,
        _ => panic!(),
    }
}

fn set(tabs: &[Tab]) -> TabCodes {
    TabCodes(tabs.iter().copied().collect())
}

#[test]
fn what_is_in_order_is_permitted() {
    assert!(before(&good_before()).permitted());
    assert_eq!(before(&good_before()).tabs, TabSet::ALL);
    assert!(after_trace(&good_trace()).permitted());
    assert!(after_source(&good_source()).permitted());
    assert!(on_read(&good_read()).permitted());
}

type Break<T> = (Rule, fn(&mut T));

/// Each way to fail exactly one rule of `before`, in the order of the rules.
const BEFORE: [Break<BeforeInputs>; 30] = [
    // R109
    (Rule::NetworkAllowed, |i| {
        i.network_allowed = Fact::Known(false)
    }),
    (Rule::NetworkAllowed, |i| i.network_allowed = Fact::Unknown),
    // R108
    (Rule::ClientAuthenticated, |i| {
        i.client_authenticated = Fact::Unknown
    }),
    (Rule::ClientAuthenticated, |i| {
        i.client_authenticated = Fact::Known(false)
    }),
    // R150, R107
    (Rule::OrganisationSigned, |i| viewer(i).signed = false),
    (Rule::OrganisationSigned, |i| {
        viewer(i).kind = OrganisationKind::Commissioner
    }),
    (Rule::OrganisationSigned, |i| {
        viewer(i).kind = OrganisationKind::Practice
    }),
    (Rule::OrganisationSigned, |i| i.viewer = Fact::Unknown),
    // R155, R156
    (Rule::OrganisationActive, |i| viewer(i).active = false),
    // R163
    (Rule::AssuranceInDate, |i| {
        viewer(i).assurance_until = Some(date(2026, 11, 21))
    }),
    (Rule::AssuranceInDate, |i| viewer(i).assurance_until = None),
    // R101, R108
    (Rule::ClinicianKnown, |i| i.clinician = Fact::Unknown),
    (Rule::ClinicianKnown, |i| {
        clinician(i).acts_for_viewer = false
    }),
    (Rule::ClinicianKnown, |i| clinician(i).revoked = true),
    // R100
    (Rule::RoleQualified, |i| {
        clinician(i).role = "receptionist".to_owned()
    }),
    // R102, R103
    (Rule::TrainingInDate, |i| {
        clinician(i).training_until = Some(date(2026, 11, 21))
    }),
    (Rule::TrainingInDate, |i| clinician(i).training_until = None),
    (Rule::TermsAccepted, |i| clinician(i).terms_accepted = None),
    (Rule::TermsAccepted, |i| {
        clinician(i).terms_accepted = Some("0".to_owned())
    }),
    // R106, R170
    (Rule::PurposeDirectCare, |i| {
        i.purposes = vec!["HRESCH".to_owned()]
    }),
    (Rule::PurposeDirectCare, |i| i.purposes.clear()),
    // R160
    (Rule::ProtocolCoversRole, |i| i.protocols.clear()),
    (Rule::ProtocolCoversRole, |i| {
        i.protocols[0].tabs = TabCodes(TabSet::NONE)
    }),
    (Rule::ProtocolCoversRole, |i| {
        i.protocols[0].until = date(2026, 11, 21)
    }),
    (Rule::ProtocolCoversRole, |i| {
        i.protocols[0].from = date(2026, 11, 23)
    }),
    (Rule::ProtocolCoversTabs, |i| {
        i.protocols[0].tabs = set(&[Tab::Summary]);
        i.asked = Some(set(&[Tab::Summary, Tab::Events]));
    }),
    // R104
    (Rule::TreatmentRegistered, |i| {
        i.treatment_registered = Fact::Known(false)
    }),
    (Rule::TreatmentRegistered, |i| {
        i.treatment_registered = Fact::Unknown
    }),
    // R077
    (Rule::NoStandingRefusal, |i| {
        i.refusal_stands = Fact::Known(true)
    }),
    // R070
    (Rule::ConsentOrOverride, |i| {
        i.basis = Fact::Known(Basis::Consent(Talk::default()))
    }),
];

#[test]
fn each_rule_before_the_look_up_refuses_alone() {
    for (n, (rule, break_it)) in BEFORE.into_iter().enumerate() {
        let mut inputs = good_before();
        break_it(&mut inputs);
        let decision = before(&inputs);
        assert_eq!(decision.denied_by(), Some(rule), "case {n}");
        assert!(!decision.permitted());
    }
}

/// The breaks that leave viewer, clinician and protocol there to be broken further.
fn combinable() -> Vec<Break<BeforeInputs>> {
    BEFORE
        .into_iter()
        .filter(|(_, break_it)| {
            let mut inputs = good_before();
            break_it(&mut inputs);
            inputs.viewer.known().is_some()
                && inputs.clinician.known().is_some()
                && !inputs.protocols.is_empty()
        })
        .collect()
}

#[test]
fn the_first_failing_rule_wins_and_the_others_are_looked_at_all_the_same() {
    let breaks = combinable();
    let order = |rule| RULES.iter().position(|r| *r == rule);
    for (a, (first, break_first)) in breaks.iter().enumerate() {
        for (_, break_second) in breaks.iter().skip(a + 1) {
            let mut inputs = good_before();
            break_second(&mut inputs);
            break_first(&mut inputs);
            let decision = before(&inputs);
            let denied = decision.denied_by().unwrap();
            assert!(order(denied) <= order(*first), "{first:?}: {denied:?}");
            assert_eq!(decision.rules.len(), 15);
        }
    }
    let mut inputs = good_before();
    inputs.network_allowed = Fact::Known(false);
    clinician(&mut inputs).training_until = None;
    let decision = before(&inputs);
    assert_eq!(decision.denied_by(), Some(Rule::NetworkAllowed));
    assert!(
        decision
            .rules
            .contains(&(Rule::TrainingInDate, RuleOutcome::Fail))
    );
}

// R160: two flows of one organisation do not pool
#[test]
fn one_protocol_has_to_cover_all_that_is_asked_for() {
    let mut inputs = good_before();
    inputs.protocols[0].tabs = set(&[Tab::Summary, Tab::Medication]);
    let mut other = inputs.protocols[0].clone();
    other.id = "other".to_owned();
    other.tabs = set(&[Tab::Events]);
    inputs.protocols.push(other);
    inputs.asked = Some(set(&[Tab::Summary, Tab::Events]));
    assert_eq!(before(&inputs).denied_by(), Some(Rule::ProtocolCoversTabs));
    inputs.asked = Some(set(&[Tab::Events]));
    let decision = before(&inputs);
    assert_eq!(decision.protocol.as_deref(), Some("other"));
    assert_eq!(TabCodes(decision.tabs), set(&[Tab::Events]));
    inputs.asked = None;
    let decision = before(&inputs);
    assert_eq!(decision.protocol.as_deref(), Some("p"));
    // an override needs a protocol for its purposes
    inputs.protocols[0].purposes = vec!["TREAT".to_owned()];
    inputs.protocols[1].purposes = vec!["TREAT".to_owned()];
    inputs.purposes = vec!["BTG".to_owned(), "ETREAT".to_owned()];
    assert_eq!(before(&inputs).denied_by(), Some(Rule::ProtocolCoversRole));
}

// R034: less was asked for, less is given
#[test]
fn asking_for_less_gives_less() {
    let mut inputs = good_before();
    inputs.asked = Some(set(&[Tab::Medication]));
    assert_eq!(TabCodes(before(&inputs).tabs), set(&[Tab::Medication]));
    inputs.asked = Some(TabCodes(TabSet::NONE));
    assert_eq!(before(&inputs).denied_by(), Some(Rule::ProtocolCoversTabs));
}

// R070 to R076
#[test]
fn each_missing_item_of_the_conversation_refuses_by_its_own_name() {
    let proxy = ProxyFacts {
        basis: Some(ProxyBasis::ParentalResponsibility),
        named: true,
        related: true,
    };
    let legal = ProxyFacts {
        basis: Some(ProxyBasis::LegalPower),
        ..proxy
    };
    let cases: [(Talk, Option<Fault>); 24] = [
        (GOOD, None),
        (Talk::default(), Some(Fault::ConsentMissing)),
        (
            Talk {
                asked: None,
                ..GOOD
            },
            Some(Fault::NotAsked),
        ),
        (
            Talk {
                asked: Some(false),
                ..GOOD
            },
            Some(Fault::NotAsked),
        ),
        (
            Talk {
                answer: Answer::Unclear,
                ..GOOD
            },
            Some(Fault::AnswerUnclear),
        ),
        (
            Talk {
                answer: Answer::No,
                ..GOOD
            },
            Some(Fault::AnswerNo),
        ),
        (
            Talk {
                answer: Answer::No,
                asked: None,
                ..GOOD
            },
            Some(Fault::AnswerNo),
        ),
        (
            Talk {
                told_what: None,
                ..GOOD
            },
            Some(Fault::NotToldWhat),
        ),
        (
            Talk {
                told_why: Some(false),
                ..GOOD
            },
            Some(Fault::NotToldWhy),
        ),
        (
            Talk {
                told_may_decline: None,
                ..GOOD
            },
            Some(Fault::NotToldMayDecline),
        ),
        (
            Talk {
                told_meaning_of_declining: None,
                ..GOOD
            },
            Some(Fault::NotToldMeaningOfDeclining),
        ),
        (
            Talk {
                voluntary: Some(false),
                ..GOOD
            },
            Some(Fault::NotVoluntary),
        ),
        (
            Talk {
                capacity: None,
                ..GOOD
            },
            Some(Fault::CapacityNotRecorded),
        ),
        (
            Talk {
                capacity: Some(false),
                ..GOOD
            },
            Some(Fault::NoCapacity),
        ),
        (
            Talk {
                capacity: Some(false),
                proxy: Some(proxy),
                ..GOOD
            },
            Some(Fault::NoCapacity),
        ),
        (
            Talk {
                capacity: Some(false),
                proxy: Some(legal),
                ..GOOD
            },
            None,
        ),
        (
            Talk {
                capacity: None,
                proxy: Some(legal),
                ..GOOD
            },
            Some(Fault::CapacityNotRecorded),
        ),
        (
            Talk {
                proxy: Some(legal),
                ..GOOD
            },
            None,
        ),
        (
            Talk {
                proxy: Some(proxy),
                ..GOOD
            },
            None,
        ),
        (
            Talk {
                proxy: Some(ProxyFacts {
                    basis: None,
                    ..proxy
                }),
                ..GOOD
            },
            Some(Fault::ProxyBasis),
        ),
        (
            Talk {
                proxy: Some(ProxyFacts {
                    named: false,
                    ..proxy
                }),
                ..GOOD
            },
            Some(Fault::ProxyName),
        ),
        (
            Talk {
                proxy: Some(ProxyFacts {
                    related: false,
                    ..proxy
                }),
                ..GOOD
            },
            Some(Fault::ProxyRelationship),
        ),
        (
            Talk {
                changed_mind: true,
                ..GOOD
            },
            None,
        ),
        (
            Talk {
                changed_mind: true,
                answer: Answer::No,
                ..GOOD
            },
            Some(Fault::AnswerNo),
        ),
    ];
    for (talk, fault) in cases {
        assert_eq!(Basis::Consent(talk).fault(), fault, "{talk:?}");
        let mut inputs = good_before();
        inputs.basis = Fact::Known(Basis::Consent(talk));
        assert_eq!(before(&inputs).permitted(), fault.is_none());
        if let Some(fault) = fault {
            let reason = Inputs::Before(inputs).reason(Rule::ConsentOrOverride);
            assert_eq!(reason, fault.code());
        }
    }
}

// R075, R076 (S2 6.3.2, 6.3.3)
#[test]
fn the_age_decides_on_proxy_and_child() {
    let parent = Some(ProxyFacts {
        basis: Some(ProxyBasis::ParentalResponsibility),
        named: true,
        related: true,
    });
    let child = |asked, view| Some(ChildFacts { asked, view });
    let agrees = child(true, Some(ChildSays::Agrees));
    let cases: [(AgeBand, Talk, Option<Fault>); 11] = [
        (AgeBand::Adult, GOOD, None),
        (
            AgeBand::Adult,
            Talk {
                proxy: parent,
                ..GOOD
            },
            Some(Fault::ProxyParentalOfAdult),
        ),
        (AgeBand::Child, GOOD, Some(Fault::ChildViewMissing)),
        (
            AgeBand::Child,
            Talk {
                proxy: parent,
                ..GOOD
            },
            Some(Fault::ChildViewMissing),
        ),
        (
            AgeBand::Child,
            Talk {
                proxy: parent,
                child: agrees,
                ..GOOD
            },
            None,
        ),
        (
            AgeBand::Child,
            Talk {
                child: agrees,
                ..GOOD
            },
            None,
        ),
        (
            AgeBand::Child,
            Talk {
                proxy: parent,
                child: child(false, Some(ChildSays::Agrees)),
                ..GOOD
            },
            Some(Fault::ChildNotAsked),
        ),
        (
            AgeBand::Child,
            Talk {
                proxy: parent,
                child: child(true, Some(ChildSays::Objects)),
                ..GOOD
            },
            Some(Fault::ChildObjects),
        ),
        (
            AgeBand::Child,
            Talk {
                proxy: parent,
                child: child(true, None),
                ..GOOD
            },
            Some(Fault::ChildViewUnclear),
        ),
        (
            AgeBand::Child,
            Talk {
                proxy: parent,
                child: child(false, Some(ChildSays::Unable)),
                ..GOOD
            },
            None,
        ),
        (
            AgeBand::Child,
            Talk {
                child: child(true, Some(ChildSays::Unable)),
                ..GOOD
            },
            Some(Fault::ChildNeedsProxy),
        ),
    ];
    for (age, talk, fault) in cases {
        let mut inputs = good_trace();
        inputs.age = Fact::Known(age);
        inputs.basis = Basis::Consent(talk);
        let decision = after_trace(&inputs);
        assert_eq!(decision.permitted(), fault.is_none(), "{age:?} {talk:?}");
        if let Some(fault) = fault {
            assert_eq!(decision.denied_by(), Some(Rule::ConsentOrOverride));
            let reason = Inputs::AfterTrace(inputs).reason(Rule::ConsentOrOverride);
            assert_eq!(reason, fault.code());
        }
    }
    let mut inputs = good_trace();
    inputs.age = Fact::Unknown;
    assert_eq!(
        after_trace(&inputs).denied_by(),
        Some(Rule::ConsentOrOverride)
    );
    assert_eq!(
        Inputs::AfterTrace(inputs.clone()).reason(Rule::ConsentOrOverride),
        "age-unknown"
    );
    inputs.basis = OVERRIDE;
    assert!(after_trace(&inputs).permitted());
}

// R090, R091
#[test]
fn an_override_needs_a_reason_in_words_that_say_something() {
    for (text, words) in [
        ("", Words::Blank),
        ("   \n", Words::Blank),
        ("...", Words::Empty),
        ("n/a", Words::Short),
        ("emergency", Words::Short),
        ("unconscious", Words::Short),
        ("xxxxxxxxxxxxxxxxxxxx", Words::Empty),
        ("x x x x x x x x x x x x", Words::Empty),
        ("emergency emergency EMERGENCY", Words::Empty),
        ("Life-threatening", Words::Empty),
        ("unable to consent", Words::Empty),
        ("Life threatening emergency!", Words::Empty),
        ("Found unconscious at home", Words::Fair),
        ("Collapsed, GCS 3, no relatives", Words::Fair),
    ] {
        assert_eq!(Words::weigh(text), words, "{text:?}");
    }
    for (reason, words, fault) in [
        (None, Words::Fair, Some(Fault::OverrideReason)),
        (Some(OverrideReason::LifeThreatening), Words::Fair, None),
        (
            Some(OverrideReason::Unconscious),
            Words::Blank,
            Some(Fault::OverrideTextMissing),
        ),
        (
            Some(OverrideReason::Unconscious),
            Words::Short,
            Some(Fault::OverrideTextShort),
        ),
        (
            Some(OverrideReason::Unconscious),
            Words::Empty,
            Some(Fault::OverrideTextEmpty),
        ),
    ] {
        assert_eq!(Basis::Override { reason, words }.fault(), fault);
    }
    assert_eq!(OverrideReason::from_code("curiosity"), None);
}

// R077, R080: a refusal stands against consent and override alike; only a change of mind with a full yes lifts it
#[test]
fn a_standing_refusal_yields_only_to_a_change_of_mind() {
    let allowed = |basis| {
        let mut inputs = good_before();
        inputs.refusal_stands = Fact::Known(true);
        inputs.basis = Fact::Known(basis);
        before(&inputs).permitted()
    };
    let changed = Talk {
        changed_mind: true,
        ..GOOD
    };
    assert!(!allowed(Basis::Consent(GOOD)));
    assert!(!allowed(OVERRIDE));
    assert!(!allowed(Basis::Consent(Talk {
        told_why: None,
        ..changed
    })));
    assert!(allowed(Basis::Consent(changed)));
}

#[test]
fn each_rule_after_the_trace_refuses_alone() {
    let cases: [Break<AfterTraceInputs>; 9] = [
        // R001, R002, R011
        (Rule::NumberTraced, |i| i.traced = Fact::Known(false)),
        (Rule::NumberTraced, |i| i.traced = Fact::Unknown),
        (Rule::NotSensitive, |i| i.sensitive = Fact::Known(true)),
        (Rule::NotSensitive, |i| i.sensitive = Fact::Unknown),
        (Rule::Alive, |i| i.deceased = Fact::Known(true)),
        // R004, R006
        (Rule::PracticeSigned, |i| i.practice = Fact::Unknown),
        (Rule::PracticeSigned, |i| practice(i).signed = false),
        (Rule::PracticeEnabled, |i| practice(i).enabled = false),
        (Rule::ConsentOrOverride, |i| i.age = Fact::Unknown),
    ];
    fn practice(inputs: &mut AfterTraceInputs) -> &mut PracticeFacts {
        match &mut inputs.practice {
            Fact::Known(practice) => practice,
            _ => panic!(),
        }
    }
    for (rule, break_it) in cases {
        let mut inputs = good_trace();
        break_it(&mut inputs);
        assert_eq!(after_trace(&inputs).denied_by(), Some(rule));
    }
}

#[test]
fn each_rule_after_the_source_refuses_alone() {
    let cases: [(&str, Break<AfterSourceInputs>); 17] = [
        // R012
        (
            "identity-mismatch",
            (Rule::IdentityMatches, |i| i.identity = Fact::Unknown),
        ),
        (
            "identity-mismatch",
            (Rule::IdentityMatches, |i| {
                i.identity = findings(false, true, true)
            }),
        ),
        (
            "identity-mismatch",
            (Rule::IdentityMatches, |i| {
                i.identity = findings(true, false, true)
            }),
        ),
        (
            "identity-mismatch",
            (Rule::IdentityMatches, |i| {
                i.identity = findings(true, true, false)
            }),
        ),
        // R001
        (
            "not-registered",
            (Rule::FullyRegistered, |i| {
                i.fully_registered = Fact::Known(false)
            }),
        ),
        (
            "not-registered",
            (Rule::FullyRegistered, |i| {
                i.fully_registered = Fact::Unknown
            }),
        ),
        (
            "not-registered",
            (Rule::FullyRegistered, |i| {
                i.refusal = Some(SourceRefusal::NoSuchPatient)
            }),
        ),
        (
            "record-restricted",
            (Rule::NotRestricted, |i| i.restricted = Fact::Known(true)),
        ),
        (
            "record-restricted",
            (Rule::NotRestricted, |i| i.restricted = Fact::Unknown),
        ),
        (
            "record-restricted",
            (Rule::NotRestricted, |i| {
                i.refusal = Some(SourceRefusal::Restricted)
            }),
        ),
        (
            "practice-not-enabled",
            (Rule::PracticeEnabled, |i| {
                i.refusal = Some(SourceRefusal::AccessDenied)
            }),
        ),
        // R003, R061, R065
        (
            "opted-out",
            (Rule::NotOptedOut, |i| {
                i.sharing = Fact::Known(SharingFact::OptedOut)
            }),
        ),
        (
            "opted-out",
            (Rule::NotOptedOut, |i| {
                i.refusal = Some(SourceRefusal::Dissent)
            }),
        ),
        (
            "opt-out-unknown",
            (Rule::NotOptedOut, |i| i.sharing = Fact::Unknown),
        ),
        (
            "opt-out-unknown",
            (Rule::NotOptedOut, |i| {
                i.refusal = Some(SourceRefusal::SharingNotRecorded)
            }),
        ),
        // R008
        (
            "opted-out",
            (Rule::NotOptedOut, |i| {
                i.remembered_opt_out = Fact::Known(Some(ods("Z99002")))
            }),
        ),
        (
            "opted-out",
            (Rule::NotOptedOut, |i| i.remembered_opt_out = Fact::Unknown),
        ),
    ];
    fn findings(family: bool, given: bool, birth_date: bool) -> Fact<IdentityFindings> {
        Fact::Known(IdentityFindings {
            family,
            given,
            birth_date,
        })
    }
    for (reason, (rule, break_it)) in cases {
        let mut inputs = good_source();
        break_it(&mut inputs);
        assert_eq!(after_source(&inputs).denied_by(), Some(rule), "{inputs:?}");
        assert_eq!(Inputs::AfterSource(inputs).reason(rule), reason);
    }
}

// R008, R064
#[test]
fn an_opt_out_follows_to_the_new_practice_until_consent_is_express() {
    let allowed = |sharing, remembered: Option<&str>| {
        let mut inputs = good_source();
        inputs.sharing = Fact::Known(sharing);
        inputs.remembered_opt_out = Fact::Known(remembered.map(ods));
        after_source(&inputs).permitted()
    };
    assert!(!allowed(SharingFact::Implied, Some("Z99002")));
    assert!(allowed(SharingFact::Express, Some("Z99002")));
    assert!(allowed(SharingFact::Implied, Some("Z99001")));
    assert!(!allowed(SharingFact::OptedOut, None));
}

#[test]
fn each_rule_of_a_read_refuses_alone() {
    let occasion = |i: &mut ReadInputs, change: fn(&mut OccasionFacts)| match &mut i.occasion {
        Fact::Known(occasion) => change(occasion),
        _ => panic!(),
    };
    type Case<'a> = (Rule, Box<dyn Fn(&mut ReadInputs) + 'a>);
    let cases: Vec<Case<'_>> = vec![
        // R071, R080
        (Rule::OccasionOpen, Box::new(|i| i.occasion = Fact::Unknown)),
        (
            Rule::OccasionOpen,
            Box::new(|i| occasion(i, |o| o.ends_at = "2026-11-22T10:29:59Z".parse().unwrap())),
        ),
        (
            Rule::OccasionOpen,
            Box::new(|i| occasion(i, |o| o.opened_at = "2026-11-22T10:30:00Z".parse().unwrap())),
        ),
        (
            Rule::OccasionOpen,
            Box::new(|i| occasion(i, |o| o.withdrawn = true)),
        ),
        (
            Rule::OccasionOpen,
            Box::new(|i| occasion(i, |o| o.refused_since = true)),
        ),
        // R102, R108, R156
        (
            Rule::ClinicianKnown,
            Box::new(|i| i.clinician = Fact::Unknown),
        ),
        (
            Rule::OrganisationSigned,
            Box::new(|i| i.viewer = Fact::Unknown),
        ),
        (Rule::ProtocolCoversRole, Box::new(|i| i.protocols.clear())),
        (
            Rule::PracticeSigned,
            Box::new(|i| i.practice = Fact::Unknown),
        ),
        // R003, R006
        (
            Rule::NotOptedOut,
            Box::new(|i| i.opted_out = Fact::Known(true)),
        ),
        (Rule::NoHold, Box::new(|i| i.held = Fact::Known(true))),
        (Rule::NoHold, Box::new(|i| i.held = Fact::Unknown)),
        // R034
        (
            Rule::TabInDataSet,
            Box::new(|i| i.granted = TabCodes(TabSet::NONE)),
        ),
        (
            Rule::TabInDataSet,
            Box::new(|i| {
                i.granted = set(&[Tab::Summary]);
                i.asked = Some(set(&[Tab::Events]));
            }),
        ),
        (
            Rule::TabInDataSet,
            Box::new(|i| i.asked = Some(TabCodes(TabSet::NONE))),
        ),
    ];
    for (n, (rule, break_it)) in cases.iter().enumerate() {
        let mut inputs = good_read();
        break_it(&mut inputs);
        assert_eq!(on_read(&inputs).denied_by(), Some(*rule), "case {n}");
    }
    let mut inputs = good_read();
    inputs.granted = set(&[Tab::Summary, Tab::Events]);
    inputs.protocols[0].tabs = set(&[Tab::Summary, Tab::Medication]);
    assert_eq!(TabCodes(on_read(&inputs).tabs), set(&[Tab::Summary]));
}

#[test]
fn every_rule_has_its_place_code_and_audience() {
    let mut codes: Vec<&str> = RULES.iter().map(|rule| rule.code()).collect();
    codes.extend(basis::FAULTS.iter().skip(1).map(|fault| fault.code()));
    let count = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), count);
    for rule in RULES {
        assert!(!rule.source().is_empty());
        assert_eq!(rule.mendable().is_none(), rule.is_about_the_patient());
    }
    // R001, R065: the reasons that the requirements name
    assert_eq!(Rule::FullyRegistered.code(), "not-registered");
    assert_eq!(record::OPT_OUT_UNKNOWN, "opt-out-unknown");
}

#[test]
fn a_recorded_decision_comes_out_the_same_when_it_is_decided_again() {
    let mut refused = good_before();
    refused.asked = Some(set(&[Tab::Summary]));
    clinician(&mut refused).training_until = None;
    for inputs in [
        Inputs::Before(good_before()),
        Inputs::Before(refused),
        Inputs::AfterTrace(good_trace()),
        Inputs::AfterSource(good_source()),
        Inputs::OnRead(good_read()),
    ] {
        let (_, record) = DecisionRecord::decide(inputs);
        let json = serde_json::to_string(&record).unwrap();
        let back: DecisionRecord = serde_json::from_str(&json).unwrap();
        assert_eq!(back, record);
        assert!(back.still_holds());
        let mut altered = back;
        altered.rules[0].1 = RuleOutcome::NotEvaluated;
        assert!(!altered.still_holds());
    }
}

fn fact_of_bool() -> impl Strategy<Value = Fact<bool>> {
    prop_oneof![
        Just(Fact::NotAsked),
        Just(Fact::Unknown),
        any::<bool>().prop_map(Fact::Known)
    ]
}

proptest! {
    // Deny by default: whatever is not known to be in order is refused.
    #[test]
    fn only_known_and_good_facts_permit(
        network in fact_of_bool(),
        client in fact_of_bool(),
        treatment in fact_of_bool(),
        refusal in fact_of_bool(),
        breaks in proptest::sample::subsequence(combinable(), 0..4),
    ) {
        let mut inputs = good_before();
        for (_, break_it) in &breaks {
            break_it(&mut inputs);
        }
        inputs.network_allowed = network;
        inputs.client_authenticated = client;
        inputs.treatment_registered = treatment;
        inputs.refusal_stands = refusal;
        let good = network == Fact::Known(true)
            && client == Fact::Known(true)
            && treatment == Fact::Known(true)
            && refusal == Fact::Known(false);
        let decision = before(&inputs);
        // The breaks may set the same four facts; these four have the last word on them.
        let set_again = [Rule::NetworkAllowed, Rule::ClientAuthenticated, Rule::TreatmentRegistered, Rule::NoStandingRefusal];
        let broken = breaks.iter().any(|(rule, _)| !set_again.contains(rule));
        prop_assert_eq!(decision.permitted(), good && !broken);
        prop_assert_eq!(decision.permitted(), decision.rules.iter().all(|(_, o)| *o == RuleOutcome::Pass));
    }

    #[test]
    fn a_record_is_shared_only_with_a_known_choice(
        registered in fact_of_bool(),
        restricted in fact_of_bool(),
        sharing in prop_oneof![
            Just(Fact::NotAsked), Just(Fact::Unknown),
            Just(Fact::Known(SharingFact::Implied)),
            Just(Fact::Known(SharingFact::Express)),
            Just(Fact::Known(SharingFact::OptedOut)),
        ],
        elsewhere in any::<bool>(),
    ) {
        let mut inputs = good_source();
        inputs.fully_registered = registered;
        inputs.restricted = restricted;
        inputs.sharing = sharing;
        inputs.remembered_opt_out = Fact::Known(elsewhere.then(|| ods("Z99002")));
        let willing = sharing == Fact::Known(SharingFact::Express)
            || sharing == Fact::Known(SharingFact::Implied) && !elsewhere;
        let good = registered == Fact::Known(true) && restricted == Fact::Known(false) && willing;
        prop_assert_eq!(after_source(&inputs).permitted(), good);
    }
}

#[test]
fn only_a_full_registration_is_full() {
    for (registration, fact) in [
        (Registration::Full, Fact::Known(true)),
        (Registration::Temporary, Fact::Known(false)),
        (
            Registration::Other("Private".to_owned()),
            Fact::Known(false),
        ),
        (Registration::Ended, Fact::Known(false)),
        (Registration::Unknown, Fact::Unknown),
    ] {
        assert_eq!(AfterSourceInputs::registration(&registration), fact);
    }
}

/// Every combination of who asks, why, on what basis, about whom: what comes out, as a table for people to read.
#[test]
fn the_decision_matrix_is_as_it_was() {
    let text = matrix();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/decision-matrix.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    for (n, (kept, now)) in kept.lines().zip(text.lines()).enumerate() {
        assert_eq!(kept, now, "line {}; UPDATE_GOLDEN=1 writes it anew", n + 1);
    }
    assert_eq!(kept.lines().count(), text.lines().count());
}

fn matrix() -> String {
    let parent = ProxyFacts {
        basis: Some(ProxyBasis::ParentalResponsibility),
        named: true,
        related: true,
    };
    let legal = ProxyFacts {
        basis: Some(ProxyBasis::LegalPower),
        ..parent
    };
    let agrees = ChildFacts {
        asked: true,
        view: Some(ChildSays::Agrees),
    };
    let bases: [(&str, Basis); 14] = [
        ("yes", Basis::Consent(GOOD)),
        (
            "yes, changed mind",
            Basis::Consent(Talk {
                changed_mind: true,
                ..GOOD
            }),
        ),
        (
            "yes, parent, child agrees",
            Basis::Consent(Talk {
                proxy: Some(parent),
                child: Some(agrees),
                ..GOOD
            }),
        ),
        (
            "yes, parent, child objects",
            Basis::Consent(Talk {
                proxy: Some(parent),
                child: Some(ChildFacts {
                    view: Some(ChildSays::Objects),
                    ..agrees
                }),
                ..GOOD
            }),
        ),
        (
            "yes, child agrees",
            Basis::Consent(Talk {
                child: Some(agrees),
                ..GOOD
            }),
        ),
        (
            "no capacity, legal power",
            Basis::Consent(Talk {
                capacity: Some(false),
                proxy: Some(legal),
                ..GOOD
            }),
        ),
        (
            "no capacity",
            Basis::Consent(Talk {
                capacity: Some(false),
                ..GOOD
            }),
        ),
        (
            "not told why",
            Basis::Consent(Talk {
                told_why: None,
                ..GOOD
            }),
        ),
        (
            "no",
            Basis::Consent(Talk {
                answer: Answer::No,
                ..GOOD
            }),
        ),
        ("nothing", Basis::Consent(Talk::default())),
        ("override unconscious", OVERRIDE),
        (
            "override life-threatening",
            Basis::Override {
                reason: Some(OverrideReason::LifeThreatening),
                words: Words::Fair,
            },
        ),
        (
            "override, another reason",
            Basis::Override {
                reason: None,
                words: Words::Fair,
            },
        ),
        (
            "override, few words",
            Basis::Override {
                reason: Some(OverrideReason::Unconscious),
                words: Words::Short,
            },
        ),
    ];
    type Patient = (
        &'static str,
        fn(&mut BeforeInputs, &mut AfterTraceInputs, &mut AfterSourceInputs),
    );
    let patients: [Patient; 18] = [
        ("adult", |_, _, _| {}),
        ("child", |_, t, _| t.age = Fact::Known(AgeBand::Child)),
        ("refusal stands", |b, _, _| {
            b.refusal_stands = Fact::Known(true)
        }),
        ("not on the worklist", |b, _, _| {
            b.treatment_registered = Fact::Known(false)
        }),
        ("not found by the trace", |_, t, _| {
            t.traced = Fact::Known(false);
            t.sensitive = Fact::NotAsked;
            t.deceased = Fact::NotAsked;
            t.practice = Fact::NotAsked;
            t.age = Fact::NotAsked;
        }),
        ("not verified", |_, t, _| t.traced = Fact::Known(false)),
        ("S-flag", |_, t, _| t.sensitive = Fact::Known(true)),
        ("deceased", |_, t, _| t.deceased = Fact::Known(true)),
        ("practice never signed", |_, t, _| {
            t.practice = Fact::Known(PracticeFacts {
                ods: ods("Z99004"),
                signed: false,
                enabled: false,
            })
        }),
        ("practice not enabled", |_, t, _| {
            t.practice = Fact::Known(PracticeFacts {
                ods: ods("Z99003"),
                signed: true,
                enabled: false,
            })
        }),
        ("no practice", |_, t, _| t.practice = Fact::Unknown),
        ("temporary", |_, _, s| {
            s.fully_registered = Fact::Known(false)
        }),
        ("restricted", |_, _, s| {
            s.refusal = Some(SourceRefusal::Restricted)
        }),
        ("opted out", |_, _, s| {
            s.sharing = Fact::Known(SharingFact::OptedOut)
        }),
        ("opted out before", |_, _, s| {
            s.remembered_opt_out = Fact::Known(Some(ods("Z99002")))
        }),
        ("opted out before, express now", |_, _, s| {
            s.remembered_opt_out = Fact::Known(Some(ods("Z99002")));
            s.sharing = Fact::Known(SharingFact::Express);
        }),
        ("opt-out unknown", |_, _, s| s.sharing = Fact::Unknown),
        ("another person at the source", |_, _, s| {
            s.identity = Fact::Known(IdentityFindings {
                family: false,
                given: true,
                birth_date: false,
            })
        }),
    ];

    let register = crate::sandbox::register::tests::sandbox_register();
    let today = crate::sandbox::register::tests::TODAY;
    let mut out = String::from(
        "# Who may look: every user of the sandbox, every purpose, every basis, every kind of patient.\n\
         # Generated by the decisions themselves; UPDATE_GOLDEN=1 writes it anew. Read a change before you keep it.\n\
         # `heard` is what the caller learns; a patient who is not named has the line's outcome.\n",
    );
    for user in register.users.values() {
        // One user everywhere, so that every organisation is in the table; the others where they belong.
        let viewers: Vec<OdsCode> = match user.username.as_str() {
            "clinician" => register.organisations.keys().cloned().collect(),
            _ if user.organisations.is_empty() => vec![ods("Z9O01")],
            _ => user.organisations.clone(),
        };
        for viewer in &viewers {
            for purpose in ["TREAT", "HRESCH", "HOPERAT"] {
                let _ = writeln!(
                    out,
                    "\n{} ({}) at {viewer}, {purpose}",
                    user.username, user.role
                );
                for (name, basis) in &bases {
                    let purposes: Vec<String> = match (basis, purpose) {
                        (Basis::Override { .. }, "TREAT") => {
                            vec!["BTG".to_owned(), "ETREAT".to_owned()]
                        }
                        _ => vec![purpose.to_owned()],
                    };
                    let outcomes: Vec<(&str, String)> = patients
                        .iter()
                        .map(|(patient, change)| {
                            let (mut b, mut t, mut s) = (
                                of_register(&register, today, &user.username, viewer),
                                good_trace(),
                                good_source(),
                            );
                            b.purposes.clone_from(&purposes);
                            b.basis = Fact::Known(*basis);
                            t.basis = *basis;
                            change(&mut b, &mut t, &mut s);
                            (*patient, outcome(b, t, s))
                        })
                        .collect();
                    write_line(&mut out, name, &outcomes);
                }
            }
        }
    }
    out
}

fn of_register(
    register: &crate::register::Register,
    today: jiff::civil::Date,
    username: &str,
    viewer: &OdsCode,
) -> BeforeInputs {
    let user = &register.users[username];
    let organisation = &register.organisations[viewer];
    BeforeInputs {
        today,
        viewer: Fact::Known(ViewerFacts {
            ods: viewer.clone(),
            kind: organisation.kind,
            signed: organisation.has_signed(&register.agreement, today),
            active: !organisation.suspended,
            assurance_until: organisation.assurance_until,
            qualified_roles: organisation.qualified_roles.iter().cloned().collect(),
        }),
        clinician: Fact::Known(ClinicianFacts {
            username: username.to_owned(),
            role: user.role.clone(),
            acts_for_viewer: user.organisations.contains(viewer),
            revoked: user.revoked,
            training_until: user.training_until,
            terms_accepted: user.terms_accepted.clone().map(|(version, _)| version),
        }),
        terms: register.agreement.terms.clone(),
        protocols: register
            .protocols
            .values()
            .filter(|protocol| protocol.viewer == *viewer)
            .map(|protocol| ProtocolFacts {
                id: protocol.id.clone(),
                purposes: protocol.purposes.clone(),
                from: protocol.valid.0,
                until: protocol.valid.1,
                tabs: TabCodes(protocol.roles.get(&user.role).copied().unwrap_or_default()),
            })
            .collect(),
        ..good_before()
    }
}

fn outcome(before: BeforeInputs, trace: AfterTraceInputs, source: AfterSourceInputs) -> String {
    let mut tabs = 0;
    for inputs in [
        Inputs::Before(before),
        Inputs::AfterTrace(trace),
        Inputs::AfterSource(source),
    ] {
        let decision = inputs.decide();
        if let Some(rule) = decision.denied_by() {
            let heard = match rule.mendable() {
                Some(_) => "",
                None => " (heard: no-record-available)",
            };
            return format!("{}{heard}", inputs.reason(rule));
        }
        assert!(decision.permitted());
        if matches!(inputs, Inputs::Before(_)) {
            tabs = decision.tabs.iter().count();
        }
    }
    format!("PERMIT, {tabs} tabs")
}

fn write_line(out: &mut String, name: &str, outcomes: &[(&str, String)]) {
    let common = outcomes
        .iter()
        .max_by_key(|(_, outcome)| outcomes.iter().filter(|(_, o)| o == outcome).count())
        .map(|(_, outcome)| outcome.clone())
        .unwrap_or_default();
    // The plain adult's outcome leads, so that a permit is always named first.
    let lead = if outcomes[0].1.starts_with("PERMIT") {
        outcomes[0].1.clone()
    } else {
        common
    };
    let _ = writeln!(out, "  {name}: {lead}");
    for (patient, outcome) in outcomes.iter().filter(|(_, outcome)| *outcome != lead) {
        let _ = writeln!(out, "    {patient}: {outcome}");
    }
}
