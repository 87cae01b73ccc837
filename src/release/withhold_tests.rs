use super::super::fixture::{self as f, id};
use super::super::{Held, for_caller};
use super::*;
use crate::fhir::build;
use crate::fhir::model::resources as r;
use crate::labelling::{PracticeRules, label};
use crate::mapping::{Header, Mapped};
use crate::record::{Restriction, system};
use crate::tabs::catalogue::{Section, TabSet};
use proptest::prelude::*;
use std::sync::Arc;

fn all(record: &ReleasedRecord) -> String {
    record
        .entries
        .iter()
        .map(|it| std::str::from_utf8(&it.json).unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

fn names(record: &ReleasedRecord) -> Vec<String> {
    let prefix = f::id("");
    record
        .entries
        .iter()
        .map(|it| it.id.strip_prefix(&prefix).unwrap_or("patient").to_owned())
        .collect()
}

/// An ordinary record, with or without excluded matters of every sort and with everything that points at them.
fn with(excluded: bool) -> Vec<Mapped> {
    let mut it = f::ordinary();
    // A problem that is linked to the excluded one.
    if let Some(Resource::Condition(gout)) = it
        .iter_mut()
        .find(|it| it.id == id("gout"))
        .map(|it| &mut it.resource)
        && excluded
    {
        gout.evidence = vec![r::ConditionEvidence {
            detail: vec![build::reference(Kind::Condition, &id("secret"))],
            ..Default::default()
        }];
    }
    if let Some(Resource::MedicationStatement(ramipril)) = it
        .iter_mut()
        .find(|it| it.id == id("ramipril"))
        .map(|it| &mut it.resource)
        && excluded
    {
        ramipril.reason_reference = vec![build::reference(Kind::Condition, &id("secret"))];
    }
    if let Some(Resource::Encounter(visit)) = it
        .iter_mut()
        .find(|it| it.id == id("visit"))
        .map(|it| &mut it.resource)
        && excluded
    {
        visit.diagnosis = vec![r::EncounterDiagnosis {
            condition: Box::new(build::reference(Kind::Condition, &id("secret"))),
            ..Default::default()
        }];
    }
    if excluded {
        let mut private = f::problem("private", system::SNOMED, "90560007", "2024-05-01");
        private.restrictions.push(Restriction::Private);
        it.splice(
            3..3,
            [
                f::practitioner("clinic-doctor"),
                f::within(
                    f::problem("secret", system::READ_V2, "A788.", "2024-05-01"),
                    "visit",
                    "clinic-doctor",
                ),
                f::encounter("clinic", "2024-05-02", true),
                f::practitioner("clinic-clinician"),
                f::within(private, "clinic", "gp"),
                f::report("screen", "A9...", "2024-05-03", &["titre"]),
            ],
        );
        it.push(f::inside(
            f::observation(
                "titre",
                system::READ_V2,
                "44J..",
                "2024-05-03",
                &[crate::tabs::catalogue::Section::Biochemistry],
            ),
            "screen",
        ));
    }
    it
}

// R047, EMIS pitfall 17: not even a date. governance.md 2.5 and 1.5 trap 7; issue 3.10: with and without are the same bytes in the same order
#[test]
fn nothing_tells_that_something_was_withheld() {
    let (a, b) = (
        f::released(f::record(SourceFamily::Emis, with(true))),
        f::released(f::record(SourceFamily::Emis, with(false))),
    );
    assert_eq!(names(&a), names(&b));
    assert_eq!(all(&a), all(&b));
    for (a, b) in a.entries.iter().zip(&b.entries) {
        assert_eq!(
            (&a.etag, &a.index, &a.sections),
            (&b.etag, &b.index, &b.sections)
        );
    }
    for gone in ["secret", "private", "clinic", "screen", "titre"] {
        assert!(!all(&a).contains(&id(gone)), "{gone}");
    }
    let report = a.report();
    assert_eq!(report.counts.get("hiv"), Some(&1));
    assert_eq!(report.counts.get("sti"), Some(&2));
    assert_eq!(report.counts.get("private"), Some(&1));
    assert!(b.report().entries.is_empty());

    let (a, b) = (
        f::held(f::record(SourceFamily::Emis, with(true))),
        f::held(f::record(SourceFamily::Emis, with(false))),
    );
    assert_eq!(a.version(), b.version());
    assert_eq!(a.ids(), b.ids());
    assert_eq!(bytes(&a), bytes(&b));
    for n in 0..a.len() {
        assert_eq!((a.links(n), a.refers_to(n)), (b.links(n), b.refers_to(n)));
    }
}

fn bytes(held: &Held) -> Vec<Bytes> {
    held.entries().iter().map(|it| it.json.clone()).collect()
}

// R043: SystmOne's private entries with their bracket and links
#[test]
fn a_bracket_goes_with_the_last_of_its_entries() {
    let private = |it: Mapped| {
        let mut it = it;
        it.restrictions.push(Restriction::Private);
        it
    };
    let entries = |first_private: bool| {
        let one = f::within(
            f::problem("one", system::CTV3, "X1", "2024-01-01"),
            "event",
            "gp",
        );
        let two = private(f::within(
            f::problem("two", system::CTV3, "X2", "2024-01-01"),
            "event",
            "gp",
        ));
        let one = if first_private { private(one) } else { one };
        let all = vec![
            f::patient(),
            f::practitioner("gp"),
            f::practitioner("event-clinician"),
            f::encounter("event", "2024-01-01", true),
            one,
            two,
        ];
        names(&f::released(f::record(SourceFamily::SystmOne, all)))
    };
    assert_eq!(
        entries(false),
        ["patient", "gp", "event-clinician", "event", "one"]
    );
    assert_eq!(entries(true), ["patient"]);
    // An encounter that the source has as such stays, though nothing refers to it.
    let it = vec![
        f::patient(),
        f::practitioner("visit-clinician"),
        f::encounter("visit", "2024-01-01", false),
    ];
    assert_eq!(
        names(&f::released(f::record(SourceFamily::Emis, it))).len(),
        3
    );
}

// R050: there is no way to lift an exclusion: whatever may be seen, it is not there
#[test]
fn nothing_lifts_an_exclusion() {
    let held = Arc::new(f::held(f::record(SourceFamily::Emis, with(true))));
    let released = for_caller(&held, TabSet::ALL, &|_| true);
    assert!(released.read(Kind::Condition, &id("secret")).is_none());
    assert!(released.resource(Kind::Condition, &id("secret")).is_none());
    assert!(released.read(Kind::Condition, &id("gout")).is_some());
}

// design.md 5: a mapping fault stops the record, it does not leak a part of it
#[test]
fn what_cannot_be_told_apart_or_written_stops_the_record() {
    let try_release =
        |resources| withhold(f::labelled(f::record(SourceFamily::Emis, resources))).map(|_| ());
    let x = || f::problem("x", system::SNOMED, "90560007", "2020-01-01");
    assert_eq!(
        try_release(vec![f::patient(), x(), x()]),
        Err(ReleaseError::SameId("Condition"))
    );
    assert_eq!(try_release(vec![x()]), Err(ReleaseError::Patient));
    let mut broken = x();
    if let Resource::Condition(it) = &mut broken.resource {
        *it.subject = crate::fhir::model::types::Reference {
            id: Some("$invalid".to_owned()),
            ..Default::default()
        };
    }
    assert!(matches!(
        try_release(vec![f::patient(), broken]),
        Err(ReleaseError::Write {
            kind: "Condition",
            ..
        })
    ));
}

// R4 http#versioning: an ETag changes with the bytes, and with nothing else
#[test]
fn an_etag_is_of_the_bytes() {
    let tag = |code: &str| {
        let problem = f::problem("x", system::READ_V2, code, "2020-01-01");
        let record = f::released(f::record(SourceFamily::Emis, vec![f::patient(), problem]));
        record.entries()[1].etag().to_owned()
    };
    let (one, same, other) = (tag("H33.."), tag("H33.."), tag("C34.."));
    assert_eq!(one, same);
    assert_ne!(one, other);
    let inside = one.strip_prefix("W/\"").and_then(|it| it.strip_suffix('"'));
    assert!(
        inside.is_some_and(|it| it.len() == 16 && it.bytes().all(|b| b.is_ascii_hexdigit())),
        "{one}"
    );
}

// R047: a report stands in the classes of what is left in it
#[test]
fn a_report_leaves_the_class_of_a_withheld_result() {
    let released = |excluded: bool| {
        let result = |name: &str, section: Section| {
            let mut it = f::observation(name, system::READ_V2, "44J3.", "2026-05-01", &[]);
            it.sections = vec![section];
            f::inside(it, "bloods")
        };
        let mut titre = result("titre", Section::Microbiology);
        if excluded {
            titre.restrictions.push(Restriction::Private);
        }
        let mut report = f::report("bloods", "4....", "2026-05-01", &["haemoglobin", "titre"]);
        report.header = Header::ByResults;
        report.sections = vec![Section::Haematology, Section::Microbiology];
        let all = vec![
            f::patient(),
            report,
            result("haemoglobin", Section::Haematology),
            titre,
        ];
        let released = f::released(f::record(SourceFamily::Emis, all));
        let report = &released.entries[1];
        assert_eq!(report.kind, Kind::DiagnosticReport);
        report.sections.clone()
    };
    let both = [Section::Haematology, Section::Microbiology];
    assert_eq!(released(false), both);
    assert_eq!(released(true), [Section::Haematology]);
}

#[test]
fn a_restricted_record_is_empty() {
    let mut record = f::record(SourceFamily::Emis, f::ordinary());
    record.standing.restricted = true;
    let record = f::released(record);
    assert!(record.entries.is_empty() && record.standing.restricted);
}

/// What a random record is made of: for each problem how it is restricted, what it links to, where it stands.
#[derive(Debug, Clone)]
struct Sketch {
    why: u8,
    links: Vec<usize>,
    encounter: usize,
    recorder: usize,
    parent: Option<usize>,
    day: i8,
}

fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    prop::collection::vec(
        (
            0_u8..8,
            prop::collection::vec(0_usize..12, 0..3),
            0_usize..4,
            0_usize..4,
            prop::option::of(0_usize..12),
            1_i8..28,
        )
            .prop_map(|(why, links, encounter, recorder, parent, day)| Sketch {
                why,
                links,
                encounter,
                recorder,
                parent,
                day,
            }),
        1..12,
    )
}

/// Indexes of the problems that must stay behind: restricted themselves or inside one that is, save where only that one's
/// name could not be checked. A parent is always earlier, so that there are no rings.
fn gone(sketches: &[Sketch]) -> Vec<bool> {
    let mut all_in_it: Vec<bool> = Vec::new();
    let mut gone = Vec::new();
    for (n, it) in sketches.iter().enumerate() {
        let parent = it.parent.filter(|parent| *parent < n);
        let inherited = parent.is_some_and(|parent| all_in_it[parent]);
        all_in_it.push(matches!(it.why, 0 | 2 | 3) || inherited);
        gone.push(it.why < 4 || inherited);
    }
    gone
}

fn draw(sketches: &[Sketch], drop: &[bool]) -> Vec<Mapped> {
    let stays = |n: usize| n < sketches.len() && !drop[n];
    let kept: Vec<_> = sketches
        .iter()
        .enumerate()
        .filter(|(n, _)| stays(*n))
        .collect();
    let mut all = vec![f::patient()];
    for name in 0..4 {
        if kept.iter().any(|(_, it)| it.recorder == name) {
            all.push(f::practitioner(&format!("doctor{name}")));
        }
        if kept.iter().any(|(_, it)| it.encounter == name) {
            all.push(f::practitioner(&format!("event{name}-clinician")));
            all.push(f::encounter(&format!("event{name}"), "2024-01-01", true));
        }
    }
    for (n, it) in kept {
        let (system, code) = match it.why {
            0 => (system::READ_V2, "A788."),
            1 => (system::EMIS_LOCAL, "EMISNQAI1"),
            _ => (system::READ_V2, "H33.."),
        };
        let mut made = f::within(
            f::problem(
                &format!("problem{n}"),
                system,
                code,
                &format!("2024-03-{:02}", it.day),
            ),
            &format!("event{}", it.encounter),
            &format!("doctor{}", it.recorder),
        );
        match it.why {
            2 => made.restrictions.push(Restriction::Private),
            3 => made.restrictions.push(Restriction::Policy {
                id: "p".to_owned(),
                known: n % 2 == 0,
            }),
            _ => {}
        }
        if let Some(parent) = it.parent.filter(|parent| *parent < n && stays(*parent)) {
            made.parent = Some(id(&format!("problem{parent}")));
        }
        let details: Vec<_> = it
            .links
            .iter()
            .filter(|link| stays(**link))
            .map(|link| build::reference(Kind::Condition, &id(&format!("problem{link}"))))
            .collect();
        if let Resource::Condition(condition) = &mut made.resource
            && !details.is_empty()
        {
            condition.evidence = vec![r::ConditionEvidence {
                detail: details,
                ..Default::default()
            }];
        }
        all.push(made);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    // R047, issue 3.10
    #[test]
    fn with_and_without_are_the_same_bytes(sketches in sketches()) {
        let drop = gone(&sketches);
        let none = vec![false; sketches.len()];
        let a = f::released(f::record(SourceFamily::Emis, draw(&sketches, &none)));
        let b = f::released(f::record(SourceFamily::Emis, draw(&sketches, &drop)));
        prop_assert_eq!(all(&a), all(&b));
        prop_assert_eq!(a.report().entries.len(), drop.iter().filter(|it| **it).count());
        for (n, gone) in drop.iter().enumerate() {
            prop_assert_eq!(all(&a).contains(&format!("{}\"", id(&format!("problem{n}")))), !gone);
        }
        let a = f::held(f::record(SourceFamily::Emis, draw(&sketches, &none)));
        let b = f::held(f::record(SourceFamily::Emis, draw(&sketches, &drop)));
        prop_assert_eq!(a.version(), b.version());
        prop_assert_eq!(bytes(&a), bytes(&b));
    }

    // Labels never drop: what contains an entry is never less restricted than the entry's share of it
    #[test]
    fn labels_never_drop(sketches in sketches()) {
        let none = vec![false; sketches.len()];
        let drawn = draw(&sketches, &none);
        let record = label(f::record(SourceFamily::Emis, drawn), &f::list(), PracticeRules::default()).unwrap();
        let of = |name: &str| record.resources().iter().find(|it| it.mapped().id == name);
        for it in record.resources() {
            if let Some(parent) = it.mapped().parent.as_deref().and_then(of) {
                for reason in parent.reasons().iter().filter(|it| it.flows_down()) {
                    prop_assert!(it.reasons().contains(reason));
                    prop_assert!(it.confidentiality() >= parent.confidentiality());
                }
            }
            prop_assert_eq!(it.reasons().is_empty(), it.confidentiality() == Confidentiality::Normal);
            if !it.mapped().restrictions.is_empty() {
                prop_assert!(it.is_withheld());
            }
        }
    }
}

// R051, R043: who takes its contents along, and who takes away only a name
#[test]
fn only_a_name_that_cannot_be_checked_leaves_its_contents() {
    use crate::labelling::Reason;
    let contents =
        |restrictions: Vec<crate::record::Restriction>, code: &str, terminology: &str| {
            let mut it = f::problem("x", terminology, code, "2020-01-01");
            it.restrictions = restrictions;
            let record = f::labelled(f::record(SourceFamily::Emis, vec![f::patient(), it]));
            let it = &record.resources()[1];
            (
                it.is_withheld(),
                it.withholds_contents(),
                it.reasons().to_vec(),
            )
        };
    let local = "http://example.org/local";
    let private = crate::record::Restriction::Private;
    assert_eq!(
        contents(Vec::new(), "H33..", system::READ_V2),
        (false, false, vec![])
    );
    assert_eq!(
        contents(Vec::new(), "X1", local),
        (true, false, vec![Reason::Uncheckable])
    );
    assert_eq!(
        contents(vec![private.clone()], "H33..", system::READ_V2),
        (true, true, vec![Reason::Private])
    );
    assert_eq!(
        contents(vec![private], "X1", local),
        (true, true, vec![Reason::Private, Reason::Uncheckable])
    );
}
