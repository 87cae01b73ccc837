//! What holds for every record.

use std::collections::BTreeSet;

use super::build::*;
use super::fixtures::FIXTURES;
use super::{json, mapped};
use crate::fhir::refs::references;
use crate::fhir::{Kind, uri};
use crate::mapping::{Checkable, Mapped, MappedRecord};
use crate::record::*;
use crate::tabs::catalogue::{Section, TABS, TabSet};

fn all() -> impl Iterator<Item = (&'static str, MappedRecord)> {
    FIXTURES
        .iter()
        .map(|(name, record)| (*name, mapped(record())))
}

fn fixture(name: &str) -> MappedRecord {
    let (_, record) = FIXTURES.iter().find(|(n, _)| *n == name).unwrap();
    mapped(record())
}

pub(super) fn of<'r>(record: &'r MappedRecord, native: &str, kind: Kind) -> &'r Mapped {
    let mut all = record.resources.iter();
    all.find(|one| one.native_id == native && one.kind == kind)
        .unwrap_or_else(|| panic!("no {kind:?} of {native}"))
}

pub(super) fn has(record: &MappedRecord, native: &str, kind: Kind) -> bool {
    let mut all = record.resources.iter();
    all.any(|one| one.native_id == native && one.kind == kind)
}

pub(super) fn value(one: &Mapped) -> serde_json::Value {
    serde_json::from_str(&json(one)).unwrap()
}

#[test]
fn ids_are_unique_owned_and_stand_in_the_resource() {
    for (name, record) in all() {
        let mut seen = BTreeSet::new();
        for one in &record.resources {
            assert!(seen.insert(one.id.clone()), "{name} {}", one.native_id);
            assert!(one.id.len() <= 64 && one.id.starts_with(record.patient.as_str()));
            assert_eq!(value(one)["id"], one.id.as_str(), "{name}");
            assert_eq!(value(one)["resourceType"], one.kind.name(), "{name}");
        }
        let patients = record.resources.iter().filter(|r| r.kind == Kind::Patient);
        assert_eq!(patients.count(), 1, "{name}");
        assert_eq!(record.resources[0].kind, Kind::Patient);
    }
}

// No dangling reference, and the walker of release sees every one that there is.
#[test]
fn every_reference_is_to_something_that_is_there() {
    for (name, record) in all() {
        let there: BTreeSet<String> = record
            .resources
            .iter()
            .map(|one| format!("{}/{}", one.kind.name(), one.id))
            .collect();
        for one in &record.resources {
            let found = references(&one.resource);
            let written = json(one).matches("\"reference\":").count();
            assert_eq!(found.len(), written, "{name} {}", one.native_id);
            for reference in found {
                assert!(
                    there.contains(&reference),
                    "{name} {} {reference}",
                    one.native_id
                );
            }
            if let Some(parent) = &one.parent {
                assert_ne!(*parent, one.id);
                assert!(
                    record.resources.iter().any(|other| other.id == *parent),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn tags_are_the_tabs_of_the_sections_and_security_is_left_to_labelling() {
    for (name, record) in all() {
        for one in &record.resources {
            let json = value(one);
            let tags: Vec<&str> = json["meta"]["tag"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|tag| {
                    assert_eq!(tag["system"], uri::TAB);
                    tag["code"].as_str().unwrap()
                })
                .collect();
            let tabs: TabSet = one.sections.iter().map(|s| s.tab()).collect();
            let expected: Vec<&str> = TABS
                .into_iter()
                .filter(|tab| tabs.contains(*tab))
                .map(|tab| tab.code())
                .collect();
            assert_eq!(tags, expected, "{name} {}", one.native_id);
            assert!(json["meta"]["security"].is_null());
            assert_eq!(
                one.kind.is_supporting(),
                one.sections.is_empty(),
                "{name} {:?}",
                one.kind
            );
            let unique: BTreeSet<_> = one.sections.iter().collect();
            assert_eq!(unique.len(), one.sections.len(), "{name}");
        }
    }
}

// R022
#[test]
fn the_patient_has_nothing_but_the_data_set() {
    let record = fixture("patient");
    let patient = value(&record.resources[0]);
    let keys: BTreeSet<&str> = patient
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        BTreeSet::from([
            "address",
            "birthDate",
            "gender",
            "generalPractitioner",
            "id",
            "identifier",
            "managingOrganization",
            "meta",
            "name",
            "resourceType",
        ])
    );
    assert_eq!(patient["identifier"][0]["value"], "9990000018");
    assert_eq!(patient["birthDate"], "1951-02-03");
    assert!(record.losses.iter().any(|l| l.reason == "not-in-data-set"));
}

// R032: a word that no table knows may have been typed, so it never leaves.
#[test]
fn words_that_no_table_knows_never_leave() {
    const MARKER: &str = "MARKERmarker";
    let marked = || Some(MARKER.to_owned());
    let mut record = emis();
    let mut encounter = encounter("e", day(2026, 1, 1), Some(MARKER));
    encounter.location_type = Some("GP Surgery".to_owned());
    record.encounters = vec![encounter];
    let mut result = valued(
        "v",
        read("44P..", "Serum cholesterol"),
        day(2026, 1, 1),
        number("1", "g/L"),
    );
    result.episodicity = marked();
    result.category = marked();
    observation(&mut result).abnormal = Some((true, marked()));
    observation(&mut result).status = marked();
    let referral = Referral {
        request: marked(),
        urgency: marked(),
        mode: marked(),
        status: marked(),
        ..Default::default()
    };
    let report = Report {
        kind: marked(),
        verdict: marked(),
        ..Default::default()
    };
    let issue = Issue {
        method: marked(),
        ..Default::default()
    };
    let alert = Alert {
        severity: marked(),
        ..Default::default()
    };
    let coded = || read("8H58.", "Gynaecological referral");
    record.entries = vec![
        result,
        entry(
            "r",
            coded(),
            day(2026, 1, 1),
            Body::Referral(Box::new(referral)),
        ),
        entry(
            "p",
            read("44P..", "Serum cholesterol"),
            day(2026, 1, 1),
            Body::Report(Box::new(report)),
        ),
        entry(
            "i",
            Coded::term("A drug"),
            day(2026, 1, 1),
            Body::Issue(Box::new(issue)),
        ),
        entry(
            "a",
            Coded::term("An alert"),
            day(2026, 1, 1),
            Body::Alert(alert),
        ),
    ];
    let record = mapped(record);
    for one in &record.resources {
        assert!(!json(one).contains(MARKER), "{}", one.native_id);
    }
    let unknown = record.losses.iter().filter(|l| l.reason == "unknown-word");
    assert_eq!(unknown.count(), 11);
    assert!(!format!("{:?}", record.losses).contains(MARKER));
}

// R023, R024: one Condition with two categories and two tabs.
#[test]
fn what_is_problem_and_diagnosis_is_one_condition() {
    let record = fixture("problems");
    let both = of(&record, "{active-guid}", Kind::Condition);
    assert_eq!(
        both.sections,
        [
            Section::SummaryProblems,
            Section::ProblemsCurrent,
            Section::DiagnosisCurrent
        ]
    );
    let json = value(both);
    assert_eq!(json["category"].as_array().unwrap().len(), 2);
    assert_eq!(json["identifier"][0]["value"], "active-guid");
    assert_eq!(json["recordedDate"], "2026-05-19T09:15:00+01:00");
    assert_eq!(
        of(&record, "past", Kind::Condition).sections,
        [Section::ProblemsPast, Section::DiagnosisPast]
    );
    assert_eq!(
        of(&record, "minor", Kind::Condition).sections,
        [Section::ProblemsCurrent]
    );
    assert_eq!(
        of(&record, "diagnosis-of-past", Kind::Condition).sections,
        [Section::DiagnosisPast]
    );
    assert_eq!(
        of(&record, "diagnosis", Kind::Condition).sections,
        [Section::DiagnosisCurrent]
    );
    assert!(has(&record, "on-value", Kind::Condition));
    assert!(has(&record, "on-value", Kind::Observation));
}

// sources.md 3.9, 1: partial dates stay partial.
#[test]
fn dates_are_never_more_precise_than_they_were_sent() {
    let record = fixture("problems");
    let past = value(of(&record, "past", Kind::Condition));
    assert_eq!(past["onsetDateTime"], "2001");
    assert_eq!(past["abatementDateTime"], "2003-04");
    let minor = value(of(&record, "minor", Kind::Condition));
    assert!(minor["onsetDateTime"].is_null());
}

// R051
#[test]
fn what_cannot_be_checked_says_so() {
    let record = fixture("problems");
    let checkable = |native| of(&record, native, Kind::Condition).checkable;
    assert_eq!(checkable("local"), Checkable::LocalOnly);
    assert_eq!(checkable("past"), Checkable::National);
    assert_eq!(record.resources[0].checkable, Checkable::NoCode);
    let medication = fixture("medication");
    let issue = of(&medication, "issue-old", Kind::MedicationRequest);
    assert_eq!(issue.checkable, Checkable::National);
    assert_eq!(
        of(&medication, "never-issued", Kind::MedicationStatement).checkable,
        Checkable::LocalOnly
    );
}

// R025: issues tie to their course, and go with it.
#[test]
fn issues_tie_to_their_course() {
    let record = fixture("medication");
    let plan = of(&record, "repeat", Kind::MedicationRequest);
    assert_eq!(value(plan)["intent"], "plan");
    let issue = of(&record, "issue-new", Kind::MedicationRequest);
    assert_eq!(issue.sections, [Section::MedicationIssues]);
    assert_eq!(issue.parent.as_ref(), Some(&plan.id));
    let json = value(issue);
    assert_eq!(
        json["basedOn"][0]["reference"],
        format!("MedicationRequest/{}", plan.id)
    );
    assert_eq!(
        json["medicationCodeableConcept"],
        value(plan)["medicationCodeableConcept"]
    );
    assert_eq!(json["status"], "active");
    let status = |native| value(of(&record, native, Kind::MedicationRequest))["status"].clone();
    assert_eq!(status("issue-old"), "completed");
    assert_eq!(status("issue-cancelled"), "cancelled");
    assert_eq!(status("issue-orphan"), "unknown");
    // A restriction on the course holds for its issues.
    let (_, make) = FIXTURES.iter().find(|(n, _)| *n == "medication").unwrap();
    let mut hidden = make();
    hidden.entries[0].restrictions = vec![Restriction::Private];
    let hidden = mapped(hidden);
    assert_eq!(
        of(&hidden, "issue-old", Kind::MedicationRequest).restrictions,
        [Restriction::Private]
    );
}

#[test]
fn restrictions_and_containers_come_down_the_whole_way() {
    let (_, make) = FIXTURES.iter().find(|(n, _)| *n == "pathology").unwrap();
    let mut record = make();
    let policy = Restriction::Policy {
        id: "p".to_owned(),
        known: false,
    };
    record.entries[0].encounter = Some("e".to_owned());
    let mut bracket = encounter("e", day(2026, 5, 1), None);
    bracket.restrictions = vec![policy.clone()];
    record.encounters = vec![bracket];
    record.entries[1].restrictions = vec![Restriction::Private];
    let record = mapped(record);
    let report = of(&record, "report", Kind::DiagnosticReport);
    let battery = of(&record, "battery", Kind::Observation);
    let sodium = of(&record, "sodium", Kind::Observation);
    assert_eq!(report.restrictions, std::slice::from_ref(&policy));
    assert_eq!(battery.parent.as_ref(), Some(&report.id));
    assert_eq!(sodium.parent.as_ref(), Some(&battery.id));
    assert_eq!(sodium.restrictions, [Restriction::Private, policy.clone()]);
    let specimen = of(&record, "specimen", Kind::Specimen);
    assert_eq!(specimen.parent.as_ref(), Some(&report.id));
    assert_eq!(specimen.restrictions, [policy]);
    // the specimen names the battery; what is in the battery was made from it too, what stands beside it was not
    let from = format!("Specimen/{}", specimen.id);
    assert_eq!(value(battery)["specimen"]["reference"], from.as_str());
    assert_eq!(value(sodium)["specimen"]["reference"], from.as_str());
    let beside = of(&record, "platelets", Kind::Observation);
    assert!(value(beside).get("specimen").is_none());
    assert_eq!(value(specimen)["accessionIdentifier"]["value"], "26/0042/A");
}

// R029: a mark and a range on a blood pressure stay, where they were put: on the whole or on a half.
#[test]
fn a_blood_pressure_keeps_its_marks_and_ranges() {
    let mut record = emis();
    let on = || day(2026, 5, 1);
    let mut header = said("header", read("246..", "O/E - blood pressure"), on());
    observation(&mut header).group = true;
    observation(&mut header).abnormal = Some((true, None));
    let half = |id: &str, code: &str, reading: &str| {
        let mut half = valued(id, read(code, "O/E"), on(), number(reading, "mmHg"));
        half.parent = Some("header".to_owned());
        half
    };
    let mut systolic = half("systolic", "2469.", "182");
    observation(&mut systolic).abnormal = Some((true, Some("High".to_owned())));
    observation(&mut systolic).ranges = vec![Range {
        high: Some(quantity(None, "140", "mmHg")),
        ..Default::default()
    }];
    record.entries = vec![header, systolic, half("diastolic", "246A.", "80")];
    let record = mapped(record);
    let one = value(of(&record, "header", Kind::Observation));
    let mark = |one: &serde_json::Value| one["interpretation"][0]["coding"][0]["code"].clone();
    assert_eq!(mark(&one), "A");
    let systolic = &one["component"][0];
    assert_eq!(mark(systolic), "H");
    assert_eq!(systolic["referenceRange"][0]["high"]["value"], 140);
    assert!(mark(&one["component"][1]).is_null());
}

// R028: EMIS Web calls every test of a laboratory's report laboratory, also one whose result was only typed.
#[test]
fn what_a_laboratory_reported_is_laboratory_with_or_without_a_value() {
    let mut record = emis();
    let report = Report {
        kind: Some("PATH".to_owned()),
        ..Default::default()
    };
    let header = Coded::term("Laboratory report");
    let header = entry(
        "report",
        header,
        day(2026, 5, 1),
        Body::Report(Box::new(report)),
    );
    let mut film = said("film", Coded::term("Blood film"), day(2026, 5, 1));
    film.parent = Some("report".to_owned());
    let alone = said("alone", Coded::term("Blood film"), day(2026, 5, 1));
    record.entries = vec![header, film, alone];
    let record = mapped(record);
    let category = |native| {
        let one = value(of(&record, native, Kind::Observation));
        one["category"][0]["coding"][0]["code"].clone()
    };
    assert_eq!(category("film"), "laboratory");
    assert!(category("alone").is_null());
}

// What becomes no resource cannot be withheld in place of its children: its codes count for them.
#[test]
fn codes_of_containers_that_are_no_resource_count_for_what_they_contain() {
    let mut record = emis();
    let diary = entry("d", read("9OL..", "Recall"), day(2024, 1, 1), Body::Diary);
    let mut child = said("c", read("171A.", "Chronic cough"), day(2024, 1, 1));
    child.parent = Some("d".to_owned());
    record.entries = vec![diary, child];
    let record = mapped(record);
    let child = of(&record, "c", Kind::Observation);
    assert_eq!(child.parent, None);
    assert!(child.codings.iter().any(|(_, code)| code == "9OL.."));
}

#[test]
fn links_in_a_circle_end() {
    let mut record = emis();
    let mut a = said("a", read("171A.", "Chronic cough"), day(2024, 1, 1));
    let mut b = said("b", read("171A.", "Chronic cough"), day(2024, 1, 1));
    a.parent = Some("b".to_owned());
    b.parent = Some("a".to_owned());
    let mut own = said("own", read("171A.", "Chronic cough"), day(2024, 1, 1));
    own.parent = Some("own".to_owned());
    record.entries = vec![a, b, own];
    let record = mapped(record);
    assert_eq!(of(&record, "own", Kind::Observation).parent, None);
}

// R028
#[test]
fn investigations_stand_in_their_class_and_recent_ones_twice() {
    let record = fixture("investigations");
    let sections = |native, kind| of(&record, native, kind).sections.clone();
    let recent = |class| vec![Section::SummaryTests, Section::Recent, class];
    assert_eq!(
        sections("film", Kind::DiagnosticReport),
        recent(Section::Imaging)
    );
    // 3 months and a day before the day of the test.
    assert_eq!(sections("ecg", Kind::DiagnosticReport), [Section::Ecg]);
    assert_eq!(
        sections("height", Kind::Observation),
        recent(Section::Physiology)
    );
    assert_eq!(sections("weight", Kind::Observation), [Section::Physiology]);
    // A symptom is no test: it is in the tab, not in the Summary.
    assert_eq!(
        sections("cough", Kind::Observation),
        [Section::Recent, Section::OtherInvestigations]
    );
    assert_eq!(
        sections("dipstick", Kind::Observation),
        recent(Section::Urinalysis)
    );
    assert_eq!(sections("smear", Kind::Observation), [Section::Cytology]);
    assert_eq!(
        sections("by-category", Kind::Observation),
        [Section::Microbiology]
    );
    let report = fixture("pathology");
    assert_eq!(
        of(&report, "report", Kind::DiagnosticReport).sections,
        [
            Section::SummaryTests,
            Section::Recent,
            Section::Biochemistry,
            Section::Haematology,
            Section::Microbiology,
            Section::OtherInvestigations
        ]
    );
}

// R029, EMIS pitfall 8, SystmOne pitfall 15
#[test]
fn blood_pressures_are_paired_by_code_and_variant_and_never_across_restrictions() {
    let record = fixture("blood-pressure");
    let pressures: Vec<_> = record
        .resources
        .iter()
        .filter(|one| one.sections == [Section::BloodPressures])
        .collect();
    assert_eq!(pressures.len(), 9);
    let readings = |native| {
        let json = value(of(&record, native, Kind::Observation));
        let component = json["component"].as_array().unwrap();
        component
            .iter()
            .map(|c| c["valueQuantity"]["value"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(readings("header"), ["120", "80"]);
    assert_eq!(readings("pair-systolic"), ["150", "95"]);
    assert_eq!(readings("sitting-systolic"), ["128", "77"]);
    assert_eq!(readings("lying-systolic"), ["118", "66"]);
    assert_eq!(readings("single"), ["141", "null"]);
    assert_eq!(readings("shown-systolic"), ["122", "null"]);
    assert_eq!(readings("hidden-diastolic"), ["null", "70"]);
    assert!(
        of(&record, "shown-systolic", Kind::Observation)
            .restrictions
            .is_empty()
    );
    assert_eq!(
        of(&record, "hidden-diastolic", Kind::Observation)
            .restrictions
            .len(),
        1
    );
    let profile = |native| {
        let json = value(of(&record, native, Kind::Observation));
        json["meta"]["profile"][0].as_str().unwrap().to_owned()
    };
    assert!(profile("header").ends_with("UKCore-Observation-VitalSigns"));
    assert!(profile("pair-systolic").ends_with("UKCore-Observation-VitalSigns"));
    for plain in ["single", "no-unit", "hidden-diastolic", "header-alone"] {
        assert!(profile(plain).ends_with("UKCore-Observation"), "{plain}");
    }
    // Both halves are checked against the exclusions.
    let codings = &of(&record, "pair-systolic", Kind::Observation).codings;
    assert!(codings.iter().any(|(_, code)| code == "246A."));
}

// SystmOne pitfall 1
#[test]
fn the_same_code_twice_in_one_event_is_one_statement_unless_one_is_private() {
    let record = fixture("systmone-event");
    assert!(!has(&record, "plain", Kind::Condition));
    let merged = of(&record, "header", Kind::Condition);
    assert_eq!(value(merged)["onsetDateTime"], "2015-06-10T15:30:00+01:00");
    let private = of(&record, "private", Kind::Condition);
    assert_eq!(private.restrictions, [Restriction::Private]);
    assert!(record.losses.iter().any(|l| l.reason == "merged-duplicate"));
    let event = of(&record, "f7b1080000000000", Kind::Encounter);
    assert!(event.bracket);
    let linked = value(of(&record, "linked", Kind::Condition));
    assert_eq!(
        linked["extension"][0]["valueReference"]["reference"],
        format!("Condition/{}", merged.id)
    );
}

// R030
#[test]
fn admissions_come_from_codes_referrals_and_discharge_documents() {
    let record = fixture("admissions");
    for native in ["asked", "coded", "discharged", "letter", "report"] {
        let one = of(&record, native, Kind::Encounter);
        assert_eq!(one.sections, [Section::Admissions], "{native}");
        assert_eq!(value(one)["class"]["code"], "IMP");
    }
    assert!(has(&record, "asked", Kind::ServiceRequest));
    assert!(has(&record, "letter", Kind::DocumentReference));
    let period = |native| value(of(&record, native, Kind::Encounter))["period"].clone();
    assert_eq!(period("coded")["start"], "2025-12-24");
    assert_eq!(period("discharged")["end"], "2024-12-24");
    assert!(period("letter").is_null());
    assert_eq!(record.gaps[0].section, Section::Admissions);
}

// R031
#[test]
fn what_has_no_tab_is_counted() {
    let record = fixture("no-tab");
    let kinds: BTreeSet<Kind> = record.resources.iter().map(|one| one.kind).collect();
    assert_eq!(
        kinds,
        BTreeSet::from([Kind::Organization, Kind::Patient, Kind::Practitioner])
    );
    let reasons = |reason: &str| record.losses.iter().filter(|l| l.reason == reason).count();
    assert_eq!((reasons("no-tab"), reasons("free-text")), (6, 1));
}

#[test]
fn a_contact_that_is_none_still_restricts_what_is_in_it() {
    let record = fixture("encounters");
    assert!(!has(&record, "letter", Kind::Encounter));
    assert!(value(of(&record, "in-letter", Kind::Observation))["encounter"].is_null());
    let in_home = of(&record, "in-home", Kind::Observation);
    assert_eq!(in_home.restrictions.len(), 1);
    let status = |native| value(of(&record, native, Kind::Encounter))["status"].clone();
    assert_eq!(status("surgery"), "finished");
    assert_eq!(status("other"), "in-progress");
    assert_eq!(status("planned"), "planned");
}

// S2 5.4.1.1, R204: "Certainty: No" beside a code says the opposite of the code, "Family member: Mother" says it of another
#[test]
fn what_is_negated_or_of_a_relative_is_never_the_patients() {
    let qualified = |id: &str, coded: Coded, name: &str, word: &str| {
        let mut entry = said(id, coded, day(2026, 5, 1));
        entry.qualifiers = vec![(Coded::term(name), Coded::term(word))];
        entry
    };
    let asthma = || read("H33..", "Asthma");
    let mut problem_no = qualified("problem-no", asthma(), "Certainty", "No");
    problem_no.problem = Some(Box::new(problem(
        ProblemStatus::Active,
        Significance::Major,
    )));
    let mut record = emis();
    record.entries = vec![
        problem_no,
        qualified("negation", asthma(), "Finding", "Negation"),
        qualified("no-group", asthma(), "", "No"),
        qualified(
            "allergy-no",
            read("14L1.", "H/O: penicillin allergy"),
            "Certainty",
            "No",
        ),
        qualified(
            "operation-no",
            read("7800.", "Transplantation of liver"),
            "Certainty",
            "No",
        ),
        qualified("finding-no", read("182..", "Chest pain"), "Certainty", "No"),
        qualified("mother", asthma(), "Family member", "Mother"),
        qualified(
            "finding-mother",
            read("182..", "Chest pain"),
            "Family member",
            "Mother",
        ),
        qualified("maybe", asthma(), "Certainty", "Uncertain"),
        qualified("yes", asthma(), "Certainty", "Yes"),
        qualified("paid", asthma(), "GMS", "No"),
        qualified("severe", asthma(), "Severity", "Severe"),
    ];
    let record = mapped(record);
    for native in [
        "problem-no",
        "negation",
        "no-group",
        "allergy-no",
        "operation-no",
        "finding-no",
    ] {
        let made: Vec<&Mapped> = record
            .resources
            .iter()
            .filter(|one| one.native_id == native)
            .collect();
        assert_eq!(made.len(), 1, "{native}");
        let one = of(&record, native, Kind::Observation);
        let text = value(one)["valueCodeableConcept"]["text"].to_string();
        assert!(text.contains("No: negated"), "{native}: {text}");
        assert!(!one.sections.contains(&Section::SummaryTests), "{native}");
        let counted = |loss: &Loss| {
            loss.native_id.as_deref() == Some(native)
                && loss.reason == crate::mapping::loss::reason::NEGATED
        };
        assert_eq!(record.losses.iter().filter(|l| counted(l)).count(), 1);
    }
    let is_there = |native: &str| record.resources.iter().any(|one| one.native_id == native);
    assert!(!is_there("mother"), "family history is in no tab");
    let of_mother = value(of(&record, "finding-mother", Kind::Observation));
    assert!(
        of_mother["valueCodeableConcept"]["text"]
            .as_str()
            .unwrap()
            .contains("not of the patient")
    );
    for (native, verification) in [
        ("maybe", Some("unconfirmed")),
        ("yes", None),
        ("paid", None),
        ("severe", None),
    ] {
        let made = value(of(&record, native, Kind::Condition));
        let code = made["verificationStatus"]["coding"][0]["code"].as_str();
        assert_eq!(code, verification, "{native}");
        assert!(!has(&record, native, Kind::Observation), "{native}");
    }
}

// R204: what says that no vaccine was given is not shown as one that was; a notification of a disease is no vaccination
#[test]
fn a_vaccination_that_was_not_given_is_not_completed() {
    let mut record = emis();
    let given = |id: &str, code: &str, term: &str| {
        let body = Body::Immunisation(Box::<Immunisation>::default());
        entry(id, read(code, term), day(2021, 3, 1), body)
    };
    record.entries = vec![
        given("declined", "8IAI.", "2019-nCoV vaccination declined"),
        given("unfit", "8I2F.", "Influenza vaccination contraindicated"),
        given("given", "65E2.", "Influenza vaccination given"),
        said(
            "notified",
            read("65V9.", "Notification of tuberculosis"),
            day(2020, 1, 1),
        ),
    ];
    let record = mapped(record);
    let status = |native| value(of(&record, native, Kind::Immunization))["status"].clone();
    assert_eq!(status("declined"), "not-done");
    assert_eq!(status("unfit"), "not-done");
    assert_eq!(status("given"), "completed");
    assert!(!has(&record, "notified", Kind::Immunization));
    assert!(has(&record, "notified", Kind::Condition));
}

fn profile(file: &str) -> Option<serde_json::Value> {
    let path = format!("{}/profiles/{file}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

#[test]
fn our_code_systems_are_the_catalogue() {
    let concepts = |file: &str| -> Vec<(String, String)> {
        let system = profile(file).unwrap();
        let concepts = system["concept"].as_array().unwrap().iter();
        concepts
            .map(|c| {
                let text = |key: &str| c[key].as_str().unwrap().to_owned();
                (text("code"), text("display"))
            })
            .collect()
    };
    let tables = crate::mapping::Tables::load().unwrap();
    let tabs: Vec<_> = TABS
        .into_iter()
        .map(|tab| {
            (
                tab.code().to_owned(),
                tables.tab(tab).unwrap().title.clone(),
            )
        })
        .collect();
    assert_eq!(concepts("CodeSystem-mig-tab"), tabs);
    let sections: Vec<_> = TABS
        .into_iter()
        .flat_map(|tab| tab.sections())
        .map(|section| {
            let text = tables.section(*section).unwrap();
            (section.code().to_owned(), text.title.clone())
        })
        .collect();
    assert_eq!(concepts("CodeSystem-mig-section"), sections);
}

#[test]
fn every_extension_of_ours_has_a_definition() {
    const OURS: &str = "https://openmig.org/fhir/StructureDefinition/";
    for (name, record) in all() {
        for one in &record.resources {
            let json = json(one);
            for part in json.split(OURS).skip(1) {
                let id = part.split('"').next().unwrap();
                let file = format!("StructureDefinition-{id}");
                assert!(profile(&file).is_some(), "{name}: {id}");
            }
        }
    }
}

// R205: a state that no table knows is not "final"
#[test]
fn a_result_in_a_state_that_nobody_knows_is_not_final() {
    let mut record = emis();
    let result = |id: &str, status: Option<&str>| {
        let code = read("44I5.", "Serum sodium");
        let mut entry = valued(id, code, day(2026, 5, 1), number("140", "mmol/L"));
        observation(&mut entry).status = status.map(str::to_owned);
        entry
    };
    record.entries = vec![
        result("none", None),
        result("blank", Some(" ")),
        result("odd", Some("withdrawn by laboratory")),
    ];
    let record = mapped(record);
    let status = |native| value(of(&record, native, Kind::Observation))["status"].clone();
    assert_eq!(status("none"), "final");
    assert_eq!(status("blank"), "final");
    assert_eq!(status("odd"), "unknown");
}
