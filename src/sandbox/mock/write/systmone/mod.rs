//! A person's story as SystmOne's `GetPatientRecord` answers it: the content of `Response`.
//!
//! Follows the real sample where it and the public schema differ; extensions are those of `docs/sources-wire.md`.

mod child;
mod event;

use std::collections::HashSet;

use super::ids::{Ids, Of};
use super::index::{Index, moment};
use super::practice::{Staff, all_staff, practice, usual_gp};
use super::xml::Xml;
use crate::sandbox::story::{Person, Registration, Sharing};

/// Which code system codes are asked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Codes {
    /// CTV3.
    #[default]
    Ctv3,
    /// SNOMED CT.
    Snomed,
}

/// Which drug dictionary drugs are asked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Drugs {
    /// dm+d.
    #[default]
    Dmd,
    /// Multilex; product ids are not public, so every drug has its name only and no id.
    Multilex,
}

/// The request's `OutputScheme`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputScheme {
    /// Codes.
    pub codes: Codes,
    /// Drugs.
    pub drugs: Drugs,
}

/// The practice whose system leaves private entries out, as the real one does; the others mark them (sources.md 4.5).
const LEAVES_OUT: &str = "Z99006";

/// The person without what is private: contacts with all that is in them, and what a private report brought.
fn without_private(person: &Person) -> Person {
    let mut open = person.clone();
    open.contacts.retain(|contact| !contact.private);
    let mut gone: HashSet<u32> = person
        .facts
        .iter()
        .filter(|fact| fact.private)
        .map(|fact| fact.key)
        .collect();
    let hidden: HashSet<u32> = person
        .contacts
        .iter()
        .filter(|contact| contact.private)
        .map(|contact| contact.key)
        .collect();
    loop {
        let before = gone.len();
        for fact in &person.facts {
            let inside = fact.within.is_some_and(|key| gone.contains(&key));
            let met = fact.contact.is_some_and(|key| hidden.contains(&key));
            if inside || met {
                gone.insert(fact.key);
            }
        }
        if gone.len() == before {
            break;
        }
    }
    open.facts.retain(|fact| !gone.contains(&fact.key));
    open
}

/// Writes what stands inside `Response`.
pub fn write(xml: &mut Xml, person: &Person, scheme: OutputScheme) {
    let open;
    let person = if person.practice == LEAVES_OUT {
        open = without_private(person);
        &open
    } else {
        person
    };
    let writer = Writer {
        index: Index::new(person),
        ids: Ids::new(person.practice, &person.nhs_number),
        scheme,
    };
    xml.open("Identity");
    xml.leaf("NHSNumber", &person.nhs_number);
    xml.leaf(
        "StrategicReportingIdentifier",
        person.nhs_number.get(3..9).unwrap_or_default(),
    );
    xml.close("Identity");
    xml.open("RecordSharing");
    xml.leaf(
        "SharingOut",
        match person.sharing {
            Sharing::Implied => "Implied",
            Sharing::Dissent => "Dissent",
            Sharing::NotRecorded => "NotRecorded",
        },
    );
    xml.close("RecordSharing");
    demographics(xml, &writer);
    xml.open("Clinical");
    event::write_all(xml, &writer);
    xml.close("Clinical");
    non_clinical(xml, &writer);
    metadata(xml, person);
    xml.leaf("RecordState", "Closed");
}

/// What all parts of one record need.
struct Writer<'p> {
    index: Index<'p>,
    ids: Ids,
    scheme: OutputScheme,
}

fn demographics(xml: &mut Xml, writer: &Writer<'_>) {
    let person = writer.index.person;
    xml.open("Demographics");
    xml.leaf("Title", person.title);
    let (first, middle) = person.given.split_first().map_or(("", ""), |(one, more)| {
        (one.as_str(), more.first().map_or("", String::as_str))
    });
    xml.leaf("FirstName", first);
    xml.leaf("MiddleNames", middle);
    xml.leaf("Surname", &person.family);
    xml.leaf("DateOfBirth", &person.birth_date.to_string());
    if let Some(died) = person.trace.deceased {
        xml.leaf("DateOfDeath", &died.to_string());
    }
    xml.leaf("Sex", if person.sex == 'M' { "M" } else { "F" });
    for name in ["MaritalStatus", "Ethnicity", "MainLanguage"] {
        xml.empty(name, &[]);
    }
    xml.leaf("EnglishSpeaker", "Unknown");
    let [street, village, town, county, postcode] = &person.address;
    address(xml, "Address", [street, village, town, county, postcode]);
    for name in [
        "HomeTelephone",
        "WorkTelephone",
        "MobileTelephone",
        "AlternateTelephone",
        "EmailAddress",
    ] {
        xml.empty(name, &[]);
    }
    xml.leaf("SMSConsent", "No");
    xml.leaf("UsualGPUserName", &usual_gp(person).login());
    xml.leaf("CareStartDate", &person.registered.to_string());
    if let Some(died) = person.trace.deceased {
        xml.leaf("CareEndDate", &died.to_string());
    }
    xml.leaf(
        "RegistrationType",
        match person.registration {
            Registration::Full => "GMS",
            Registration::Temporary => "Temporary",
        },
    );
    xml.close("Demographics");
}

/// An address; parts that are empty are left out.
fn address(xml: &mut Xml, name: &str, parts: [&str; 5]) {
    let names = ["Road", "Locality", "Town", "County", "Postcode"];
    xml.open(name);
    for (name, part) in names.into_iter().zip(parts) {
        xml.some(name, Some(part).filter(|part| !part.is_empty()));
    }
    xml.close(name);
}

/// A task, as real answers have them: never for sharing.
fn non_clinical(xml: &mut Xml, writer: &Writer<'_>) {
    xml.open("NonClinical");
    if let Some(contact) = writer.index.person.contacts.last() {
        xml.open("Task");
        xml.leaf("TaskUID", &writer.ids.uid(Of::Task, contact.key));
        xml.leaf("DateTime", &moment(contact.at));
        xml.leaf("TaskType", "Miscellaneous");
        xml.leaf("Status", "Not Started");
        xml.leaf("Content", "Please ring the patient about the next visit");
        xml.close("Task");
    }
    xml.close("NonClinical");
}

fn metadata(xml: &mut Xml, person: &Person) {
    let here = practice(person.practice);
    xml.open("Metadata");
    xml.open("Site");
    xml.leaf("Name", here.name);
    xml.leaf("ID", person.practice);
    address(
        xml,
        "Address",
        [here.street, "", here.town, here.county, here.postcode],
    );
    xml.close("Site");
    for staff in all_staff() {
        user(xml, staff);
    }
    xml.close("Metadata");
}

fn user(xml: &mut Xml, staff: Staff) {
    xml.open("User");
    xml.leaf("Title", staff.title);
    xml.leaf("FirstName", staff.given);
    xml.leaf("Surname", staff.family);
    xml.leaf("UserName", &staff.login());
    xml.leaf("Role", staff.role);
    if let Some(gmc) = staff.gmc {
        xml.leaf("NationalID", gmc);
        xml.leaf("NationalIDType", "GMC");
    }
    xml.close("User");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::mock::write::sample::{assert_well_formed, everything, keep, nobody};

    fn written(person: &Person, scheme: OutputScheme) -> String {
        let mut xml = Xml::with_capacity(1 << 20);
        xml.open("Response");
        write(&mut xml, person, scheme);
        xml.close("Response");
        xml.into_string()
    }

    fn count(text: &str, what: &str) -> usize {
        text.matches(what).count()
    }

    /// The event that contains these words.
    fn event<'t>(text: &'t str, words: &str) -> &'t str {
        text.split("<Event ")
            .find(|event| event.contains(words))
            .and_then(|event| event.split("</Event>").next())
            .unwrap()
    }

    #[test]
    fn every_fact_is_there_in_its_own_element() {
        let person = everything("9990000387", "Z99002");
        let text = written(&person, OutputScheme::default());
        keep("systmone.xml", &text);
        assert_well_formed(&text);
        for (element, how_many) in [
            // the acute course is one with its first issue; the repeat has two issues
            ("<Medication>", 3),
            ("<RepeatIssue/>", 2),
            ("<RepeatMedication>", 2),
            ("<DrugSensitivity>", 1),
            ("<IsAllergy/>", 1),
            ("<IsFamilyHistory/>", 1),
            ("<Vaccination>", 1),
            ("<Report>", 2),
            ("<Letter>", 3),
            ("<Attachment>", 0),
            ("<Reminder>", 1),
            ("<Narrative>", 3),
            ("<ProblemUID>", 2),
            // systolic, diastolic, haemoglobin, potassium
            ("<Value>", 4),
        ] {
            assert_eq!(count(&text, element), how_many, "{element}");
        }
        for fact in &person.facts {
            assert!(text.contains(&fact.concept.term), "{}", fact.key);
        }
    }

    #[test]
    fn results_stand_in_the_event_of_their_report() {
        let text = written(&everything("9990000387", "Z99002"), OutputScheme::default());
        let report = event(&text, "<Report>");
        for words in [
            "<BatteryHeaders>FBC - full blood count</BatteryHeaders>",
            "<Result>Abnormal</Result>",
            "<Type>Pathology</Type>",
            "<Value>101</Value><Units>g/L</Units>",
            "<Value>&lt;=2.1</Value>",
            "MSU - general",
        ] {
            assert!(report.contains(words), "{words}");
        }
        let pressure = event(&text, "<Value>142</Value>");
        assert!(pressure.contains("<Value>88</Value>"));
        assert!(pressure.contains("Method=\"Face to face\""));
    }

    #[test]
    fn a_problem_is_there_plain_and_as_a_header_at_times() {
        let mut person = everything("9990000387", "Z99002");
        let text = written(&person, OutputScheme::default());
        // key 1 has the header alone, key 28 both
        assert_eq!(count(&text, "Term=\"Asthma\""), 1);
        assert_eq!(count(&text, "Term=\"Low back pain\""), 2);
        assert!(text.contains("<ProblemSeverity>Major</ProblemSeverity>"));
        assert!(text.contains("<ProblemEndDate>2020-03-01</ProblemEndDate>"));
        let linked = format!(
            "<LinkedProblemUID>{}</LinkedProblemUID>",
            Ids::new("Z99002", "9990000387").uid(Of::Problem, 1)
        );
        assert!(text.contains(&linked));
        person.facts.iter_mut().for_each(|fact| fact.problem = None);
        assert!(!written(&person, OutputScheme::default()).contains("LinkedProblemUID"));
    }

    #[test]
    fn codes_and_drugs_come_in_the_scheme_that_was_asked_for() {
        let person = everything("9990000387", "Z99002");
        let ctv3 = written(&person, OutputScheme::default());
        assert!(ctv3.contains("<Code Code=\"H33..\" Scheme=\"CTV3\" Term=\"Asthma\"/>"));
        assert!(!ctv3.contains("Code=\"195967001\""));
        assert!(ctv3.contains("ProductID=\"319284000\" Scheme=\"Dmd\""));
        let other = OutputScheme {
            codes: Codes::Snomed,
            drugs: Drugs::Multilex,
        };
        let snomed = written(&person, other);
        assert!(snomed.contains("<Code Code=\"195967001\" Scheme=\"Snomed\" Term=\"Asthma\"/>"));
        assert!(!snomed.contains("Code=\"H33..\""));
        assert!(snomed.contains("ProductID=\"\" Scheme=\"Multilex\""));
        assert!(!snomed.contains("Scheme=\"Dmd\""));
    }

    #[test]
    fn private_contacts_and_facts_are_marked_and_nothing_else() {
        let person = everything("9990001499", "Z99002");
        let text = written(&person, OutputScheme::default());
        let private_events = text
            .split("<Event ")
            .filter(|event| {
                event
                    .split('>')
                    .next()
                    .is_some_and(|head| head.contains("Private=\"true\""))
            })
            .count();
        // the private contact, and the lone private fact with an even key
        assert_eq!(private_events, 2);
        // the procedure; the back pain plain and as a header
        assert_eq!(count(&text, "<ClinicalCode Private=\"true\">"), 3);
        let open = written(&nobody("9990007411", "Z99002"), OutputScheme::default());
        assert!(!open.contains("Private"));
    }

    // R043, SystmOne pitfall 13: the real system leaves private entries out, with no sign that there were any
    #[test]
    fn one_practice_leaves_private_entries_out() {
        let marked = written(&everything("9990001499", "Z99002"), OutputScheme::default());
        let person = everything("9990001499", "Z99006");
        let text = written(&person, OutputScheme::default());
        assert!(marked.contains("Private") && !text.contains("Private"));
        assert_well_formed(&text);
        for fact in person.facts.iter().filter(|fact| fact.private) {
            let others = person.facts.iter().filter(|other| !other.private);
            let said_elsewhere = others
                .into_iter()
                .any(|other| other.concept.term.contains(&fact.concept.term));
            assert!(said_elsewhere || !text.contains(&fact.concept.term));
        }
    }

    #[test]
    fn demographics_are_those_of_a_gms_or_a_temporary_patient() {
        let mut person = nobody("9990007411", "Z99002");
        let text = written(&person, OutputScheme::default());
        assert!(text.contains("<RegistrationType>GMS</RegistrationType>"));
        assert!(text.contains("<CareStartDate>2026-05-25</CareStartDate>"));
        assert!(!text.contains("CareEndDate"));
        assert!(text.contains("<SharingOut>Implied</SharingOut>"));
        assert!(text.contains("<Clinical></Clinical>"));
        person.registration = Registration::Temporary;
        person.sharing = Sharing::NotRecorded;
        let text = written(&person, OutputScheme::default());
        assert!(text.contains("<RegistrationType>Temporary</RegistrationType>"));
        assert!(text.contains("<SharingOut>NotRecorded</SharingOut>"));
    }
}
