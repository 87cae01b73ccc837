//! The one public real message (EMIS Open in a third-party envelope). Not committed: read from `OPENMIG_SHARED`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::record::{
    Body, CourseStatus, GpRecord, OdsCode, ProblemStatus, Registration, Restriction, Significance,
    system,
};
use crate::source::emis::read;

#[expect(
    clippy::disallowed_methods,
    reason = "tests find the sample files by the environment"
)]
fn sample() -> Option<String> {
    let shared = std::env::var("OPENMIG_SHARED").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let path = shared.join("data/samples/emis/SamplePostEOpenPatientRecord1-0.xml");
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("not run: the sample is not there; set OPENMIG_SHARED");
    }
    text
}

fn parse(text: &str) -> GpRecord {
    read(text.as_bytes(), &OdsCode("Z99001".to_owned())).unwrap()
}

fn count(record: &GpRecord, of: fn(&Body) -> bool) -> usize {
    record.entries.iter().filter(|e| of(&e.body)).count()
}

// sources.md 7.2
#[test]
fn the_sample_reads_as_expected() {
    let Some(text) = sample() else { return };
    let record = parse(&text);
    assert_eq!(record.encounters.len(), 24);
    assert_eq!(count(&record, |b| matches!(b, Body::Allergy(_))), 1);
    assert_eq!(count(&record, |b| matches!(b, Body::Alert(_))), 1);
    assert_eq!(count(&record, |b| matches!(b, Body::Referral(_))), 1);
    assert_eq!(count(&record, |b| matches!(b, Body::Document(_))), 17);
    assert_eq!(count(&record, |b| matches!(b, Body::Medication(_))), 2);
    assert_eq!(count(&record, |b| matches!(b, Body::Issue(_))), 2);
    let problems: Vec<_> = record
        .entries
        .iter()
        .filter(|e| e.problem.is_some())
        .collect();
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems[0].code.text.as_deref(),
        Some("Essential hypertension")
    );
    let problem = problems[0].problem.as_ref().unwrap();
    assert_eq!(problem.status, ProblemStatus::Active);
    assert_eq!(problem.significance, Some(Significance::Major));
    assert_eq!(problems[0].code.in_system(system::READ_V2), Some("G20.."));
    assert_eq!(problems[0].code.in_system(system::SNOMED), Some("59621000"));
    assert_eq!(problems[0].code.codings.len(), 2, "Code and TermID are one");
    // issues name their courses by OldGUID
    for issue in &record.entries {
        if let Body::Issue(i) = &issue.body {
            let course = record
                .entries
                .iter()
                .find(|e| Some(&e.id) == i.course.as_ref());
            assert_eq!(course.unwrap().code, issue.code);
            assert!(matches!(course.unwrap().body, Body::Medication(_)));
        }
    }
    let states: Vec<_> = record
        .entries
        .iter()
        .filter_map(|e| match &e.body {
            Body::Medication(m) => Some(m.status),
            _ => None,
        })
        .collect();
    assert_eq!(states, [CourseStatus::Completed, CourseStatus::Active]);
    // PolicyID -1 everywhere
    assert!(record.entries.iter().all(|e| e.restrictions.is_empty()));
    assert!(record.encounters.iter().all(|e| e.restrictions.is_empty()));
    assert!(!record.standing.restricted);
    assert_eq!(record.standing.registration, Registration::Full);
    // pitfall 16: the display term is shown, the value beside it
    let smoker = record
        .entries
        .iter()
        .find(|e| e.code.in_system(system::READ_V2) == Some("137P."));
    assert_eq!(
        smoker.unwrap().code.text.as_deref(),
        Some("Cigarette smoker, 10 cigarettes/day")
    );
    assert_eq!(smoker.unwrap().category.as_deref(), Some("History"));
    // people are found
    let gp = record
        .staff
        .iter()
        .find(|s| Some(&s.id) == record.patient.usual_gp.as_ref());
    assert_eq!(gp.and_then(|s| s.gmc.as_deref()).map(str::len), Some(7));
    assert!(record.encounters.iter().all(|e| e.clinician.is_some()));
    assert!(
        record
            .encounters
            .iter()
            .any(|e| e.location_type.as_deref() == Some("GP Surgery"))
    );
    assert_eq!(record.patient.nhs_number.as_deref(), Some("9510079685"));
}

#[test]
fn one_policy_restricts_exactly_one_item() {
    let Some(text) = sample() else { return };
    for spelling in ["PolicyID", "PolicyId"] {
        let marker = format!("<{spelling}>-1</{spelling}>");
        let places: Vec<usize> = text.match_indices(&marker).map(|(at, _)| at).collect();
        assert!(!places.is_empty());
        for at in places {
            let flipped = format!(
                "{}<{spelling}>7</{spelling}>{}",
                &text[..at],
                &text[at + marker.len()..]
            );
            let record = parse(&flipped);
            let entries = record.entries.iter().filter(|e| !e.restrictions.is_empty());
            let encounters = record
                .encounters
                .iter()
                .filter(|e| !e.restrictions.is_empty());
            let restricted =
                entries.count() + encounters.count() + usize::from(record.standing.restricted);
            // an entry of nothing but free text is not there to be restricted
            let before = parse(&text);
            let hollow = before.losses.iter().filter(|l| {
                l.reason == "free-text" && !l.path.ends_with("Text") && !l.path.ends_with("Title")
            });
            let expected = if restricted == 0 {
                assert!(hollow.count() > 0);
                0
            } else {
                1
            };
            assert_eq!(restricted, expected, "at {at}");
            for entry in &record.entries {
                for restriction in &entry.restrictions {
                    assert_eq!(
                        *restriction,
                        Restriction::Policy {
                            id: "7".to_owned(),
                            known: false
                        }
                    );
                }
            }
        }
    }
}

/// Every text of the message is in the record or in a loss, by number.
#[test]
fn nothing_is_lost_that_the_losses_do_not_name() {
    let Some(text) = sample() else { return };
    let record = parse(&text);
    let mut reasons: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for loss in &record.losses {
        let name = loss.path.rsplit('/').next().unwrap_or_default().to_owned();
        *reasons.entry((loss.reason, name)).or_default() += 1;
    }
    for ((reason, name), n) in &reasons {
        println!("{n:4} {reason:16} {name}");
    }
    assert!(
        record.losses.iter().all(|l| l.reason != "unknown-element"),
        "every element of the sample is known"
    );
    let texts = record
        .losses
        .iter()
        .filter(|l| l.path.ends_with("DescriptiveText"))
        .count();
    assert_eq!(texts, text.matches("<DescriptiveText>").count());
    let titles = record
        .losses
        .iter()
        .filter(|l| l.path.ends_with("/Title"))
        .count();
    assert_eq!(titles, 17);
    // no free text is in the record
    let shown = format!("{:?}{:?}", record.entries, record.encounters);
    for words in [
        "creps",
        "Ascabiol  Application",
        "Indigestion still",
        "Other text",
        "Document Title",
        "Testing file example",
    ] {
        assert!(text.contains(words), "{words}");
        assert!(!shown.contains(words), "{words}");
    }
}
