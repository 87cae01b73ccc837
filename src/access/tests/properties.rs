use super::*;

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
