//! The people of the contract in every supplier's words.

use std::collections::HashSet;

use jiff::civil::date;

use super::ids::{Ids, Of};
use super::sample::{NOW, assert_well_formed, keep};
use super::systmone::{self, OutputScheme};
use super::{Xml, emis_open, openhr};
use crate::sandbox::population;
use crate::sandbox::story::{Kind, Person};

fn written(each: impl FnOnce(&mut Xml)) -> String {
    let mut xml = Xml::with_capacity(1 << 20);
    each(&mut xml);
    xml.into_string()
}

fn everyone() -> Vec<Person> {
    let people = population::contract(date(2026, 6, 1));
    assert!(!people.is_empty());
    people
}

fn pressures(person: &Person) -> usize {
    let together: HashSet<u32> = person
        .facts
        .iter()
        .filter_map(|fact| match fact.kind {
            Kind::Measurement { together, .. } => together,
            _ => None,
        })
        .collect();
    together.len()
}

#[test]
fn open_hr_has_an_event_for_every_fact_of_everyone() {
    for person in everyone() {
        let text = written(|xml| openhr::write(xml, &person, NOW));
        keep(&format!("openhr-{}.xml", person.nhs_number), &text);
        assert_well_formed(&text);
        let typed = person
            .contacts
            .iter()
            .filter(|contact| contact.narrative.is_some())
            .count();
        assert_eq!(
            text.matches("<event><id>").count(),
            person.facts.len() + pressures(&person) + typed,
            "{}",
            person.nhs_number
        );
    }
}

#[test]
fn emis_open_has_an_item_for_every_fact_of_everyone() {
    for person in everyone() {
        let text = written(|xml| emis_open::write(xml, &person, NOW));
        keep(&format!("eom-{}.xml", person.nhs_number), &text);
        assert_well_formed(&text);
        let ids = Ids::new(person.practice, &person.nhs_number);
        let items: HashSet<&str> = text
            .split("<GUID>{")
            .filter_map(|part| part.split_once("}</GUID><FileStatus>0"))
            .map(|(guid, _)| guid)
            .collect();
        for fact in &person.facts {
            let guid = ids.guid(Of::Fact, fact.key).to_uppercase();
            assert!(
                items.contains(guid.as_str()),
                "{} {}",
                person.nhs_number,
                fact.key
            );
        }
    }
}

#[test]
fn systmone_has_every_fact_of_everyone() {
    for person in everyone() {
        let text = written(|xml| {
            xml.open("Response");
            systmone::write(xml, &person, OutputScheme::default());
            xml.close("Response");
        });
        keep(&format!("systmone-{}.xml", person.nhs_number), &text);
        assert_well_formed(&text);
        let of = |is: fn(&Kind) -> bool| person.facts.iter().filter(|f| is(&f.kind)).count();
        for (element, expected) in [
            (
                "<Value>",
                of(|kind| matches!(kind, Kind::Measurement { .. })),
            ),
            (
                "<RepeatMedication>",
                of(|kind| matches!(kind, Kind::Course { repeat: true, .. })),
            ),
            (
                "<Vaccination>",
                of(|kind| matches!(kind, Kind::Immunisation { .. })),
            ),
            ("<Reminder>", of(|kind| matches!(kind, Kind::Alert))),
            (
                "<DrugSensitivity>",
                of(|kind| matches!(kind, Kind::Allergy { drug: true, .. })),
            ),
        ] {
            let marked = element.replace('>', " Private=\"true\">");
            let found = text.matches(element).count() + text.matches(&marked).count();
            assert_eq!(found, expected, "{} {element}", person.nhs_number);
        }
        let problems = person.facts.iter().filter(|fact| fact.problem.is_some());
        assert_eq!(text.matches("<ProblemUID>").count(), problems.count());
    }
}
