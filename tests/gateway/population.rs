//! The ordinary people of the sandbox: any number of them, each made when asked for, and every one of them through
//! writer, adapter and mapping.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};
use openmig::fhir::IdKey;
use openmig::mapping::{MappedRecord, MappingContext, Tables, map};
use openmig::record::{GpRecord, Loss, NhsNumber, OdsCode};
use openmig::sandbox::mock::write::{Xml, emis_open, openhr, systmone};
use openmig::sandbox::population;
use openmig::sandbox::story::{Kind, Person};
use openmig::tabs::catalogue::TABS;

use reqwest::Method;

use crate::support::{self, Ask, TestGateway};

const TODAY: Date = date(2026, 3, 17);
const SEED: u64 = 1;

/// How many people go through; more where `OPENMIG_PEOPLE` says so.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a test may take is for whoever runs it to say"
)]
fn people() -> u64 {
    std::env::var("OPENMIG_PEOPLE")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(240)
}

/// The record as the practice's system writes it and the adapter reads it.
fn read(person: &Person) -> GpRecord {
    let mut xml = Xml::with_capacity(64 * 1024);
    xml.declaration();
    let now = TODAY.at(9, 30, 0, 0);
    let practice = OdsCode(person.practice.to_owned());
    let record = match person.practice {
        "Z99001" => {
            openhr::write(&mut xml, person, now);
            openmig::source::emis::read(xml.into_string().as_bytes(), &practice)
        }
        "Z99005" => {
            emis_open::write(&mut xml, person, now);
            openmig::source::emis::read(xml.into_string().as_bytes(), &practice)
        }
        _ => {
            xml.open("ClientIntegrationResponse");
            xml.leaf("FunctionVersion", "1.0");
            xml.leaf("RequestUID", "1");
            xml.open("Response");
            systmone::write(&mut xml, person, systmone::OutputScheme::default());
            xml.close("Response");
            xml.close("ClientIntegrationResponse");
            openmig::source::systmone::read(xml.into_string().as_bytes(), &practice)
        }
    };
    record.unwrap_or_else(|error| panic!("{}: {error}", person.nhs_number))
}

fn mapped(person: &Person, tables: &Tables) -> MappedRecord {
    let number = NhsNumber::parse(&person.nhs_number).unwrap();
    let ids = IdKey::new([7; 32]);
    let context = MappingContext {
        tables,
        ids: &ids,
        patient: ids.patient(&number),
        nhs_number: &number,
        today: TODAY,
        practice_name: "The practice",
    };
    map(read(person), &context)
}

/// What may be left behind of an ordinary person, as (reason, end of the path; empty for any): whatever else is lost is
/// a fault of writer, adapter or mapping.
const EXPECTED: &[(&str, &str)] = &[
    // Never leaves (R032).
    ("free-text", ""),
    // The practice's own business.
    ("administrative", ""),
    // The agreement has no tab for it: family history (R031).
    ("no-tab", ""),
    // SystmOne says a problem and its code apart; they are one statement.
    ("merged-duplicate", ""),
    // The record has no field for it.
    // A verdict over all results would tell of one that is withheld (R047).
    ("verdict-over-all", ""),
    ("no-place", "encounter/location"),
    // FHIR's type for it has no element.
    ("no-place", "recorder"),
    ("no-place", "organisation"),
    ("no-place", "episodicity"),
    ("no-place", "linked-problems"),
    ("no-place", "inbound"),
    ("no-place", "medicationIssue/prescriptionType"),
    ("no-place", "Issue/PrescriptionType"),
    ("no-place", "report/receivedDate"),
    ("no-place", "Investigation/SpecimenType"),
    ("no-place", "Letter/Organisation"),
    // Said by the event that refers to it.
    ("duplicate", "healthDomain/document"),
    // The same code twice in one event, told apart by free text alone: a number tells the ids apart.
    ("duplicate-id", "Event/ClinicalCode"),
];

fn expected(loss: &Loss) -> bool {
    let ends = |end: &str| end.is_empty() || without_places(&loss.path).ends_with(end);
    EXPECTED
        .iter()
        .any(|(reason, end)| *reason == loss.reason && ends(end))
}

/// `a/b[3]/c` as `a/b/c`.
fn without_places(path: &str) -> String {
    path.split('/')
        .map(|name| name.split('[').next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("/")
}

// R020, R031, R204: every ordinary person comes through whole, and the population has something for every section
#[test]
fn every_ordinary_person_comes_through_and_every_section_is_filled_by_somebody() {
    let tables = Tables::load().unwrap();
    let mut filled: BTreeMap<&str, usize> = BTreeMap::new();
    let mut losses: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for index in 0..people() {
        let person = population::person(index, SEED, TODAY);
        let record = mapped(&person, &tables);
        let sections: BTreeSet<&str> = record
            .resources
            .iter()
            .flat_map(|one| &one.sections)
            .map(|section| section.code())
            .collect();
        for section in sections {
            *filled.entry(section).or_default() += 1;
        }
        for loss in record.losses.iter().filter(|loss| !expected(loss)) {
            let at = (loss.reason, without_places(&loss.path));
            *losses.entry(at).or_default() += 1;
        }
        // Every fact with a code is there, but for what is expected to go.
        let told = person
            .facts
            .iter()
            .filter(|fact| !matches!(fact.kind, Kind::FamilyHistory))
            .count();
        assert!(
            record.resources.len() * 10 >= told * 7,
            "{index}: {told} facts, {} resources",
            record.resources.len()
        );
    }
    println!("records with something in the section: {filled:#?}");
    let missing: Vec<&str> = TABS
        .into_iter()
        .flat_map(|tab| tab.sections())
        .map(|section| section.code())
        .filter(|code| !filled.contains_key(code))
        .collect();
    assert!(missing.is_empty(), "in no record: {missing:?}");
    assert!(losses.is_empty(), "{losses:#?}");
}

// sandbox.md: however many people there are, the sandbox starts at once, and trace, worklist and sources know each of them
#[test]
fn very_many_people_are_made_when_asked_for() {
    let gateway = TestGateway::start_with("many", support::timing(), |options| {
        options.patients = 1_000_000;
        options.seed = 7;
    });
    let get = |path: &str| gateway.send(Method::GET, path, &[], "").expect(200).json();
    let contract = get("/sandbox/contract.json");
    assert_eq!(contract["patients"].as_array().unwrap().len(), 24);
    let total = &contract["ordinary_patients"]["total"];
    assert_eq!(total.as_u64().unwrap(), population::MOST_ORDINARY);
    let page = get(&format!(
        "/sandbox/patients?offset={}&limit=10",
        population::MOST_ORDINARY - 4
    ));
    let page = page["patients"].as_array().unwrap();
    assert_eq!(page.len(), 4, "the last four");
    let practices: BTreeSet<&str> = page.iter().filter_map(|p| p["practice"].as_str()).collect();
    assert_eq!(
        practices.into_iter().collect::<Vec<_>>(),
        ["Z99001", "Z99002", "Z99005", "Z99006"]
    );
    for person in page {
        let token = gateway.token(&Ask::consent(person["nhs_number"].as_str().unwrap()));
        assert_eq!(token.patient, person["fhir_id"].as_str().unwrap());
        let lists = gateway.get(&token, &format!("List?patient={}", token.patient));
        assert_eq!(lists.expect(200).json()["total"], 10);
    }
    // A worklist is given a screenful at a time.
    let worklist = format!(
        "http://127.0.0.1:{}/worklist/Z9H01",
        gateway.sandbox.ports.ehr
    );
    let numbers = |part: &str| -> Vec<String> {
        let list = get(&format!("{worklist}{part}"));
        let list = list.as_array().unwrap().iter();
        list.map(|line| line["nhs_number"].as_str().unwrap().to_owned())
            .collect()
    };
    let (first, second) = (numbers(""), numbers("?offset=100&limit=5000"));
    assert_eq!((first.len(), second.len()), (100, 100));
    assert!(first.iter().all(|number| !second.contains(number)));
    assert!(!first.iter().any(|number| number == "9990007780"));
}
