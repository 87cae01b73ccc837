//! What is mapped must not tell of what may be withheld later (R047): `labelling` and `release` decide, mapping only must not
//! have spread it.

use super::build::*;
use super::mapped;
use super::rules::{of, value};
use crate::fhir::Kind;
use crate::mapping::Header;
use crate::record::*;
use crate::tabs::catalogue::Section;

// R047: what tells nothing of itself goes with the last of its entries; what was written about stays
#[test]
fn a_contact_of_nothing_but_entries_is_a_bracket() {
    let mut record = emis();
    let told = |id: &str, method: Option<&str>| encounter(id, day(2026, 5, 1), method);
    record.encounters = vec![
        told("written", Some("Telephone")),
        told("secret", Some("Telephone")),
        told("bare", Some("Telephone")),
        told("strange", Some("Sexual health clinic")),
    ];
    let words = |id: &str, contact: &str| {
        let mut words = said(id, Coded::default(), day(2026, 5, 1));
        words.encounter = Some(contact.to_owned());
        words
    };
    let mut hidden = words("b", "secret");
    hidden.restrictions = vec![Restriction::Policy {
        id: "1".to_owned(),
        known: true,
    }];
    let mut coded = said("d", read("H33..", "Asthma"), day(2026, 5, 1));
    coded.encounter = Some("bare".to_owned());
    record.entries = vec![words("a", "written"), hidden, words("c", "strange"), coded];
    let record = mapped(record);
    let bracket = |id| of(&record, id, Kind::Encounter).bracket;
    assert!(!bracket("written"));
    assert!(bracket("secret") && bracket("bare") && bracket("strange"));
}

// R047: what a withheld result would tell by the verdict over it, by a class or by a problem's state, nothing tells
#[test]
fn nothing_of_a_header_or_a_diagnosis_comes_from_what_may_be_withheld() {
    let mut record = emis();
    let report = Report {
        verdict: Some("Abnormal".to_owned()),
        ..Default::default()
    };
    let header = entry(
        "report",
        Coded::term("Report"),
        day(2026, 5, 1),
        Body::Report(Box::new(report)),
    );
    let mut battery = said("battery", Coded::term("Battery"), day(2026, 5, 1));
    battery.parent = Some("report".to_owned());
    let body = observation(&mut battery);
    body.group = true;
    body.abnormal = Some((true, None));
    let mut result = said("result", read("44J3.", "Serum creatinine"), day(2026, 5, 1));
    result.parent = Some("battery".to_owned());
    let mut past = said("past", read("H33..", "Asthma"), day(2020, 5, 1));
    past.problem = Some(Box::new(problem(ProblemStatus::Past, Significance::Major)));
    let mut review = said("review", read("H33..", "Asthma"), day(2021, 5, 1));
    review.linked_problems = vec!["past".to_owned()];
    let mut other = said("other", read("F26..", "Migraine"), day(2021, 5, 1));
    other.linked_problems = vec!["past".to_owned()];
    record.entries = vec![header, battery, result, past, review, other];
    let record = mapped(record);
    let report = of(&record, "report", Kind::DiagnosticReport);
    assert_eq!(report.header, Header::ByResults);
    assert!(value(report)["conclusion"].is_null() && value(report)["category"].is_null());
    let battery = of(&record, "battery", Kind::Observation);
    assert_eq!(battery.header, Header::ByResults);
    assert_eq!(battery.sections.last(), Some(&Section::Biochemistry));
    assert!(value(battery)["interpretation"].is_null() && value(battery)["category"].is_null());
    let lost = record
        .losses
        .iter()
        .filter(|l| l.reason == "verdict-over-all");
    assert_eq!(lost.count(), 2);
    let sections = |id| &of(&record, id, Kind::Condition).sections;
    assert_eq!(sections("review"), &[Section::DiagnosisPast]);
    assert_eq!(sections("other"), &[Section::DiagnosisCurrent]);
}
