use super::*;
use crate::record::system;
use crate::release::fixture::{self as f, id};
use crate::release::{Held, HeldAsk, for_caller};
use crate::tabs::catalogue::TabSet;
use serde_json::Value;
use std::sync::Arc;

fn list(held: &Arc<Held>, code: &str) -> Value {
    let released = for_caller(held, TabSet::ALL, &|_| true);
    let found = released.resource(Kind::List, &f::whose().list(code));
    serde_json::from_slice(&found.unwrap().into_bytes()).unwrap()
}

fn items(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list["entry"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| {
            let item = text(&it["item"]["reference"]);
            let item = item
                .rsplit_once('-')
                .map_or(item.clone(), |(_, name)| name.to_owned());
            (item, text(&it["flag"]["coding"][0]["code"]))
        })
        .collect()
}

fn ordinary() -> Arc<Held> {
    Arc::new(f::held(f::record(SourceFamily::Emis, f::ordinary())))
}

// R020, R035; design.md 5: ten tabs, thirty sections, members newest first and flagged with their section
#[test]
fn a_tab_names_its_sections_and_every_member() {
    let held = ordinary();
    let lists = held
        .ids()
        .iter()
        .filter(|it| it.starts_with("List/"))
        .count();
    assert_eq!(lists, 40);
    let problems = list(&held, "problems");
    let expected = [
        ("current", "problems-current"),
        ("past", "problems-past"),
        ("gout", "problems-current"),
        ("asthma", "problems-current"),
    ];
    let expected = expected.map(|(item, flag)| (item.to_owned(), flag.to_owned()));
    assert_eq!(items(&problems), expected);
    assert_eq!(problems["status"], "current");
    assert_eq!(problems["mode"], "snapshot");
    assert_eq!(problems["date"], "2025-06-01T09:30:00Z");
    assert_eq!(problems["code"]["coding"][0]["code"], "problems");
    assert_eq!(problems["source"]["identifier"]["value"], "Z99001");
    assert_eq!(problems["source"]["display"], "Fosse Way Surgery");
    assert_eq!(
        problems["subject"]["reference"],
        format!("Patient/{}", f::whose())
    );
    // In two sections of one tab: once in each, flagged.
    let investigations = items(&list(&held, "investigations"));
    let flags: Vec<_> = investigations
        .iter()
        .filter(|it| it.0 == "sodium")
        .map(|it| it.1.as_str())
        .collect();
    assert_eq!(flags, ["recent", "biochemistry"]);
    assert_eq!(items(&list(&held, "demographics")).len(), 1);
}

// R045, R203, governance.md 2.5: the notice is the same whether or not something was withheld
#[test]
fn every_list_has_the_constant_notice() {
    let held = ordinary();
    let texts = |list: &Value| -> Vec<String> {
        list["note"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["text"].as_str().unwrap().to_owned())
            .collect()
    };
    let summary = texts(&list(&held, "summary"));
    assert_eq!(summary.len(), 2);
    assert!(
        summary[0].contains("http://127.0.0.1:8080/exclusions") && !summary[0].contains("{link}")
    );
    assert!(summary[1].contains("Validate"));
    for tab in TABS {
        assert_eq!(texts(&list(&held, tab.code())), summary);
        for section in tab.sections() {
            assert_eq!(texts(&list(&held, section.code())), summary);
        }
    }
    let mut resources = f::ordinary();
    resources.push(f::problem("secret", system::READ_V2, "A788.", "2024-01-01"));
    let other = Arc::new(f::held(f::record(SourceFamily::Emis, resources)));
    assert_eq!(texts(&list(&other, "summary")), summary);
    // SystmOne says which rule applies there.
    let tpp = Arc::new(f::held(f::record(SourceFamily::SystmOne, f::ordinary())));
    assert!(texts(&list(&tpp, "summary"))[0].contains("private"));
}

// design.md 5, profiles.md 4.1, R146: empty, missing and not held are three things
#[test]
fn an_empty_section_says_why() {
    let mut record = f::record(SourceFamily::Emis, f::ordinary());
    record.gaps = vec![
        SectionGap {
            section: Section::Ecg,
            unavailable: true,
            why: "The source did not answer".to_owned(),
        },
        SectionGap {
            section: Section::Admissions,
            unavailable: false,
            why: "This system does not say".to_owned(),
        },
        SectionGap {
            section: Section::Biochemistry,
            unavailable: true,
            why: "Only a part came".to_owned(),
        },
    ];
    let held = Arc::new(f::held(record));
    let reason = |code: &str| -> Vec<String> {
        let list = list(&held, code);
        let codings = list["emptyReason"]["coding"]
            .as_array()
            .into_iter()
            .flatten();
        codings
            .map(|it| it["code"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        reason("cytology"),
        ["nothing-recorded", "no-content-recorded"]
    );
    assert_eq!(reason("ecg"), ["unavailable"]);
    assert_eq!(reason("admissions"), ["not-held"]);
    // lst-1: a List with entries has no emptyReason; what is missing stands in the note
    assert!(reason("biochemistry").is_empty());
    assert_eq!(
        list(&held, "biochemistry")["note"][2]["text"],
        "Only a part came"
    );
    assert_eq!(
        list(&held, "investigations")["note"][2]["text"],
        "biochemistry: Only a part came"
    );
    let released = for_caller(&held, TabSet::ALL, &|_| true);
    let outcome = crate::tabs::incomplete::outcome(&released, Kind::Observation).unwrap();
    let outcome: Value = serde_json::from_slice(&outcome).unwrap();
    assert_eq!(outcome["resource"]["issue"].as_array().unwrap().len(), 2);
    assert_eq!(outcome["resource"]["issue"][0]["code"], "incomplete");
    assert!(crate::tabs::incomplete::outcome(&released, Kind::Condition).is_none());
    // Another tab's gap is nobody's business who may not see it.
    let problems = for_caller(&held, [Tab::Problems].into_iter().collect(), &|_| true);
    assert!(crate::tabs::incomplete::outcome(&problems, Kind::Observation).is_none());
}

// R007: on every List, and another version of the record once it is no longer said
#[test]
fn a_record_in_transit_is_said_on_every_list() {
    let wording = TabWording::default();
    let ask = |arriving| HeldAsk {
        base: f::BASE,
        retrieved_at: f::retrieved_at(),
        wording: &wording,
        practice_name: None,
        arriving,
        exclusions_url: "x",
    };
    let make = |arriving| {
        let record = f::released(f::record(SourceFamily::Emis, f::ordinary()));
        Arc::new(Held::build(record, &ask(arriving)).unwrap())
    };
    let arriving = make(Some(jiff::civil::date(2025, 5, 7)));
    let arrived = make(None);
    assert_ne!(arriving.version(), arrived.version());
    for tab in TABS {
        let sections = tab.sections().iter().map(|it| it.code());
        for code in std::iter::once(tab.code()).chain(sections) {
            let list = |held| list(held, code);
            let note = &list(&arriving)["note"][2]["text"];
            assert!(note.as_str().unwrap().contains("07-May-2025"), "{code}");
            assert!(list(&arriving)["extension"].is_array());
            assert!(!list(&arrived).to_string().contains("transit"), "{code}");
        }
    }
}

// Wording is data
#[test]
fn titles_and_codes_come_from_the_wording() {
    let mut wording = TabWording::default();
    assert_eq!(wording.missing().len(), 40);
    wording.lists.insert(
        "problems".to_owned(),
        ListWording {
            title: "Problems".to_owned(),
            codings: vec![(
                system::SNOMED.to_owned(),
                "717711000000103".to_owned(),
                "Problems".to_owned(),
            )],
        },
    );
    let ask = HeldAsk {
        base: f::BASE,
        retrieved_at: f::retrieved_at(),
        wording: &wording,
        practice_name: None,
        arriving: None,
        exclusions_url: "x",
    };
    let make = |ask: &HeldAsk<'_>| {
        Held::build(
            f::released(f::record(SourceFamily::Emis, f::ordinary())),
            ask,
        )
        .unwrap()
    };
    let held = Arc::new(make(&ask));
    let problems = list(&held, "problems");
    assert_eq!(problems["title"], "Problems");
    assert_eq!(problems["code"]["coding"][1]["code"], "717711000000103");
    assert_eq!(wording.missing().len(), 39);
    // The version is of what is shown, not of when it was fetched.
    let later = HeldAsk {
        retrieved_at: "2025-06-01T10:00:00Z".parse().unwrap(),
        ..ask
    };
    assert_eq!(make(&later).version(), held.version());
    let plain = TabWording::default();
    assert_ne!(
        make(&HeldAsk {
            wording: &plain,
            ..ask
        })
        .version(),
        held.version()
    );
}

// The catalogue file fills every List; "recent" says what it means (R028)
#[test]
fn the_catalogue_file_has_words_for_every_list() {
    let wording = TabWording::from_tables(&Tables::load().unwrap());
    assert!(wording.missing().is_empty());
    let problems = wording.lists.get("problems").unwrap();
    assert_eq!(problems.codings[0].1, "717711000000103");
    assert!(wording.notes["recent"].contains("3 months"));
    assert!(
        wording
            .empty
            .contains_key("allergies-and-adverse-reactions")
    );
}

// R034: a List is seen with its tab; what is there for others' sake only with them
#[test]
fn a_caller_sees_the_allowed_tabs_only() {
    let held = ordinary();
    let see = |tabs: TabSet| -> Vec<String> {
        let released = for_caller(&held, tabs, &|_| true);
        let names = released.entries().map(|(_, it)| {
            format!(
                "{}/{}",
                it.kind().name(),
                it.id().rsplit_once('-').map_or("", |it| it.1)
            )
        });
        names.filter(|it| !it.starts_with("List/")).collect()
    };
    assert_eq!(see(TabSet::NONE), ["Patient/"]);
    assert_eq!(
        see([Tab::Medication].into_iter().collect()),
        ["Patient/", "MedicationStatement/ramipril"]
    );
    assert_eq!(
        see([Tab::Problems].into_iter().collect()),
        [
            "Patient/",
            "Condition/gout",
            "Condition/asthma",
            "Practitioner/gp"
        ]
    );
    let investigations = see([Tab::Investigations].into_iter().collect());
    assert!(investigations.contains(&"Specimen/specimen".to_owned()));
    let one = for_caller(&held, [Tab::Problems].into_iter().collect(), &|_| true);
    assert!(
        one.read(Kind::List, &f::whose().list("problems-past"))
            .is_some()
    );
    assert!(
        one.read(Kind::List, &f::whose().list("medication"))
            .is_none()
    );
    assert!(
        one.read(Kind::MedicationStatement, &id("ramipril"))
            .is_none()
    );
    // Scopes take away further.
    let lists = for_caller(&held, TabSet::ALL, &|it| it.kind() == Kind::List);
    assert_eq!(lists.entries().count(), 40);
    let narrow = for_caller(&held, TabSet::ALL, &|it| {
        it.kind() != Kind::Condition
            || it
                .index()
                .has(crate::release::Param::Category, None, "encounter-diagnosis")
    });
    assert_eq!(narrow.of_kind(Kind::Condition).count(), 0);
}
