//! What is so, what is not, and what is not so yet: states that follow from the day, from a qualifier or from the parts.

use serde_json::json;

use super::build::*;
use super::mapped;
use super::rules::{of, value};
use crate::fhir::Kind;
use crate::mapping::MappedRecord;
use crate::mapping::loss::reason;
use crate::record::*;
use crate::tabs::catalogue::Section;

fn lost(record: &MappedRecord, native: &str, reason: &str) -> bool {
    record
        .losses
        .iter()
        .any(|l| l.native_id.as_deref() == Some(native) && l.reason == reason)
}

// R026, S2 5.4.1.1: an allergy that is negated is no allergy, wherever the source filed it
#[test]
fn a_negated_allergy_is_an_observation_that_there_is_none() {
    let qualified = |id: &str, body: Body, name: &str, word: &str| {
        let mut entry = entry(
            id,
            read("14L1.", "H/O: penicillin allergy"),
            day(2020, 1, 1),
            body,
        );
        entry.qualifiers = vec![(Coded::term(name), Coded::term(word))];
        entry
    };
    let to_penicillin = || {
        Body::Allergy(Allergy {
            substance: Some(Coded::term("Penicillin")),
            ..Allergy::default()
        })
    };
    let alert = || Body::Alert(Alert::default());
    let mut record = emis();
    record.entries = vec![
        qualified("no", to_penicillin(), "Certainty", "No"),
        qualified("alert-no", alert(), "Finding", "Negation"),
        qualified("mother", to_penicillin(), "Family member", "Mother"),
        qualified("maybe", to_penicillin(), "Certainty", "Uncertain"),
        qualified("severe", to_penicillin(), "Severity", "Severe"),
    ];
    let record = mapped(record);
    for native in ["no", "alert-no"] {
        let one = of(&record, native, Kind::Observation);
        assert_eq!(
            value(one)["valueCodeableConcept"]["text"],
            json!("No: negated in the practice's record")
        );
        assert!(lost(&record, native, reason::NEGATED));
    }
    let no = value(of(&record, "no", Kind::Observation));
    assert!(no["component"].to_string().contains("Penicillin"));
    let allergies: Vec<&str> = record
        .resources
        .iter()
        .filter(|one| one.kind == Kind::AllergyIntolerance)
        .map(|one| one.native_id.as_str())
        .collect();
    assert_eq!(allergies, ["maybe", "severe"]);
    assert!(record.resources.iter().all(|one| one.kind != Kind::Flag));
    assert!(lost(&record, "mother", reason::NO_TAB));
    let maybe = value(of(&record, "maybe", Kind::AllergyIntolerance));
    assert_eq!(
        maybe["verificationStatus"]["coding"][0]["code"],
        json!("unconfirmed")
    );
    let severe = value(of(&record, "severe", Kind::AllergyIntolerance));
    assert!(severe["extension"].to_string().contains("Severe"));
}

// A problem with an end and no state is past once the end has come, on the day itself too
#[test]
fn a_problem_that_will_end_is_current() {
    let until = |id: &str, end: Option<PartialDate>| {
        let mut entry = said(id, read("H33..", "Asthma"), day(2020, 1, 1));
        entry.problem = Some(Box::new(Problem {
            end,
            ..problem(ProblemStatus::UntilEnd, Significance::Major)
        }));
        entry
    };
    let mut record = systmone();
    record.entries = vec![
        until("tomorrow", Some(day(2026, 5, 21))),
        until("today", Some(day(2026, 5, 20))),
        until("unknown", None),
    ];
    let record = mapped(record);
    let status = |native: &str| {
        let one = of(&record, native, Kind::Condition);
        let past = one.sections.contains(&Section::ProblemsPast);
        let json = value(one);
        (
            past,
            json["clinicalStatus"]["coding"][0]["code"].clone(),
            json["abatementDateTime"].clone(),
        )
    };
    assert_eq!(status("tomorrow"), (false, json!("active"), json!(null)));
    assert!(lost(&record, "tomorrow", reason::END_OF_ACTIVE));
    assert_eq!(
        status("today"),
        (true, json!("inactive"), json!("2026-05-20"))
    );
    assert_eq!(status("unknown"), (true, json!("inactive"), json!(null)));
}

// R028: a report is final when its results are
#[test]
fn a_report_is_as_final_as_its_results() {
    let with = |states: &[Option<&str>]| {
        let mut record = emis();
        let header = entry(
            "report",
            Coded::term("Bloods"),
            day(2026, 5, 1),
            Body::Report(Box::<Report>::default()),
        );
        let mut battery = said("battery", read("42...", "Haematology"), day(2026, 5, 1));
        observation(&mut battery).group = true;
        battery.parent = Some("report".to_owned());
        record.entries = vec![header, battery];
        for (n, state) in states.iter().enumerate() {
            let mut one = valued(
                &format!("result-{n}"),
                read("423..", "Haemoglobin estimation"),
                day(2026, 5, 1),
                number("131", "g/L"),
            );
            observation(&mut one).status = state.map(ToOwned::to_owned);
            one.parent = Some("battery".to_owned());
            record.entries.push(one);
        }
        let record = mapped(record);
        let report = value(of(&record, "report", Kind::DiagnosticReport));
        let battery = value(of(&record, "battery", Kind::Observation));
        assert_eq!(report["status"], battery["status"]);
        report["status"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(with(&[None, None]), "final");
    assert_eq!(with(&[]), "final");
    assert_eq!(with(&[None, Some("PR")]), "preliminary");
    assert_eq!(with(&[Some("NA"), None]), "preliminary");
    assert_eq!(with(&[Some("NA")]), "unknown");
    assert_eq!(with(&[Some("cancelled")]), "unknown");
}

// SystmOne pitfall 9: what is dated in the future has not been given
#[test]
fn an_immunisation_to_come_is_not_completed() {
    let given = |id: &str, on: PartialDate| {
        let body = Body::Immunisation(Box::new(Immunisation {
            dose: Some(quantity(None, "0.5", "ml")),
            ..Immunisation::default()
        }));
        entry(id, read("65E..", "Influenza vaccination"), on, body)
    };
    let mut record = systmone();
    record.entries = vec![
        given("today", day(2026, 5, 20)),
        given("next", day(2026, 5, 21)),
    ];
    let record = mapped(record);
    let today = value(of(&record, "today", Kind::Immunization));
    assert_eq!(today["status"], json!("completed"));
    assert_eq!(today["doseQuantity"]["value"].to_string(), "0.5");
    assert!(record.resources.iter().all(|one| one.native_id != "next"));
    assert!(lost(&record, "next", reason::PLANNED));
}

// R043: a private report takes its results along and nothing else of its event
#[test]
fn a_private_report_hides_its_results_only() {
    let mut record = systmone();
    let mut report = entry(
        "report",
        Coded::term("Bloods"),
        day(2026, 5, 1),
        Body::Report(Box::new(Report {
            kind: Some("Pathology".to_owned()),
            ..Report::default()
        })),
    );
    report.restrictions = vec![Restriction::Private];
    let inside = |mut entry: Entry| {
        entry.parent = Some("report".to_owned());
        entry.encounter = Some("event".to_owned());
        entry
    };
    let result = inside(valued(
        "result",
        ctv3("44E..", "Serum bilirubin level"),
        day(2026, 5, 1),
        number("12", "umol/L"),
    ));
    let symptom = inside(said("symptom", ctv3("171..", "Cough"), day(2026, 5, 1)));
    let asthma = inside(said("asthma", ctv3("H33..", "Asthma"), day(2026, 5, 1)));
    record.entries = vec![report, result, symptom, asthma];
    let record = mapped(record);
    let hidden = |native: &str| {
        let mut of = record
            .resources
            .iter()
            .filter(|one| one.native_id == native);
        let one = of.next().unwrap();
        assert_eq!(one.parent.is_some(), !one.restrictions.is_empty());
        !one.restrictions.is_empty()
    };
    assert!(hidden("result"));
    assert!(!hidden("symptom") && !hidden("asthma"));
}

// sources.md 4.7: a bracket alone is no encounter, and nothing of it is lost
#[test]
fn what_only_holds_its_entries_is_no_encounter() {
    let mut bracket = encounter("bracket", day(2026, 5, 1), None);
    (bracket.only_holds, bracket.implied) = (true, true);
    let mut inside = said("inside", ctv3("H33..", "Asthma"), day(2026, 5, 1));
    inside.encounter = Some("bracket".to_owned());
    let mut record = systmone();
    record.encounters = vec![bracket];
    record.entries = vec![inside];
    let record = mapped(record);
    assert!(
        record
            .resources
            .iter()
            .all(|one| one.kind != Kind::Encounter)
    );
    assert!(value(of(&record, "inside", Kind::Condition))["encounter"].is_null());
    assert!(
        record
            .losses
            .iter()
            .all(|l| l.native_id.as_deref() != Some("bracket"))
    );
}

// EMIS pitfall 18: a dental procedure is a procedure
#[test]
fn a_dental_procedure_is_no_condition() {
    let mut dental = said(
        "dental",
        Coded::term("Insertion of dental implant"),
        day(2020, 1, 1),
    );
    dental.category = Some("Dental procedure".to_owned());
    let mut record = emis();
    record.entries = vec![dental];
    let record = mapped(record);
    let one = of(&record, "dental", Kind::Procedure);
    assert!(one.sections.contains(&Section::Operations));
    assert!(
        record
            .resources
            .iter()
            .all(|one| one.kind != Kind::Condition)
    );
}

// SystmOne pitfall 18: one row is a plan and its one order, and both have ids of their own
#[test]
fn an_acute_course_is_a_plan_and_an_order() {
    let body = course(Medication {
        course: Course::Acute,
        status: CourseStatus::Unknown,
        start: Some(day(2026, 5, 1)),
        end: Some(day(2026, 5, 29)),
        is_own_issue: true,
        ..Medication::default()
    });
    let mut record = systmone();
    record.entries = vec![entry(
        "acute",
        Coded::term("Amoxicillin"),
        day(2026, 5, 1),
        body,
    )];
    let record = mapped(record);
    let made: Vec<&crate::mapping::Mapped> = record
        .resources
        .iter()
        .filter(|one| one.native_id == "acute" && one.kind == Kind::MedicationRequest)
        .collect();
    let [plan, order] = made.as_slice() else {
        panic!("{}", made.len())
    };
    assert_ne!(plan.id, order.id);
    assert_ne!(
        value(plan)["identifier"][0]["value"],
        value(order)["identifier"][0]["value"]
    );
}
