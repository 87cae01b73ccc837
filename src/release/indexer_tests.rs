use super::*;
use crate::fhir::kind::KINDS;
use crate::fhir::{Kind, build};
use crate::tabs::params::{self, ParamType};

#[path = "indexer_whole_tests.rs"]
mod whole;

use whole::whole;

const SYSTEM: &str = "urn:s";

fn coding(code: &str) -> t::Coding {
    build::coding(SYSTEM, code, None)
}

fn concept(code: &str) -> t::CodeableConcept {
    build::concept(SYSTEM, code, None)
}

fn coded(code: &str) -> Option<Box<t::CodeableConcept>> {
    Some(Box::new(concept(code)))
}

fn to(target: &str) -> t::Reference {
    t::Reference {
        reference: Some(target.into()),
        ..Default::default()
    }
}

fn at(target: &str) -> Option<Box<t::Reference>> {
    Some(Box::new(to(target)))
}

fn whose() -> Box<t::Reference> {
    Box::new(to("Patient/p"))
}

fn period(start: &str, end: &str) -> Box<t::Period> {
    let side = |text: &str| (!text.is_empty()).then(|| text.into());
    Box::new(t::Period {
        start: side(start),
        end: side(end),
        ..Default::default()
    })
}

fn tagged() -> Option<Box<t::Meta>> {
    Some(Box::new(t::Meta {
        tag: vec![coding("tag")],
        ..Default::default()
    }))
}

fn numbered() -> Vec<t::Identifier> {
    vec![t::Identifier {
        system: Some(SYSTEM.into()),
        value: Some("number".into()),
        ..Default::default()
    }]
}

/// All that a resource can be found by, a line for each: `code urn:s|this`, `date 2020-01-02..2020-01-03` (the first day
/// and the day after the last), `encounter -> Encounter/e`.
fn found_by(resource: &Resource) -> Vec<String> {
    let mut indexer = Indexer::default();
    let indexed = indexer.index(resource);
    let targets = references(resource);
    let day = |millis: i64| match millis {
        i64::MIN | i64::MAX => String::new(),
        millis => {
            let at = jiff::Timestamp::from_millisecond(millis).unwrap();
            at.strftime("%Y-%m-%d").to_string()
        }
    };
    let tokens = indexed.index.tokens().iter().map(|it| {
        let system = it.system().unwrap_or_default();
        format!("{} {system}|{}", it.param.name(), it.code())
    });
    let dates = indexed.index.dates().iter().map(|it| {
        let name = it.param.name();
        format!("{name} {}..{}", day(it.start), day(it.end))
    });
    let links = indexed.links.iter().map(|link| {
        let is_it = |text: &&String| indexer.keys.find(text) == Some(link.target);
        let target = targets.iter().find(is_it).unwrap();
        format!("{} -> {target}", link.name)
    });
    let mut lines: Vec<String> = tokens.chain(dates).chain(links).collect();
    lines.sort();
    lines
}

fn check(kind: Kind, resource: &Resource, expected: &str) {
    let mut expected: Vec<&str> = expected.lines().map(str::trim).collect();
    expected.retain(|line| !line.is_empty());
    expected.sort_unstable();
    assert_eq!(found_by(resource), expected, "{}", kind.name());
}

// smart.md F10: each type is found by exactly what is asked of it, and by nothing that nobody can ask for
#[test]
fn each_type_is_found_by_what_it_says() {
    for (kind, resource, expected) in whole() {
        check(kind, &resource, expected);
    }
}

// Every parameter that the CapabilityStatement offers has something to find
#[test]
fn every_parameter_of_every_type_is_in_the_index() {
    let cases = whole();
    for kind in KINDS {
        let of_kind = cases.iter().find(|(it, ..)| *it == kind);
        let (_, resource, _) = of_kind.unwrap();
        let lines = found_by(resource);
        let has = |name: &str, sign: &str| {
            let head = format!("{name} {sign}");
            lines.iter().any(|line| line.starts_with(&head))
        };
        for (param, how) in params::params(kind) {
            let there = match how {
                _ if *param == Param::Id => continue,
                ParamType::Patient | ParamType::Reference => has(param.name(), "-> "),
                ParamType::Token | ParamType::Date => has(param.name(), ""),
            };
            assert!(there, "{} {}", kind.name(), param.name());
        }
        // A medicine is said in one of two ways; the other has its own test below.
        for name in params::includes(kind)
            .iter()
            .filter(|it| **it != "medication")
        {
            assert!(has(name, "-> "), "{} {name}", kind.name());
        }
        // And nothing is kept under a name that nobody can ask for.
        let mut asked: Vec<&str> = params::includes(kind).to_vec();
        asked.extend(params::params(kind).iter().map(|(param, _)| param.name()));
        for (name, _) in lines.iter().filter_map(|line| line.split_once(' ')) {
            assert!(asked.contains(&name), "{} {name}", kind.name());
        }
    }
}

/// The lines of a resource that begin so.
fn only(resource: Resource, head: &str) -> Vec<String> {
    let mut lines = found_by(&resource);
    lines.retain(|line| line.starts_with(head));
    lines
}

// R4 search#date: a time may be said as a day, as a moment or as a period, and is found however it is said
#[test]
fn periods_and_moments_are_found_as_days_are() {
    let all = period("2020-01-02", "2020-01-03");
    let cases: [(Kind, &str, Resource); 9] = [
        (
            Kind::AllergyIntolerance,
            "onset ",
            Resource::AllergyIntolerance(Box::new(r::AllergyIntolerance {
                onset: Some(r::AllergyIntoleranceOnset::Period(all.clone())),
                ..Default::default()
            })),
        ),
        (
            Kind::Condition,
            "onset-date ",
            Resource::Condition(Box::new(r::Condition {
                onset: Some(r::ConditionOnset::Period(all.clone())),
                ..Default::default()
            })),
        ),
        (
            Kind::Condition,
            "abatement-date ",
            Resource::Condition(Box::new(r::Condition {
                abatement: Some(r::ConditionAbatement::Period(all.clone())),
                ..Default::default()
            })),
        ),
        (
            Kind::DiagnosticReport,
            "date ",
            Resource::DiagnosticReport(Box::new(r::DiagnosticReport {
                effective: Some(r::DiagnosticReportEffective::Period(all.clone())),
                ..Default::default()
            })),
        ),
        (
            Kind::MedicationStatement,
            "effective ",
            Resource::MedicationStatement(Box::new(r::MedicationStatement {
                effective: Some(r::MedicationStatementEffective::Period(all.clone())),
                ..Default::default()
            })),
        ),
        (
            Kind::Observation,
            "date ",
            Resource::Observation(Box::new(r::Observation {
                effective: Some(r::ObservationEffective::Period(all.clone())),
                ..Default::default()
            })),
        ),
        (
            Kind::Procedure,
            "date ",
            Resource::Procedure(Box::new(r::Procedure {
                performed: Some(r::ProcedurePerformed::Period(all.clone())),
                ..Default::default()
            })),
        ),
        (
            Kind::ServiceRequest,
            "occurrence ",
            Resource::ServiceRequest(Box::new(r::ServiceRequest {
                occurrence: Some(r::ServiceRequestOccurrence::Period(all.clone())),
                ..Default::default()
            })),
        ),
        (
            Kind::Specimen,
            "collected ",
            Resource::Specimen(Box::new(r::Specimen {
                collection: Some(r::SpecimenCollection {
                    collected: Some(r::SpecimenCollectionCollected::Period(all)),
                    ..Default::default()
                }),
                ..Default::default()
            })),
        ),
    ];
    for (kind, name, resource) in cases {
        let expected = [format!("{name}2020-01-02..2020-01-04")];
        assert_eq!(only(resource, name), expected, "{}", kind.name());
    }
    let moment = Resource::Observation(Box::new(r::Observation {
        effective: Some(r::ObservationEffective::Instant(
            "2020-01-02T10:00:00Z".into(),
        )),
        ..Default::default()
    }));
    let found = only(moment, "date ");
    assert_eq!(found, ["date 2020-01-02..2020-01-02"]);
}

// An end that is not there is open; an end that cannot be read is not "no end", and a period that says nothing is no time
#[test]
fn a_period_is_as_long_as_it_says() {
    for (start, end, expected) in [
        ("2020-01-02", "", Some("date 2020-01-02..")),
        ("", "2020-01-02", Some("date ..2020-01-03")),
        ("2020", "2020-01-02", Some("date 2020-01-01..2020-01-03")),
        ("", "", None),
        ("2020-01-02", "soon", None),
        ("once", "2020-01-02", None),
        ("once", "", None),
        ("", "soon", None),
    ] {
        let flag = Resource::Flag(Box::new(r::Flag {
            period: Some(period(start, end)),
            ..Default::default()
        }));
        let found = only(flag, "date ");
        assert_eq!(found.first().map(String::as_str), expected, "{start} {end}");
    }
}

// A medicine that is a resource of its own is a reference
#[test]
fn a_medicine_may_be_a_reference() {
    let medicine = Box::new(to("Organization/m"));
    let asked = Resource::MedicationRequest(Box::new(r::MedicationRequest {
        medication: r::MedicationRequestMedication::Reference(medicine.clone()),
        ..Default::default()
    }));
    let taken = Resource::MedicationStatement(Box::new(r::MedicationStatement {
        medication: r::MedicationStatementMedication::Reference(medicine),
        ..Default::default()
    }));
    for resource in [asked, taken] {
        let found = only(resource, "medication ");
        assert_eq!(found, ["medication -> Organization/m"]);
    }
}

// What has no code, no value or no target that could be here is found by nothing
#[test]
fn what_says_nothing_is_not_found() {
    let condition = r::Condition {
        identifier: vec![t::Identifier::default()],
        code: Some(Box::new(build::concept_text("words"))),
        category: vec![t::CodeableConcept {
            coding: vec![t::Coding {
                code: Some("bare".into()),
                ..Default::default()
            }],
            ..Default::default()
        }],
        subject: Box::new(t::Reference::default()),
        encounter: at("https://else.where/Encounter/e"),
        asserter: at("#inside"),
        recorded_date: Some("yesterday".into()),
        ..Default::default()
    };
    let condition = Resource::Condition(Box::new(condition));
    assert_eq!(found_by(&condition), ["category |bare"]);
}

// Memory: very many resources say the same
#[test]
fn the_same_code_and_word_are_kept_once() {
    let mut indexer = Indexer::default();
    let mut token = |code: &str| {
        let resource = Resource::Flag(Box::new(r::Flag {
            code: Box::new(concept(code)),
            ..Default::default()
        }));
        let indexed = indexer.index(&resource);
        let token = indexed
            .index
            .tokens()
            .iter()
            .find(|it| it.param == Param::Code);
        Arc::clone(&token.unwrap().said)
    };
    let (one, again, other) = (token("one"), token("one"), token("other"));
    assert!(Arc::ptr_eq(&one, &again));
    assert_eq!((&*one.code, &*other.code), ("one", "other"));
    let (one, again, other) = (
        indexer.word("one"),
        indexer.word("one"),
        indexer.word("other"),
    );
    assert!(Arc::ptr_eq(&one, &again) && !Arc::ptr_eq(&one, &other));
}

// Each target once; all that is elsewhere together stands for one
#[test]
fn targets_are_named_once() {
    let report = Resource::DiagnosticReport(Box::new(r::DiagnosticReport {
        subject: at("Patient/p"),
        result: vec![
            to("Observation/b"),
            to("Observation/a"),
            to("Observation/b"),
            to("#inside"),
            to("https://else.where/Observation/c"),
        ],
        ..Default::default()
    }));
    let mut indexer = Indexer::default();
    let targets = indexer.targets(&report);
    assert_eq!(targets.len(), 4);
    for target in ["Patient/p", "Observation/a", "Observation/b"] {
        let key = indexer.keys.find(target);
        assert!(key.is_some() && targets.contains(&key), "{target}");
    }
    assert!(targets.contains(&None));
}
