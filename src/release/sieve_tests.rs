use super::*;
use crate::fhir::build;
use crate::fhir::model::resources as r;
use crate::labelling::{LabelledRecord, Labeller, PracticeRules, WithheldEntry, label, without};
use crate::record::{PartialDate, Restriction, SourceFamily, system};
use crate::release::fixture as f;
use crate::tabs::catalogue::Section;

fn problem(name: &str) -> Mapped {
    f::problem(name, system::READ_V2, "H33..", "2020-01-01")
}

fn private(mut it: Mapped) -> Mapped {
    it.restrictions.push(Restriction::Private);
    it
}

fn labelled(resources: Vec<Mapped>) -> LabelledRecord {
    f::labelled(f::record(SourceFamily::Emis, resources))
}

/// Of each resource that leaves, the name that the test gave it; of the patient none.
fn left(resources: Vec<Mapped>) -> Vec<String> {
    let released = f::withhold(labelled(resources)).unwrap();
    let prefix = f::id("");
    let names = released.entries().iter();
    names
        .map(|it| it.id().strip_prefix(&prefix).unwrap_or_default().to_owned())
        .collect()
}

/// A sieve that has seen and drawn these, each in its part.
fn drawn(parts: &[(usize, Labelled)]) -> Sieve {
    let mut sieve = Sieve::default();
    for (part, it) in parts {
        sieve.see(it.mapped(), *part);
        sieve.draw(it.clone()).unwrap();
    }
    sieve
}

fn in_parts(parts: &[usize], resources: Vec<Mapped>) -> Vec<(usize, Labelled)> {
    let all = labelled(resources).into_parts().resources;
    assert_eq!(all.len(), parts.len());
    parts.iter().copied().zip(all).collect()
}

fn ids(sieve: Sieve) -> Vec<String> {
    let entries = sieve.into_entries().0;
    entries.iter().map(|it| it.id().to_owned()).collect()
}

/// Seen, labelled and drawn one after the other, as a streamed record is: the ids that leave, and what the practice is told.
fn streamed(resources: Vec<Mapped>) -> (Vec<String>, Vec<WithheldEntry>) {
    let list = f::list();
    let record = f::record(SourceFamily::Emis, resources);
    let rules = PracticeRules::default();
    let mut labeller = Labeller::new(record.family, &record.standing, &list, rules);
    let mut sieve = Sieve::default();
    for (n, mapped) in record.resources.into_iter().enumerate() {
        labeller.see(&mapped).unwrap();
        sieve.see(&mapped, n);
        sieve.draw(labeller.label(mapped).unwrap()).unwrap();
    }
    sieve.judge(&mut |kind, id, native_id| labeller.count(kind, id, native_id));
    assert_eq!(sieve.decide(false), Ok(vec![]));
    (ids(sieve), labeller.into_report().entries)
}

// R047: what cannot be whole without something that is gone goes itself, and with it what only it needs
#[test]
fn what_cannot_be_whole_goes_with_what_only_it_needs() {
    let of = |subject: &str| {
        let mut it = f::within(problem("stranger"), "event", "recorder");
        if let Resource::Condition(it) = &mut it.resource {
            *it.subject = build::reference(Kind::Patient, subject);
        }
        let others = [
            f::encounter("event", "2020-01-01", true),
            f::practitioner("event-clinician"),
            f::practitioner("recorder"),
        ];
        let mut all = vec![f::patient(), it, problem("own")];
        all.extend(others);
        left(all)
    };
    assert_eq!(of(&f::id("somebody")), ["", "own"]);
    assert_eq!(
        of(f::whose().as_str()),
        [
            "",
            "stranger",
            "own",
            "event",
            "event-clinician",
            "recorder"
        ]
    );
}

// R047: an element that goes with a lost reference takes its other references along, and what only they needed goes too
#[test]
fn what_a_lost_element_needed_goes_too() {
    let of = |restrict: bool| {
        let reference = |kind, name: &str| build::reference(kind, &f::id(name));
        let operation = r::Procedure {
            id: Some(f::id("operation").into()),
            status: "completed".into(),
            subject: Box::new(build::reference(Kind::Patient, f::whose().as_str())),
            performer: vec![r::ProcedurePerformer {
                actor: Box::new(reference(Kind::Practitioner, "surgeon")),
                on_behalf_of: Some(Box::new(reference(Kind::Organization, "hospital"))),
                ..Default::default()
            }],
            ..Default::default()
        };
        let mut operation = f::mapped(
            Kind::Procedure,
            "operation",
            &[Section::Operations],
            PartialDate::Unknown,
            Resource::Procedure(Box::new(operation)),
        );
        operation.checkable = crate::mapping::Checkable::National;
        operation.codings = vec![(system::READ_V2.to_owned(), "7....".to_owned())];
        let hospital = r::Organization {
            id: Some(f::id("hospital").into()),
            name: Some("Hospital".into()),
            ..Default::default()
        };
        let hospital = f::mapped(
            Kind::Organization,
            "hospital",
            &[],
            PartialDate::Unknown,
            Resource::Organization(Box::new(hospital)),
        );
        let surgeon = f::practitioner("surgeon");
        let surgeon = if restrict { private(surgeon) } else { surgeon };
        left(vec![f::patient(), operation, surgeon, hospital])
    };
    assert_eq!(of(false), ["", "operation", "surgeon", "hospital"]);
    assert_eq!(of(true), ["", "operation"]);
}

// issue 4: only what has turned out otherwise is made once more: another label, another reference, another state
#[test]
fn only_what_has_changed_is_drawn_anew() {
    let listed = |withheld| Reason::Listed {
        row: "row".to_owned(),
        category: "hiv".to_owned(),
        withheld,
    };
    let mut pointing = problem("pointing");
    if let Resource::Condition(it) = &mut pointing.resource {
        it.evidence = vec![r::ConditionEvidence {
            detail: vec![build::reference(Kind::Condition, &f::id("other"))],
            ..Default::default()
        }];
    }
    let all = in_parts(
        &[0, 3, 5, 5, 7],
        vec![
            f::patient(),
            problem("one"),
            problem("other"),
            pointing,
            problem("last"),
        ],
    );
    let (off, on) = (|| Some(listed(false)), || Some(listed(true)));
    for (why, anew) in [
        ([None, None, None, None], vec![]),
        ([off(), None, None, None], vec![3]),
        ([on(), None, None, None], vec![]),
        ([None, on(), None, None], vec![5]),
        ([off(), off(), off(), None], vec![3, 5]),
        ([off(), on(), None, off()], vec![3, 5, 7]),
    ] {
        let mut sieve = drawn(&all);
        let mut reasons = std::iter::once(None).chain(why.clone());
        sieve.judge(&mut |_, _, _| reasons.next().unwrap().into_iter().collect());
        assert_eq!(sieve.decide(false), Ok(anew), "{why:?}");
    }
    // drawn with the label that it turns out to need
    let switched_off = without("hiv");
    let record = f::record(
        SourceFamily::Emis,
        vec![
            f::patient(),
            f::problem("hiv", system::READ_V2, "A788.", "2020-01-01"),
        ],
    );
    let record = label(record, &switched_off, PracticeRules::default()).unwrap();
    let all: Vec<_> = record
        .into_parts()
        .resources
        .into_iter()
        .enumerate()
        .collect();
    assert_eq!(all[1].1.reasons().len(), 1);
    let mut sieve = drawn(&all);
    let mut reasons = all.iter().map(|(_, it)| it.reasons().to_vec());
    sieve.judge(&mut |_, _, _| reasons.next().unwrap());
    assert_eq!(sieve.decide(false), Ok(vec![]));
}

// R041, R043: one reason to stay behind is enough, whatever else is known of an entry; its contents go with it
#[test]
fn one_reason_to_stay_behind_is_enough() {
    let listed = Reason::Listed {
        row: "row".to_owned(),
        category: "hiv".to_owned(),
        withheld: false,
    };
    let all = in_parts(
        &[0, 1, 2],
        vec![
            f::patient(),
            problem("outer"),
            f::inside(problem("inner"), "outer"),
        ],
    );
    let left = |why: Vec<Reason>| {
        let mut sieve = drawn(&all);
        // What it contains is not known to be restricted: the second look takes it.
        let mut reasons = [Vec::new(), why, Vec::new()].into_iter();
        sieve.judge(&mut |_, _, _| reasons.next().unwrap());
        sieve.decide(false).unwrap();
        let stays = sieve.facts.iter().filter(|it| it.stays).count();
        assert_eq!(ids(sieve).len(), stays);
        stays
    };
    assert_eq!(left(vec![Reason::Private]), 1);
    assert_eq!(left(vec![listed.clone(), Reason::Private]), 1);
    assert_eq!(left(vec![Reason::Private, listed.clone()]), 1);
    assert_eq!(left(vec![Reason::Uncheckable, Reason::Private]), 1);
    assert_eq!(left(vec![listed, Reason::Uncheckable]), 2, "only the name");
}

// R047: what may not leave is not there, whatever was drawn of it
#[test]
fn what_does_not_stay_is_no_entry() {
    let all = in_parts(&[0, 1], vec![f::patient(), problem("x")]);
    let mut sieve = drawn(&all);
    sieve.facts_mut()[1].stays = false;
    assert_eq!(ids(sieve), [f::whose().to_string()]);
}

// R047: a reference to what is no resource of ours could tell of anything; it leaves nowhere
#[test]
fn a_reference_to_elsewhere_is_cut() {
    let elsewhere = "https://elsewhere.example/fhir/Condition/secret";
    let mut it = problem("x");
    if let Resource::Condition(it) = &mut it.resource {
        it.evidence = [elsewhere, "#inside", "Basic/secret"]
            .map(|to| r::ConditionEvidence {
                detail: vec![crate::fhir::model::types::Reference {
                    reference: Some(to.into()),
                    ..Default::default()
                }],
                ..Default::default()
            })
            .to_vec();
    }
    let released = f::withhold(labelled(vec![f::patient(), it])).unwrap();
    let json = std::str::from_utf8(released.entries()[1].json()).unwrap();
    assert!(
        !json.contains("evidence") && !json.contains("secret"),
        "{json}"
    );
}

// R034: what the patient's own entry refers to is there for it
#[test]
fn what_the_first_resource_needs_stays() {
    let mut patient = f::patient();
    if let Resource::Patient(it) = &mut patient.resource {
        it.general_practitioner = vec![build::reference(Kind::Practitioner, &f::id("gp"))];
    }
    let all = vec![patient, f::practitioner("gp"), f::practitioner("other")];
    assert_eq!(left(all), ["", "gp"]);
}

// R051, R204: the practice finds what stayed behind, also what was drawn before its container was seen
#[test]
fn what_stays_behind_for_a_later_container_has_its_native_id() {
    let (left, told) = streamed(vec![
        f::patient(),
        f::inside(problem("inner"), "outer"),
        private(problem("outer")),
        problem("free"),
    ]);
    assert_eq!(left, [f::whose().to_string(), f::id("free")]);
    let told: Vec<_> = told
        .iter()
        .map(|it| (it.native_id.as_str(), it.contained))
        .collect();
    assert_eq!(told, [("native-inner", true), ("native-outer", false)]);
}

// issue 4: what stays behind and what is whole already need not come once more
#[test]
fn a_part_is_drawn_anew_beside_what_stays_behind() {
    let all = in_parts(
        &[0, 1, 1, 1],
        vec![
            f::patient(),
            private(problem("a")),
            problem("b"),
            problem("c"),
        ],
    );
    let mut sieve = Sieve::default();
    for (n, (part, it)) in all.iter().enumerate() {
        sieve.see(it.mapped(), *part);
        if n != 2 {
            sieve.draw(it.clone()).unwrap();
        }
    }
    let mut reasons = all.iter().map(|(_, it)| it.reasons().to_vec());
    sieve.judge(&mut |_, _, _| reasons.next().unwrap());
    assert_eq!(sieve.decide(false), Ok(vec![1]));
    let again = all.iter().skip(1).map(|(_, it)| it.clone());
    assert_eq!(sieve.draw_anew(1, again), Ok(()));
    assert_eq!(sieve.decide(false), Ok(vec![]));
    let left = [f::whose().to_string(), f::id("b"), f::id("c")];
    assert_eq!(ids(sieve), left);
}

// R047: a report that says what its results say is as it should be
#[test]
fn a_state_that_is_right_is_not_written_anew() {
    let mut report = f::report("report", "44J..", "2025-05-20", &["result"]);
    report.state_by_results = true;
    let result = f::observation(
        "result",
        system::READ_V2,
        "44I5.",
        "2025-05-20",
        &[Section::Biochemistry],
    );
    let all = vec![
        f::patient(),
        f::specimen(),
        report,
        f::inside(result, "report"),
    ];
    let mut sieve = drawn(&in_parts(&[0, 1, 2, 3], all));
    sieve.judge(&mut |_, _, _| Vec::new());
    assert_eq!(sieve.decide(false), Ok(vec![]));
    assert_eq!(ids(sieve).len(), 4);
}

// design.md 5: what does not come once more as it came before stops the record
#[test]
fn what_is_not_the_same_once_more_stops_the_record() {
    let all = in_parts(
        &[0, 1, 1, 2],
        vec![f::patient(), problem("a"), problem("b"), problem("c")],
    );
    let it = |name: &str| {
        let found = all.iter().find(|(_, it)| it.mapped().id == f::id(name));
        found.unwrap().1.clone()
    };
    let withheld = |name: &str| {
        let record = labelled(vec![f::patient(), private(problem(name))]);
        record.into_parts().resources.pop().unwrap()
    };
    let again = |made: Vec<Labelled>| {
        let mut sieve = Sieve::default();
        for (part, it) in &all {
            sieve.see(it.mapped(), *part);
        }
        sieve.judge(&mut |_, _, _| Vec::new());
        assert_eq!(sieve.decide(false), Ok(vec![0, 1, 2]));
        sieve.draw_anew(0, [all[0].1.clone()]).unwrap();
        sieve.draw_anew(1, made)?;
        sieve.draw_anew(2, [it("c")])?;
        assert_eq!(sieve.decide(false), Ok(vec![]));
        Ok(ids(sieve))
    };
    let unlike = Err(ReleaseError::Unlike("Condition"));
    let whole = [f::whose().to_string(), f::id("a"), f::id("b"), f::id("c")];
    assert_eq!(again(vec![it("a"), it("b")]), Ok(whole.to_vec()));
    assert_eq!(again(vec![it("b"), it("a")]), unlike);
    assert_eq!(again(vec![it("a")]), unlike);
    assert_eq!(again(vec![]), unlike);
    assert_eq!(again(vec![it("a"), it("c")]), unlike);
    assert_eq!(again(vec![it("a"), withheld("b")]), unlike);
}

// design.md 5 and 7: a record is one person's; only one that is restricted may have nobody in it, and then nothing
#[test]
fn a_record_has_one_patient() {
    let patients = |count: usize| {
        let mut sieve = Sieve::default();
        let record = labelled(vec![f::patient(), problem("x")]);
        for it in record.resources().iter().skip(1) {
            sieve.see(it.mapped(), 0);
            sieve.draw(it.clone()).unwrap();
        }
        for _ in 0..count {
            sieve.see(record.resources()[0].mapped(), 0);
            sieve.draw(record.resources()[0].clone()).unwrap();
        }
        sieve.judge(&mut |_, _, _| Vec::new());
        sieve
    };
    let decide = |count, restricted| {
        let mut sieve = patients(count);
        sieve
            .decide(restricted)
            .map(|anew| (anew, ids(sieve).len()))
    };
    assert_eq!(decide(1, false), Ok((vec![], 2)));
    assert_eq!(decide(1, true), Ok((vec![], 2)));
    assert_eq!(decide(0, false), Err(ReleaseError::Patient));
    assert_eq!(decide(0, true), Ok((vec![], 0)));
    assert_eq!(decide(2, false), Err(ReleaseError::Patient));
    assert_eq!(decide(2, true), Err(ReleaseError::Patient));
}

// R047: a report and a battery are as final as what is left in them, as they are written, not only as they are known
#[test]
fn a_state_is_written_as_what_is_left_says() {
    let of = |gone: bool| {
        let result = |name: &str, state: &str| {
            let mut it = f::observation(
                name,
                system::READ_V2,
                "44I5.",
                "2025-05-20",
                &[Section::Biochemistry],
            );
            if let Resource::Observation(it) = &mut it.resource {
                it.status = state.into();
            }
            f::inside(it, "battery")
        };
        let mut report = f::report("report", "44J..", "2025-05-20", &["battery"]);
        let mut battery = f::inside(
            f::observation(
                "battery",
                system::READ_V2,
                "44J..",
                "2025-05-20",
                &[Section::Biochemistry],
            ),
            "report",
        );
        report.state_by_results = true;
        battery.state_by_results = true;
        for it in [&mut report.resource, &mut battery.resource] {
            match it {
                Resource::DiagnosticReport(it) => it.status = "preliminary".into(),
                Resource::Observation(it) => it.status = "preliminary".into(),
                _ => unreachable!(),
            }
        }
        let open = result("open", "preliminary");
        let open = if gone { private(open) } else { open };
        let all = vec![
            f::patient(),
            f::specimen(),
            report,
            battery,
            open,
            result("done", "final"),
        ];
        let released = f::withhold(labelled(all)).unwrap();
        let states = released.entries().iter().filter_map(|it| {
            let json: serde_json::Value = serde_json::from_slice(it.json()).unwrap();
            Some(format!("{} {}", it.kind().name(), json["status"].as_str()?))
        });
        states.collect::<Vec<_>>()
    };
    assert_eq!(
        of(false),
        [
            "DiagnosticReport preliminary",
            "Observation preliminary",
            "Observation preliminary",
            "Observation final"
        ]
    );
    assert_eq!(
        of(true),
        [
            "DiagnosticReport final",
            "Observation final",
            "Observation final"
        ]
    );
}

// governance.md 2.5: the second look takes what is inside, however deep, whatever labelling said of it
#[test]
fn what_is_inside_of_what_is_gone_goes() {
    let problem = |name: &str| f::problem(name, system::READ_V2, "H33..", "2020-01-01");
    let all = [
        f::inside(problem("deep"), "inner"),
        f::inside(problem("inner"), "outer"),
        f::inside(problem("beside"), "other"),
        problem("alone"),
        problem("outer"),
    ];
    for (gone, left) in [
        (true, vec!["beside", "alone"]),
        (false, vec!["deep", "inner", "beside", "alone", "outer"]),
    ] {
        let mut sieve = Sieve::default();
        for (n, it) in all.iter().enumerate() {
            sieve.see(it, n);
        }
        let outer = &mut sieve.facts[4];
        outer.withholds_contents = gone;
        outer.stays = !gone;
        sieve.drop_contained();
        let stays: Vec<&str> = sieve
            .facts
            .iter()
            .filter(|it| it.stays)
            .map(|it| &*it.id)
            .collect();
        let left: Vec<String> = left.into_iter().map(f::id).collect();
        assert_eq!(stays, left);
    }
}

// R204: whatever stays behind has its own id in the practice's report, also where only what came later withheld it
#[test]
fn the_practice_reads_the_id_of_what_was_withheld_late() {
    let (left, told) = streamed(vec![
        f::patient(),
        problem("same"),
        private(f::allergy("same", system::READ_V2, "SN51.", "2024-05-01")),
    ]);
    assert_eq!(left.len(), 1);
    let told: Vec<&str> = told.iter().map(|it| &*it.native_id).collect();
    assert_eq!(told, ["native-same", "native-same"]);
}
