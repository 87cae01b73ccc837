//! Whole records: the public real messages through adapter and mapping, and a large one.

use super::build::*;
use super::mapped;
use crate::fhir::Kind;
use crate::fhir::refs::references;
use crate::mapping::MappedRecord;
use crate::record::*;
use crate::tabs::catalogue::Section;

fn sound(record: &MappedRecord) {
    let there: std::collections::BTreeSet<String> = record
        .resources
        .iter()
        .map(|one| format!("{}/{}", one.kind.name(), one.id))
        .collect();
    assert_eq!(there.len(), record.resources.len());
    for one in &record.resources {
        assert!(!super::json(one).is_empty());
        for reference in references(&one.resource) {
            assert!(there.contains(&reference), "{} {reference}", one.native_id);
        }
    }
}

fn sample(path: &str) -> Option<Vec<u8>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "where the samples are is told to tests only"
    )]
    let shared = std::env::var("OPENMIG_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
    let read = std::fs::read(format!("{shared}/data/samples/{path}")).ok();
    if read.is_none() {
        eprintln!("not run: {path} is not there; set OPENMIG_SHARED");
    }
    read
}

#[test]
fn the_real_systmone_record_maps_whole() {
    let Some(message) = sample("systmone/GetPatientRecord-full.xml") else {
        return;
    };
    let practice = OdsCode("Z99002".to_owned());
    let record = crate::source::systmone::read(&message, &practice).unwrap();
    let record = mapped(record);
    sound(&record);
    let reflux: Vec<_> = record
        .resources
        .iter()
        .filter(|one| one.codings.iter().any(|(_, code)| code == "X3003"))
        .collect();
    // Twice in one event is one statement; in another event it is another.
    assert_eq!(reflux.len(), 2);
    assert!(reflux.iter().all(|one| one.sections.len() == 3));
}

#[test]
fn the_real_emis_record_maps_whole() {
    let Some(message) = sample("emis/SamplePostEOpenPatientRecord1-0.xml") else {
        return;
    };
    let practice = OdsCode("Z99001".to_owned());
    let record = crate::source::emis::read(&message, &practice).unwrap();
    let record = mapped(record);
    sound(&record);
    let of = |kind| {
        record
            .resources
            .iter()
            .filter(|one| one.kind == kind)
            .count()
    };
    assert_eq!(of(Kind::Encounter), 24);
    assert_eq!(of(Kind::AllergyIntolerance), 1);
    assert_eq!(of(Kind::MedicationStatement), 2);
    let hypertension = record.resources.iter().find(|one| {
        one.kind == Kind::Condition && one.sections.contains(&Section::ProblemsCurrent)
    });
    assert_eq!(
        hypertension.unwrap().sections,
        [
            Section::SummaryProblems,
            Section::ProblemsCurrent,
            Section::DiagnosisCurrent
        ]
    );
}

#[test]
fn a_large_record_stays_linear() {
    let mut record = emis();
    for n in 0..300 {
        let report = format!("report-{n}");
        record.entries.push(entry(
            &report,
            read("44JB.", "Urea and electrolytes"),
            day(2020, 1, 1),
            Body::Report(Box::<Report>::default()),
        ));
        for m in 0..10 {
            let mut result = valued(
                &format!("result-{n}-{m}"),
                read("44I5.", "Serum sodium"),
                day(2020, 1, 1),
                number("140", "mmol/L"),
            );
            result.parent = Some(report.clone());
            record.entries.push(result);
        }
    }
    let record = mapped(record);
    assert_eq!(record.resources.len(), 300 * 11 + 3);
}
