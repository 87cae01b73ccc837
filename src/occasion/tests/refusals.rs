use super::*;

/// One refusal: who asks, what the outside says, what is heard, what the trail says, what was asked outside.
struct Case {
    ask: OccasionAsk,
    world: World,
    heard: &'static str,
    audited: &'static str,
    asked: &'static [&'static str],
}

const NOTHING: &[&str] = &["audit"];
const LIST: &[&str] = &["worklist", "audit"];
const TRACE: &[&str] = &["worklist", "intent", "trace", "audit"];
const SOURCE: &[&str] = &["worklist", "intent", "trace", "source", "audit"];

fn case(
    heard: &'static str,
    audited: &'static str,
    asked: &'static [&'static str],
    change: impl FnOnce(&mut OccasionAsk, &mut World),
) -> Case {
    let (mut ask, mut world) = (ask(), World::default());
    change(&mut ask, &mut world);
    Case {
        ask,
        world,
        heard,
        audited,
        asked,
    }
}

/// The refusal table of the sandbox's contract, row by row.
fn refusals() -> Vec<Case> {
    let same =
        |code, asked, change: fn(&mut OccasionAsk, &mut World)| case(code, code, asked, change);
    let of_patient =
        |code, asked, change: fn(&mut OccasionAsk, &mut World)| case("-", code, asked, change);
    vec![
        // what people can mend: refused before the look-up
        same("network-not-allowed", NOTHING, |a, _| {
            a.origin.address = "10.1.1.1".parse().ok()
        }),
        same("network-not-allowed", NOTHING, |a, _| {
            a.origin.address = None
        }),
        same("client-not-known", NOTHING, |a, _| {
            a.client_id = "nobody".to_owned()
        }),
        same("client-not-known", NOTHING, |a, _| {
            a.client_id = "sandbox-backend-es".to_owned()
        }),
        same("client-not-known", NOTHING, |a, _| {
            a.client_id = "sandbox-audit-backend".to_owned()
        }),
        same("organisation-suspended", NOTHING, |a, _| {
            by(a, "sandbox-backend-walkin", "Z9S01", "walkin-doctor")
        }),
        same("organisation-not-signed", NOTHING, |a, _| {
            by(a, "sandbox-web", "Z9C01", "clinician")
        }),
        same("organisation-not-signed", NOTHING, |a, _| {
            by(a, "sandbox-web", "Z99001", "practice-manager")
        }),
        same("clinician-not-known", NOTHING, |a, _| {
            a.clinician.username = "nobody".to_owned()
        }),
        same("clinician-not-known", NOTHING, |a, _| {
            a.clinician.username = "clinician".to_owned()
        }),
        same("clinician-not-known", NOTHING, |a, _| {
            a.clinician.organisation = OdsCode("Z9O01".to_owned())
        }),
        same("role-not-qualified", NOTHING, |a, _| {
            by(a, "sandbox-spa", "Z9O01", "receptionist")
        }),
        same("role-not-qualified", NOTHING, |a, _| {
            by(a, "sandbox-spa", "Z9O01", "privacy-officer")
        }),
        same("training-lapsed", NOTHING, |a, _| {
            by(a, "sandbox-spa", "Z9O01", "untrained")
        }),
        same("tabs-not-in-protocol", NOTHING, |a, _| {
            a.clinician.username = "hospital-nurse".to_owned();
            a.tabs = Some([Tab::Summary, Tab::Events].into_iter().collect());
        }),
        same("not-registered-for-treatment", LIST, |_, w| {
            w.registered = Some(false)
        }),
        same("not-registered-for-treatment", NOTHING, |a, _| {
            a.treatment = "self".to_owned()
        }),
        same("consent-missing", LIST, |a, _| {
            a.basis = AskedBasis::Consent(ConsentTalk::default())
        }),
        same("consent-not-asked", LIST, |a, _| {
            talk(a, |t| t.asked = Some(false))
        }),
        same("consent-answer-unclear", LIST, |a, _| {
            talk(a, |t| t.answer = Some("Yes, I think".to_owned()))
        }),
        same("consent-not-told-what", LIST, |a, _| {
            talk(a, |t| t.told_what = None)
        }),
        same("consent-not-told-why", LIST, |a, _| {
            talk(a, |t| t.told_why = None)
        }),
        same("consent-not-told-may-decline", LIST, |a, _| {
            talk(a, |t| t.told_may_decline = None)
        }),
        same("consent-not-told-meaning-of-declining", LIST, |a, _| {
            talk(a, |t| t.told_meaning_of_declining = None)
        }),
        same("consent-not-voluntary", LIST, |a, _| {
            talk(a, |t| t.voluntary = None)
        }),
        same("consent-capacity-not-recorded", LIST, |a, _| {
            talk(a, |t| t.capacity = None)
        }),
        same("consent-no-capacity", LIST, |a, _| {
            talk(a, |t| t.capacity = Some(false))
        }),
        same("proxy-basis", LIST, |a, _| {
            talk(a, |t| {
                t.proxy = Some(Proxy {
                    basis: "neighbour".to_owned(),
                    name: "A".to_owned(),
                    relationship: "b".to_owned(),
                })
            })
        }),
        same("proxy-name", LIST, |a, _| {
            talk(a, |t| {
                t.proxy = Some(Proxy {
                    basis: "legal-power".to_owned(),
                    name: " ".to_owned(),
                    relationship: "b".to_owned(),
                })
            })
        }),
        same("override-reason", LIST, |a, _| {
            a.basis = AskedBasis::Override {
                reason: "curious".to_owned(),
                text: "I would like to know more".to_owned(),
            }
        }),
        same("override-text-missing", LIST, |a, _| {
            a.basis = AskedBasis::Override {
                reason: "unconscious".to_owned(),
                text: " ".to_owned(),
            }
        }),
        same("override-text-short", LIST, |a, _| {
            a.basis = AskedBasis::Override {
                reason: "unconscious".to_owned(),
                text: "emergency".to_owned(),
            }
        }),
        same("override-text-empty", LIST, |a, _| {
            a.basis = AskedBasis::Override {
                reason: "life-threatening".to_owned(),
                text: "Life-threatening".to_owned(),
            }
        }),
        // what people can mend, but only the age shows it
        same("child-view-missing", TRACE, |_, w| {
            on_trace(w, |t| t.birth_date = Some("2015-05-05".to_owned()))
        }),
        same("proxy-parental-over-16", TRACE, |a, _| {
            talk(a, |t| {
                t.proxy = Some(Proxy {
                    basis: "parental-responsibility".to_owned(),
                    name: "A".to_owned(),
                    relationship: "b".to_owned(),
                })
            })
        }),
        // anything about the patient
        of_patient("not-traced", TRACE, |_, w| {
            w.trace = Some(TraceAnswer::NotFound)
        }),
        of_patient("not-traced", TRACE, |_, w| {
            on_trace(w, |t| t.verification = "02".to_owned())
        }),
        of_patient("sensitive", TRACE, |_, w| {
            on_trace(w, |t| t.sensitive = true)
        }),
        of_patient("deceased", TRACE, |_, w| on_trace(w, |t| t.deceased = true)),
        of_patient("practice-not-signed", TRACE, |_, w| {
            on_trace(w, |t| t.practice = None)
        }),
        of_patient("practice-not-signed", TRACE, |_, w| {
            on_trace(w, |t| t.practice = Some(OdsCode("X00000".to_owned())))
        }),
        of_patient("practice-not-signed", TRACE, |_, w| {
            on_trace(w, |t| t.practice = Some(OdsCode("Z99004".to_owned())))
        }),
        of_patient("practice-not-signed", TRACE, |_, w| {
            on_trace(w, |t| t.practice = Some(OdsCode("Z9H01".to_owned())))
        }),
        of_patient("practice-not-enabled", TRACE, |_, w| {
            on_trace(w, |t| t.practice = Some(OdsCode("Z99003".to_owned())))
        }),
        of_patient("age-unknown", TRACE, |_, w| {
            on_trace(w, |t| t.birth_date = None)
        }),
        of_patient("identity-mismatch", SOURCE, |_, w| {
            on_source(w, |f| f.identity.family = Some("Other".to_owned()))
        }),
        of_patient("identity-mismatch", SOURCE, |_, w| {
            on_source(w, |f| f.identity.birth_date = None)
        }),
        of_patient("not-registered", SOURCE, |_, w| {
            on_source(w, |f| standing(f).registration = Registration::Temporary)
        }),
        of_patient("not-registered", SOURCE, |_, w| {
            on_source(w, |f| standing(f).registration = Registration::Unknown)
        }),
        of_patient("not-registered", SOURCE, |_, w| {
            w.found = Some(refused(SourceRefusal::NoSuchPatient))
        }),
        of_patient("record-restricted", SOURCE, |_, w| {
            on_source(w, |f| standing(f).restricted = true)
        }),
        of_patient("record-restricted", SOURCE, |_, w| {
            w.found = Some(refused(SourceRefusal::Restricted))
        }),
        of_patient("opt-out-unknown", SOURCE, |_, w| {
            w.found = Some(found(Sharing::Unknown))
        }),
        of_patient("opt-out-unknown", SOURCE, |_, w| {
            w.found = Some(refused(SourceRefusal::SharingNotRecorded))
        }),
        of_patient("practice-not-enabled", SOURCE, |_, w| {
            w.found = Some(refused(SourceRefusal::AccessDenied))
        }),
        of_patient("identity-mismatch", SOURCE, |_, w| {
            w.found = Some(Found::default())
        }),
        of_patient(
            "opted-out",
            &["worklist", "intent", "trace", "source", "remember", "audit"],
            |_, w| w.found = Some(found(Sharing::OptedOut)),
        ),
        of_patient(
            "opted-out",
            &["worklist", "intent", "trace", "source", "remember", "audit"],
            |_, w| w.found = Some(refused(SourceRefusal::Dissent)),
        ),
        // what does not answer
        case("503", "worklist-unavailable", LIST, |_, w| {
            w.registered = None
        }),
        case("503", "trace-unavailable", TRACE, |_, w| w.trace = None),
        case("503", "source-unavailable", SOURCE, |_, w| w.found = None),
    ]
}

#[test]
fn every_refusal_is_heard_and_audited_as_the_contract_says() {
    for (n, case) in refusals().into_iter().enumerate() {
        let bench = Bench::new(case.world);
        let refusal = bench.open(case.ask).unwrap_err();
        assert_eq!(reason(refusal), case.heard, "case {n} ({})", case.audited);
        assert_eq!(
            bench.last_failure().as_deref(),
            Some(case.audited),
            "case {n}"
        );
        assert_eq!(bench.calls(), case.asked, "case {n} ({})", case.audited);
        assert!(bench.store.kept.lock().unwrap().occasions.is_empty());
    }
}

// R003, R094: an override lifts the missing consent and nothing else
#[test]
fn an_override_lifts_nothing_else() {
    for (n, mut case) in refusals().into_iter().enumerate() {
        let about_consent = ["consent", "proxy", "child", "override", "age"]
            .iter()
            .any(|start| case.audited.starts_with(start));
        if about_consent {
            continue;
        }
        case.ask.basis = emergency().basis;
        let bench = Bench::new(case.world);
        let refusal = bench.open(case.ask).unwrap_err();
        assert_eq!(reason(refusal), case.heard, "case {n}");
        assert!(bench.store.kept.lock().unwrap().alerts.is_empty());
    }
}

// R125
#[test]
fn without_its_audit_row_nothing_opens_and_the_source_is_not_asked() {
    let bench = Bench::ordinary();
    bench.world(|w| w.audit_fails_from = 0);
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::Unavailable));
    assert_eq!(bench.calls(), ["worklist"]);

    let bench = Bench::ordinary();
    bench.world(|w| w.audit_fails_from = 1);
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::Unavailable));
    let kept = bench.store.kept.lock().unwrap();
    assert!(
        kept.occasions
            .values()
            .all(|row| row.withdrawn_at.is_some())
    );
}

// R092: the alert store down, the override refused
#[test]
fn a_store_that_is_down_opens_nothing() {
    for asked in [ask(), emergency()] {
        let bench = Bench::ordinary();
        bench.world(|w| w.store_fails = true);
        assert_eq!(bench.open(asked), Err(OccasionRefusal::Unavailable));
        assert_eq!(bench.last_failure().as_deref(), Some("store-unavailable"));
    }
}

// R077, R078, R080
proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    // No combination with a failing rule opens an occasion, and a refusal before the look-up asks nobody.
    #[test]
    fn nothing_with_a_failing_rule_opens(a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let mut cases = refusals();
        let world = cases.swap_remove(b.index(cases.len())).world;
        let mut cases = refusals();
        let asked = cases.swap_remove(a.index(cases.len())).ask;

        // Who asks as in the one, what the outside says as in the other.
        let in_good_world = Bench::ordinary();
        let refused_anyway = in_good_world.open(asked.clone()).is_err();
        let looked_up = in_good_world.calls().contains(&"trace".to_owned());
        let bad_world = Bench::new(world.clone()).open(ask()).is_err();

        let bench = Bench::new(world);
        let opened = bench.open(asked).is_ok();
        prop_assert_eq!(opened, !refused_anyway && !bad_world);
        let calls = bench.calls();
        if refused_anyway && !looked_up {
            prop_assert!(!calls.iter().any(|call| call == "trace" || call == "source" || call == "intent"));
        }
        prop_assert_eq!(opened, calls.iter().any(|call| call == "insert"));
    }
}
