use super::*;

#[test]
fn a_no_stands_for_this_clinician_until_it_ends_or_the_patient_changes_their_mind() {
    let bench = Bench::ordinary();
    let mut no = ask();
    talk(&mut no, |t| {
        t.answer = Some("no".to_owned());
        t.told_why = None;
    });
    assert_eq!(
        reason(bench.open(no.clone()).unwrap_err()),
        "consent-declined"
    );
    assert_eq!(bench.calls(), ["worklist", "refusal", "audit"]);
    assert_eq!(reason(bench.open(ask()).unwrap_err()), "refusal-stands");
    assert_eq!(
        reason(bench.open(emergency()).unwrap_err()),
        "refusal-stands"
    );
    bench.calls();
    // another clinician may ask for themselves
    let mut nurse = ask();
    nurse.clinician.username = "hospital-nurse".to_owned();
    assert!(bench.open(nurse).is_ok());
    // a change of mind needs a full conversation
    let mut changed = ask();
    talk(&mut changed, |t| {
        t.changed_mind = Some(true);
        t.voluntary = None;
    });
    assert_eq!(
        reason(bench.open(changed).unwrap_err()),
        "consent-not-voluntary"
    );
    assert_eq!(reason(bench.open(ask()).unwrap_err()), "refusal-stands");
    let mut changed = ask();
    talk(&mut changed, |t| t.changed_mind = Some(true));
    bench.calls();
    let open = bench.open(changed).unwrap();
    assert_eq!(
        bench.calls(),
        [
            "worklist", "intent", "trace", "source", "lift", "insert", "audit"
        ]
    );
    assert!(bench.occasions.check(&open.id, bench.now()).is_ok());
    // a second no closes what is open, and ends with the window
    bench.open(no).unwrap_err();
    assert_eq!(
        bench.occasions.check(&open.id, bench.now()).unwrap_err(),
        ReadRefusal::Rule(Rule::OccasionOpen)
    );
    bench.advance(29);
    assert_eq!(reason(bench.open(ask()).unwrap_err()), "refusal-stands");
    bench.advance(1);
    assert!(bench.open(ask()).is_ok());
}

// R077: nobody can plant a refusal for a patient who is not theirs
#[test]
fn a_no_of_a_patient_who_is_not_registered_for_treatment_is_not_kept() {
    let bench = Bench::ordinary();
    bench.world(|w| w.registered = Some(false));
    let mut no = ask();
    talk(&mut no, |t| t.answer = Some("no".to_owned()));
    assert_eq!(
        reason(bench.open(no).unwrap_err()),
        "not-registered-for-treatment"
    );
    assert!(bench.store.kept.lock().unwrap().refusals.is_empty());
}

// R075, R076
#[test]
fn a_parent_and_the_child_open_the_childs_record() {
    let bench = Bench::ordinary();
    bench.world(|w| {
        on_trace(w, |t| t.birth_date = Some("2015-05-05".to_owned()));
        on_source(w, |f| f.identity.birth_date = Some("2015-05-05".to_owned()));
    });
    let with = |asked, view: &str| {
        let mut ask = ask();
        talk(&mut ask, |t| {
            t.proxy = Some(Proxy {
                basis: "parental-responsibility".to_owned(),
                name: "Jo Example".to_owned(),
                relationship: "mother".to_owned(),
            });
            t.child = Some(ChildView {
                asked,
                view: view.to_owned(),
            });
        });
        bench.open(ask).map_err(reason)
    };
    assert!(with(true, "agrees").is_ok());
    assert!(with(true, "unable").is_ok());
    assert_eq!(with(true, "objects").err(), Some("child-objects"));
    assert_eq!(with(false, "agrees").err(), Some("child-not-asked"));
    assert_eq!(with(true, "").err(), Some("child-view-unclear"));
    assert!(bench.store.kept.lock().unwrap().refusals.is_empty());
}

// R008, R064
#[test]
fn an_opt_out_is_remembered_across_practices() {
    let bench = Bench::ordinary();
    bench.world(|w| w.found = Some(found(Sharing::OptedOut)));
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::NoRecordAvailable));
    // the patient moves; the new practice says nothing expressly
    bench.world(|w| {
        on_trace(w, |t| t.practice = Some(OdsCode("Z99002".to_owned())));
        w.found = Some(found(Sharing::Implied));
    });
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::NoRecordAvailable));
    assert_eq!(bench.last_failure().as_deref(), Some("opted-out"));
    // a person of another name at the source does not lift it
    bench.world(|w| {
        on_source(w, |f| {
            standing(f).sharing = Sharing::Express;
            f.identity.family = Some("Other".to_owned());
        });
    });
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::NoRecordAvailable));
    bench.world(|w| w.found = Some(found(Sharing::Implied)));
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::NoRecordAvailable));
    // express consent at the new practice does, for good
    bench.world(|w| w.found = Some(found(Sharing::Express)));
    let open = bench.open(ask()).unwrap();
    assert!(bench.occasions.check(&open.id, bench.now()).is_ok());
    bench.world(|w| w.found = Some(found(Sharing::Implied)));
    assert!(bench.open(ask()).is_ok());
}

// R064: the practice that recorded the opt-out may lift it
#[test]
fn the_same_practice_lifts_its_own_opt_out() {
    let bench = Bench::ordinary();
    bench.world(|w| w.found = Some(refused(SourceRefusal::Dissent)));
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::NoRecordAvailable));
    bench.world(|w| w.found = Some(found(Sharing::Implied)));
    assert!(bench.open(ask()).is_ok());
}

// R071, R080, R108
#[test]
fn every_read_is_checked_afresh() {
    let bench = Bench::ordinary();
    let open = bench.open(ask()).unwrap();
    let check = || bench.occasions.check(&open.id, bench.now());
    assert_eq!(check().unwrap().tabs, TabSet::ALL);
    let denied = |rule| {
        assert_eq!(check().unwrap_err(), ReadRefusal::Rule(rule));
    };

    // taken away in the register, given back
    let mut register = sandbox_register();
    let nurse_tabs = register.protocols["university-hospitals-1"].roles["nurse"];
    register.users.get_mut("hospital-doctor").unwrap().role = "nurse".to_owned();
    bench.register.replace(register);
    assert_eq!(check().unwrap().tabs, nurse_tabs);
    let mut register = sandbox_register();
    register.users.get_mut("hospital-doctor").unwrap().revoked = true;
    bench.register.replace(register);
    denied(Rule::ClinicianKnown);
    let mut register = sandbox_register();
    register
        .organisations
        .get_mut(&OdsCode("Z99001".to_owned()))
        .unwrap()
        .enablement
        .clear();
    bench.register.replace(register);
    denied(Rule::PracticeEnabled);
    bench.register.replace(sandbox_register());
    assert!(check().is_ok());

    // held
    let mut holds = Holds::default();
    holds.organisations.insert(OdsCode("Z9H01".to_owned()));
    bench.register.replace_holds(holds.clone());
    denied(Rule::OrganisationActive);
    assert_eq!(
        reason(bench.open(ask()).unwrap_err()),
        "organisation-suspended"
    );
    holds.organisations.clear();
    holds
        .pairs
        .insert((OdsCode("Z99001".to_owned()), OdsCode("Z9H01".to_owned())));
    bench.register.replace_holds(holds);
    denied(Rule::PracticeEnabled);
    assert_eq!(bench.open(ask()), Err(OccasionRefusal::NoRecordAvailable));
    bench.register.replace_holds(Holds::default());
    assert!(check().is_ok());

    // opted out since
    let key = (open.patient.clone(), OdsCode("Z99001".to_owned()));
    bench
        .store
        .kept
        .lock()
        .unwrap()
        .opted_out
        .insert(key.clone(), true);
    denied(Rule::NotOptedOut);
    bench.store.kept.lock().unwrap().opted_out.remove(&key);

    // the store is down
    bench.world(|w| w.store_fails = true);
    assert_eq!(check().unwrap_err(), ReadRefusal::Unavailable);
    bench.world(|w| w.store_fails = false);

    // ended
    bench.advance(29);
    assert!(check().is_ok());
    bench.advance(1);
    denied(Rule::OccasionOpen);
    assert_eq!(
        bench.occasions.check("nothing", bench.now()).unwrap_err(),
        ReadRefusal::Rule(Rule::OccasionOpen)
    );
}

// R071
#[test]
fn an_occasion_is_resumed_only_by_its_own_client_clinician_and_viewer() {
    let bench = Bench::ordinary();
    let open = bench.open(ask()).unwrap();
    bench.calls();
    let resume = |id: &str, client: &str, who: &ClinicianClaim| {
        wait(bench.occasions.resume(id, client, who, origin())).map_err(reason)
    };
    let doctor = claim("hospital-doctor", "Z9H01");
    bench.advance(10);
    let again = resume(&open.id, "sandbox-backend", &doctor).unwrap();
    assert_eq!(again.id, open.id);
    assert_eq!(again.consent, open.consent);
    assert_eq!(again.expires_at, open.expires_at);
    assert_eq!(bench.calls(), ["audit"]);
    for (id, client, who) in [
        ("nothing", "sandbox-backend", doctor.clone()),
        (open.id.as_str(), "sandbox-web", doctor.clone()),
        (
            open.id.as_str(),
            "sandbox-backend",
            claim("hospital-nurse", "Z9H01"),
        ),
        (
            open.id.as_str(),
            "sandbox-backend",
            claim("hospital-doctor", "Z9O01"),
        ),
    ] {
        assert_eq!(resume(id, client, &who).err(), Some("occasion-not-open"));
        assert_eq!(bench.last_failure().as_deref(), Some("occasion-not-open"));
    }
    let elsewhere = Origin {
        address: "10.0.0.1".parse().ok(),
        ..origin()
    };
    let refusal = wait(
        bench
            .occasions
            .resume(&open.id, "sandbox-backend", &doctor, elsewhere),
    );
    assert_eq!(reason(refusal.unwrap_err()), "network-not-allowed");
    bench.advance(20);
    assert_eq!(
        resume(&open.id, "sandbox-backend", &doctor).err(),
        Some("occasion-not-open")
    );
}

// R080
#[test]
fn a_withdrawn_occasion_is_over_at_once() {
    let bench = Bench::ordinary();
    let open = bench.open(ask()).unwrap();
    let withdraw = |who: &ClinicianClaim| {
        wait(
            bench
                .occasions
                .withdraw(&open.id, "sandbox-backend", who, origin()),
        )
        .map_err(reason)
    };
    assert_eq!(
        withdraw(&claim("clinician", "Z9O01")).err(),
        Some("occasion-not-open")
    );
    assert!(bench.occasions.check(&open.id, bench.now()).is_ok());
    assert_eq!(withdraw(&claim("hospital-nurse", "Z9H01")), Ok(()));
    assert_eq!(
        bench.occasions.check(&open.id, bench.now()).unwrap_err(),
        ReadRefusal::Rule(Rule::OccasionOpen)
    );
    assert!(matches!(
        bench.log.rows.lock().unwrap().last().unwrap().what,
        What::Access(AccessStep::Withdrawal)
    ));
    assert_eq!(
        withdraw(&claim("hospital-doctor", "Z9H01")).err(),
        Some("occasion-not-open")
    );
}

#[test]
fn no_setting_makes_an_occasion_longer_than_the_hard_limit() {
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let end = |window| {
        Windows {
            window,
            ..Windows::default()
        }
        .end(now)
    };
    assert_eq!(
        end(SignedDuration::from_hours(48)),
        "2026-11-22T18:00:00Z".parse().unwrap()
    );
    assert_eq!(end(SignedDuration::from_mins(-5)), now);
}

// R003, R006, R008, R012
#[test]
fn a_fresh_answer_inside_the_window_is_decided_on_afresh() {
    let bench = Bench::ordinary();
    for asked in [ask(), emergency()] {
        bench.world(|w| *w = World::default());
        let open = bench.open(asked).unwrap();
        let row = bench.store.find_occasion(&open.id).unwrap().unwrap();
        let at_opening = bench.now();
        bench.advance(1);
        let later = bench.now();
        let recheck = |at, found: &Found| {
            wait(bench.occasions.recheck(&row, at, found)).map_err(|(refusal, _)| refusal)
        };
        bench.calls();

        // the answer that it was opened on
        assert_eq!(recheck(at_opening, &found(Sharing::OptedOut)), Ok(()));
        assert_eq!(bench.calls(), [""; 0]);
        // a fresh one, once
        assert_eq!(recheck(later, &found(Sharing::Implied)), Ok(()));
        assert_eq!(recheck(later, &found(Sharing::Implied)), Ok(()));
        assert_eq!(bench.calls(), ["trace"]);

        bench.advance(1);
        let later = bench.now();
        let denied = |rule| Err(ReadRefusal::Rule(rule));
        let mut other = found(Sharing::Implied);
        other.identity.family = Some("Other".to_owned());
        assert_eq!(recheck(later, &other), denied(Rule::IdentityMatches));
        let mut left = found(Sharing::Implied);
        standing(&mut left).registration = Registration::Ended;
        assert_eq!(recheck(later, &left), denied(Rule::FullyRegistered));
        bench.world(|w| on_trace(w, |t| t.practice = Some(OdsCode("Z99002".to_owned()))));
        assert_eq!(
            recheck(later, &found(Sharing::Implied)),
            denied(Rule::FullyRegistered)
        );
        bench.world(|w| on_trace(w, |t| t.practice = Some(OdsCode("Z99004".to_owned()))));
        assert_eq!(
            recheck(later, &found(Sharing::Implied)),
            denied(Rule::PracticeSigned)
        );
        bench.world(|w| on_trace(w, |t| t.sensitive = true));
        assert_eq!(
            recheck(later, &found(Sharing::Implied)),
            denied(Rule::NotSensitive)
        );
        bench.world(|w| w.trace = None);
        assert_eq!(
            recheck(later, &found(Sharing::Implied)),
            Err(ReadRefusal::Unavailable)
        );
        bench.world(|w| *w = World::default());
        assert_eq!(
            recheck(later, &refused(SourceRefusal::Dissent)),
            denied(Rule::NotOptedOut)
        );
        // and it is remembered, so that the next read is refused without asking
        assert_eq!(
            bench.occasions.check(&open.id, later).unwrap_err(),
            ReadRefusal::Rule(Rule::NotOptedOut)
        );
    }
}

// R063, R064: what a practice decided here stands, though its own system says nothing of it
#[test]
fn an_opt_out_that_was_granted_here_stands() {
    let bench = Bench::ordinary();
    let patient = IdKey::new([7; 32]).patient(&NhsNumber::parse("9990000018").unwrap());
    bench.open(ask()).unwrap();
    bench.store.kept.lock().unwrap().decided = Some(patient);
    for ask in [ask(), emergency()] {
        assert_eq!(bench.open(ask), Err(OccasionRefusal::NoRecordAvailable));
        let rows = bench.log.rows.lock().unwrap();
        assert_eq!(rows.last().unwrap().failure.as_deref(), Some("opted-out"));
    }
}

// R071, R108, R120: what has ended by a clock does not begin again where the clock is moved back
#[test]
fn a_clock_that_is_moved_back_opens_and_shows_nothing() {
    let bench = Bench::ordinary();
    let open = bench.open(ask()).unwrap();
    bench.advance(31);
    let check = || bench.occasions.check(&open.id, bench.now());
    assert_eq!(check().unwrap_err(), ReadRefusal::Rule(Rule::OccasionOpen));
    bench.advance(-1);
    assert_eq!(
        check().unwrap_err(),
        ReadRefusal::Rule(Rule::OccasionOpen),
        "a minute is put right in passing"
    );
    bench.advance(-10);
    assert_eq!(check().unwrap_err(), ReadRefusal::ClockMovedBack);
    let doctor = claim("hospital-doctor", "Z9H01");
    bench.calls();
    for refusal in [
        bench.open(ask()).unwrap_err(),
        bench.open(emergency()).unwrap_err(),
        wait(
            bench
                .occasions
                .resume(&open.id, "sandbox-backend", &doctor, origin()),
        )
        .unwrap_err(),
    ] {
        assert_eq!(refusal, OccasionRefusal::Unavailable);
        assert_eq!(bench.last_failure().as_deref(), Some(CLOCK_MOVED_BACK));
    }
    assert_eq!(bench.calls(), ["audit", "audit", "audit"]);
    bench.advance(11);
    assert!(bench.open(ask()).is_ok());
}

// R077, R171: a "no" is about what was asked, said at once or taken back later: research refused does not stop care, and a
// change of mind about the one is none about the other
#[test]
fn a_no_to_research_does_not_stop_care() {
    let bench = Bench::ordinary();
    let mut files = sandbox_files();
    files.protocols = files.protocols.replacen(
        "viewer = \"Z9R01\"\npurposes = [\"HRESCH\"]",
        "viewer = \"Z9H01\"\npurposes = [\"HRESCH\"]",
        1,
    );
    files.protocols = files.protocols.replacen(
        "research-clinician = [\"problems\", \"medication\"]",
        "consultant = [\"problems\", \"medication\"]",
        1,
    );
    let register = Register::read(&files, TODAY).unwrap();
    bench.register.replace(register);
    let study = |change: fn(&mut ConsentTalk)| {
        let mut study = ask();
        study.clinician.purposes = vec!["HRESCH".to_owned()];
        study.tabs = Some([Tab::Problems].into_iter().collect());
        talk(&mut study, |t| {
            t.purpose = Some("HRESCH".to_owned());
            change(t);
        });
        study
    };
    let no = |t: &mut ConsentTalk| t.answer = Some("no".to_owned());
    let care = bench.open(ask()).unwrap();
    assert_eq!(
        reason(bench.open(study(no)).unwrap_err()),
        "consent-declined"
    );
    assert_eq!(
        reason(bench.open(study(|_| {})).unwrap_err()),
        "refusal-stands"
    );
    let readable = |open: &OpenOccasion| bench.occasions.check(&open.id, bench.now()).is_ok();
    assert!(readable(&care), "care goes on");
    assert!(bench.open(ask()).is_ok());
    assert!(bench.open(emergency()).is_ok());

    let asked_again = bench.open(study(|t| t.changed_mind = Some(true))).unwrap();
    let mut refused = ask();
    talk(&mut refused, no);
    assert_eq!(reason(bench.open(refused).unwrap_err()), "consent-declined");
    assert!(!readable(&care), "care is over");
    assert!(readable(&asked_again));
    let another = study(|t| t.changed_mind = Some(true));
    assert!(bench.open(another).is_ok());
    assert_eq!(
        reason(bench.open(ask()).unwrap_err()),
        "refusal-stands",
        "a yes to research is none to care"
    );
}
