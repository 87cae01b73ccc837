//! Nothing is lost between the source and the tabs: every entry of a record becomes a resource in the tabs that its kind
//! dictates, or is counted as left behind; and a value is shown as it was sent.

use std::collections::{BTreeMap, HashSet};

use openmig::fhir::{IdKey, Kind, to_json};
use openmig::mapping::{Mapped, MappedRecord, MappingContext, Tables, map};
use openmig::record::{Body, Entry, GpRecord, NhsNumber, Observation, Quantity, Value};
use openmig::sandbox::population;
use openmig::sandbox::story::{self, Person};
use openmig::tabs::catalogue::{Section, Tab};
use proptest::prelude::*;

use super::cross_source::{ALL, read, today};

fn mapped(record: GpRecord, tables: &Tables) -> MappedRecord {
    let ids = IdKey::new([7; 32]);
    let number = NhsNumber::parse("9990000387").expect("a number");
    let context = MappingContext {
        tables,
        ids: &ids,
        patient: ids.patient(&number),
        nhs_number: &number,
        today: today(),
        practice_name: "The practice",
    };
    map(record, &context)
}

/// The reasons for which a whole entry is left behind.
const WHOLE: [&str; 4] = ["no-tab", "free-text", "merged-duplicate", "planned"];

/// The tabs that an entry of this kind may stand in (S2 5.2.1); empty where the agreement has none.
fn tabs(body: &Body) -> &'static [Tab] {
    match body {
        Body::Observation(_) => &[
            Tab::Summary,
            Tab::Problems,
            Tab::Diagnosis,
            Tab::RisksAndWarnings,
            Tab::Procedures,
            Tab::Investigations,
            Tab::Examinations,
            Tab::Events,
        ],
        Body::Medication(_) => &[Tab::Summary, Tab::Medication],
        Body::Issue(_) => &[Tab::Medication],
        Body::Allergy(_) => &[Tab::Summary, Tab::RisksAndWarnings, Tab::Problems],
        Body::Immunisation(_) => &[Tab::Procedures, Tab::Problems, Tab::Summary],
        Body::Report(_) => &[Tab::Summary, Tab::Investigations, Tab::Events],
        Body::Referral(_) => &[Tab::Events, Tab::Problems, Tab::Summary],
        Body::Document(_) => &[Tab::Events],
        Body::Alert(_) => &[Tab::RisksAndWarnings],
        Body::FamilyHistory | Body::TestRequest | Body::Diary => &[],
    }
}

/// Is an entry without a resource of its own a half of this blood pressure?
fn is_half(entry: &Entry, one: &Mapped) -> bool {
    let codes = &entry.code.codings;
    one.kind == Kind::Observation
        && one.sections == [Section::BloodPressures]
        && !codes.is_empty()
        && codes
            .iter()
            .all(|c| one.codings.contains(&(c.system.clone(), c.code.clone())))
        && one.date.to_fhir() == entry.date.to_fhir()
}

fn bare(id: &str) -> &str {
    id.trim_start_matches('{').trim_end_matches('}')
}

/// Every entry once: in a tab of its kind, or left behind and counted. Returns how many of each.
fn account(record: GpRecord, tables: &Tables, who: &str) -> BTreeMap<&'static str, usize> {
    let entries = record.entries.clone();
    let mapped = mapped(record, tables);
    let mut counts = BTreeMap::new();
    for entry in &entries {
        let at = format!("{who}: {} {}", entry.path, entry.id);
        let own: Vec<&Mapped> = mapped
            .resources
            .iter()
            .filter(|one| bare(&one.native_id) == bare(&entry.id) && one.kind != Kind::Specimen)
            .collect();
        let whole = mapped
            .losses
            .iter()
            .filter(|loss| {
                let whole = WHOLE.contains(&loss.reason);
                whole
                    && *loss.path == entry.path
                    && loss.native_id.as_deref() == Some(entry.id.as_str())
            })
            .count();
        let half = own.is_empty() && mapped.resources.iter().any(|one| is_half(entry, one));
        let kind = match (own.is_empty(), half, whole) {
            (false, _, 0) => "in a tab",
            (true, true, 0) => "half of a blood pressure",
            (true, false, 1) => "left behind",
            _ => panic!("{at}: {} resources, half {half}, {whole} losses", own.len()),
        };
        *counts.entry(kind).or_default() += 1;
        let may = tabs(&entry.body);
        assert!(!may.is_empty() || own.is_empty(), "{at}: in a tab");
        for one in own {
            assert!(
                !one.sections.is_empty(),
                "{at}: {:?} in no section",
                one.kind
            );
            for section in &one.sections {
                let negated = section.tab() == Tab::Investigations && one.kind == Kind::Observation;
                assert!(
                    may.contains(&section.tab()) || negated,
                    "{at}: in {section:?}"
                );
            }
        }
    }
    // Nothing is there that no entry and no contact says.
    let ids: HashSet<&str> = entries.iter().map(|entry| bare(&entry.id)).collect();
    for one in &mapped.resources {
        let clinical = !matches!(
            one.kind,
            Kind::Patient
                | Kind::Encounter
                | Kind::Practitioner
                | Kind::Organization
                | Kind::Specimen
        );
        assert!(
            !clinical || ids.contains(bare(&one.native_id)),
            "{who}: {:?} of nothing",
            one.kind
        );
    }
    counts
}

// R031, R204: an item is in the tab that its kind dictates, or it is counted
#[test]
fn every_entry_is_in_its_tab_or_counted() {
    let tables = Tables::load().expect("the tables");
    let mut people: Vec<Person> = (0..24)
        .map(|n| population::person(n, n % 5, today()))
        .collect();
    let full = ["9990000018", "9990000387", "9990000751", "9990001499"];
    let contract = population::contract(today()).into_iter();
    people.extend(contract.filter(|one| full.contains(&one.nhs_number.as_str())));
    let mut sum: BTreeMap<&str, usize> = BTreeMap::new();
    for person in &people {
        for telling in ALL {
            let who = format!("{telling} {}", person.nhs_number);
            for (kind, count) in account(read(person, telling), &tables, &who) {
                *sum.entry(kind).or_default() += count;
            }
        }
    }
    println!("entries: {sum:?}");
    assert!(
        sum.len() == 3 && sum.values().all(|count| *count > 50),
        "{sum:?}"
    );
    // The hand-written messages have one of every kind that EMIS knows.
    let practice = openmig::record::OdsCode("Z99001".to_owned());
    for text in [
        include_str!("../fixtures/emis/openhr.xml"),
        include_str!("../fixtures/emis/emis-open.xml"),
    ] {
        let record = openmig::source::emis::read(text.as_bytes(), &practice).expect("a record");
        account(record, &tables, "by hand");
    }
}

/// What a value looks like in FHIR, as text.
fn shown(value: &Value, tables: &Tables) -> Option<String> {
    let mut record = read(&population::person(0, 0, today()), "OpenHR");
    let first = record
        .entries
        .iter()
        .position(|one| matches!(&one.body, Body::Observation(o) if !o.group))?;
    let mut entry = record.entries.swap_remove(first);
    entry.code = openmig::record::Coded::term("A measurement");
    entry.problem = None;
    entry.body = Body::Observation(Observation {
        value: Some(value.clone()),
        ..Observation::default()
    });
    let id = entry.id.clone();
    record.entries = vec![entry];
    let mapped = mapped(record, tables);
    let one = mapped.resources.iter().find(|one| one.native_id == id)?;
    let json = String::from_utf8(to_json(&one.resource).ok()?.to_vec()).ok()?;
    // Numbers are read as they are written, digit by digit.
    let whole: serde_json::Value = serde_json::from_str(&json).ok()?;
    if let Some(words) = whole["valueString"].as_str() {
        return Some(words.to_owned());
    }
    let quantity = &whole["valueQuantity"];
    let (_, rest) = json.split_once("\"valueQuantity\":{")?;
    let (_, digits) = rest.split_once("\"value\":")?;
    let digits = digits.split([',', '}']).next()?;
    let sign = quantity["comparator"].as_str().unwrap_or_default();
    let unit = quantity["unit"].as_str().map(|unit| format!(" {unit}"));
    Some(format!("{sign}{digits}{}", unit.unwrap_or_default()))
}

// sources.md 3.9, 9 and 12: comparators, digits and words stay as they were sent, in all formats
#[test]
fn odd_values_are_shown_as_they_were_sent() {
    let tables = Tables::load().expect("the tables");
    // What FHIR's decimal cannot hold is put right where it is the same number of the same precision (007, .5), or stays words.
    let odd = [
        (None, "1,5", "1,5"),
        (None, "neg", "neg"),
        (None, "1:40", "1:40"),
        (None, "++", "++"),
        (None, "1.50", "1.50"),
        (None, "0.10", "0.10"),
        (None, "100.00", "100.00"),
        (None, "NOT DETECTED", "NOT DETECTED"),
        (None, "12 - 14", "12 - 14"),
        (Some("<"), "0.1", "0.1"),
        (Some(">="), "60", "60"),
        (Some("<="), "5.0", "5.0"),
        (Some(">"), "2000000", "2000000"),
        (None, "007", "7"),
        (Some("<"), "05.0", "5.0"),
    ];
    let mut person = population::person(0, 0, today());
    let mut fact = person
        .facts
        .iter()
        .find(|one| matches!(one.kind, story::Kind::Measurement { .. }))
        .expect("a measurement")
        .clone();
    fact.within = None;
    fact.problem = None;
    fact.private = false;
    fact.concept = population::concept("serum-sodium");
    for (comparator, value, number) in odd {
        fact.kind = story::Kind::Measurement {
            comparator,
            value: value.to_owned(),
            unit: "mmol/L",
            range: None,
            together: None,
        };
        person.facts = vec![fact.clone()];
        for telling in ALL {
            let record = read(&person, telling);
            let values: Vec<&Value> = record
                .entries
                .iter()
                .filter_map(|one| match &one.body {
                    Body::Observation(o) => o.value.as_ref(),
                    _ => None,
                })
                .collect();
            let [value_read] = values.as_slice() else {
                panic!("{telling} {value}: {} values", values.len());
            };
            let sign = comparator.unwrap_or_default();
            let shown = shown(value_read, &tables).expect("a value");
            let bare = shown.trim_end_matches(" mmol/L");
            let as_sent = [format!("{sign}{value}"), format!("{sign}{number}")];
            assert!(
                as_sent.contains(&bare.to_owned()),
                "{telling}: {value} became {shown}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    // Whatever was sent: a decimal keeps its digits and its sign, anything else is words, letter by letter.
    #[test]
    fn any_value_is_shown_as_it_was_sent(
        sign in prop::option::of(prop::sample::select(vec!["<", "<=", ">=", ">"])),
        value in "[0-9]{1,4}(\\.[0-9]{1,3})?|[A-Za-z0-9 +:,./-]{1,12}",
        unit in prop::option::of("[a-zA-Z/%*0-9]{1,8}"),
    ) {
        let tables = Tables::load().expect("the tables");
        let comparator = sign.map(|sign| match sign {
            "<" => openmig::record::Comparator::Less,
            "<=" => openmig::record::Comparator::LessOrEqual,
            ">=" => openmig::record::Comparator::GreaterOrEqual,
            _ => openmig::record::Comparator::Greater,
        });
        let sent = Value::Quantity(Quantity { comparator, value: value.clone(), unit: unit.clone() });
        let unit = unit.map(|unit| format!(" {unit}")).unwrap_or_default();
        prop_assert_eq!(shown(&sent, &tables), Some(format!("{}{value}{unit}", sign.unwrap_or_default())));
    }
}
