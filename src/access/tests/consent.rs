use super::*;

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

// R090: each reason has one code and is found by it, in the trail as in what was asked
#[test]
fn the_reasons_of_an_override_have_their_codes() {
    for (reason, code) in [
        (OverrideReason::Unconscious, "unconscious"),
        (OverrideReason::UnableToConsent, "unable-to-consent"),
        (OverrideReason::LifeThreatening, "life-threatening"),
    ] {
        assert_eq!(reason.code(), code);
        assert_eq!(OverrideReason::from_code(code), Some(reason));
    }
    for code in ["", "Unconscious", "research", "unconscious "] {
        assert_eq!(OverrideReason::from_code(code), None, "{code}");
    }
}

// R077: where nobody knows on what basis, nobody has changed their mind
#[test]
fn a_refusal_stands_where_the_basis_is_not_known() {
    for basis in [Fact::NotAsked, Fact::Unknown] {
        let mut inputs = good_before();
        inputs.refusal_stands = Fact::Known(true);
        inputs.basis = basis;
        let decision = before(&inputs);
        assert_eq!(decision.denied_by(), Some(Rule::NoStandingRefusal));
    }
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
        ("x x x x x x x x x x x x", Words::Short),
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

// R077, R171: who refuses research has not refused care, and whose care is refused may still be asked about research; where a
// legal gateway asks nobody, any "no" to this person stands
#[test]
fn a_no_to_one_use_is_no_answer_about_another() {
    let mut care = good_before();
    care.also_refused = vec!["HRESCH".to_owned()];
    assert!(before(&care).permitted());
    care.basis = Fact::Known(OVERRIDE);
    care.purposes = vec!["BTG".to_owned(), "ETREAT".to_owned()];
    assert!(before(&care).permitted());

    let register = crate::sandbox::register::tests::sandbox_register();
    let asked = |purpose: &str, tab: Tab, basis: Basis, also: &[&str]| {
        let mut inputs =
            matrix::of_register(&register, good_before().today, "researcher", &ods("Z9R01"));
        inputs.purposes = vec![purpose.to_owned()];
        inputs.asked = Some(TabCodes([tab].into_iter().collect()));
        inputs.basis = Fact::Known(basis);
        inputs.also_refused = also.iter().map(|one| (*one).to_owned()).collect();
        before(&inputs).denied_by()
    };
    let to_this = Basis::Consent(Talk {
        to_this_use: Some(true),
        ..GOOD
    });
    for also in [&[][..], &["TREAT"], &["PUBHLTH", "TREAT"]] {
        assert_eq!(asked("HRESCH", Tab::Problems, to_this, also), None);
    }
    assert_eq!(asked("PUBHLTH", Tab::Diagnosis, Basis::Gateway, &[]), None);
    for also in ["TREAT", "HRESCH"] {
        assert_eq!(
            asked("PUBHLTH", Tab::Diagnosis, Basis::Gateway, &[also]),
            Some(Rule::NoStandingRefusal)
        );
        let changed = Basis::Consent(Talk {
            changed_mind: true,
            to_this_use: Some(true),
            ..GOOD
        });
        assert_eq!(
            asked("PUBHLTH", Tab::Diagnosis, changed, &[also]),
            Some(Rule::NoStandingRefusal),
            "a change of mind about one use is none about another"
        );
    }
}

// Rows of before keep what they said: their refusal was of care
#[test]
fn inputs_of_before_are_read() {
    let text = serde_json::to_string(&good_before()).unwrap();
    assert!(!text.contains("also_refused"));
    let read: BeforeInputs = serde_json::from_str(&text).unwrap();
    assert_eq!(read, good_before());
}
