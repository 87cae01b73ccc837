use super::*;

#[test]
fn each_rule_after_the_trace_refuses_alone() {
    let cases: [Break<AfterTraceInputs>; 10] = [
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
        // R101
        (Rule::ClinicianAuthenticated, |i| {
            practice(i).demands_proof = true
        }),
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
