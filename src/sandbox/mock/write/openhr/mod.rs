//! A person's story as OpenHR 2.1 (`openHealthRecord`), as `docs/sources-wire.md` and the public schema have it.

mod admin;
mod event;
mod health;

use jiff::civil::DateTime;

use super::ids::{Ids, Of};
use super::index::{Index, moment};
use super::practice::practice;
use super::xml::Xml;
use crate::sandbox::story::{Concept, Person, When};

/// Namespace of the payload.
pub const NAMESPACE: &str = "http://www.e-mis.com/emisopen";

const READ_V2: &str = "2.16.840.1.113883.2.1.6.2";
const SNOMED: &str = "2.16.840.1.113883.2.1.3.2.4.15";
const EMIS_SNOMED: &str = "2.16.840.1.113883.2.1.6.3";
const EMIS_LOCAL: &str = "EMISLOCAL";
/// For what has words but no code.
const UNKNOWN: &str = "UNKNOWN";

/// Writes the whole record, as the system has it at the local time `now`.
pub fn write(xml: &mut Xml, person: &Person, now: DateTime) {
    let writer = Writer::new(person);
    let ids = &writer.ids;
    xml.open_with(
        "openHealthRecord",
        &[("xmlns", NAMESPACE), ("schemaVersion", "2.1.4")],
    );
    xml.leaf("id", &ids.guid(Of::Answer, 0));
    xml.leaf("creationTime", &moment(now));
    xml.open("author");
    xml.open("system");
    xml.leaf("systemType", "EMISWEB");
    xml.leaf("displayName", "EMIS Web (synthetic)");
    xml.close("system");
    xml.leaf("organisation", &ids.guid(Of::Practice, 0));
    xml.leaf("nationalCode", person.practice);
    xml.leaf("displayName", practice(person.practice).name);
    xml.close("author");
    xml.open("contentSpecification");
    xml.leaf("specification", "37241000000102");
    xml.close("contentSpecification");
    admin::write(xml, &writer);
    health::write(xml, &writer);
    xml.close("openHealthRecord");
}

/// What all parts of one record need.
struct Writer<'p> {
    index: Index<'p>,
    ids: Ids,
    patient: String,
    organisation: String,
    user_in_role: Vec<String>,
    policies: [String; 2],
}

impl<'p> Writer<'p> {
    fn new(person: &'p Person) -> Self {
        let ids = Ids::new(person.practice, &person.nhs_number);
        Self {
            index: Index::new(person),
            patient: ids.guid(Of::Patient, 0),
            organisation: ids.guid(Of::Practice, 0),
            user_in_role: super::practice::all_staff()
                .map(|staff| ids.guid(Of::UserInRole, staff.key()))
                .collect(),
            policies: [ids.guid(Of::Policy, 1), ids.guid(Of::Policy, 2)],
            ids,
        }
    }

    /// The user in role of this place of the staff list.
    fn staff(&self, place: usize) -> &str {
        self.user_in_role
            .get(place)
            .or_else(|| self.user_in_role.first())
            .map_or("", String::as_str)
    }

    /// The policy of a confidential item: one that hides silently or one that shows that something is hidden.
    fn policy(&self, key: u32) -> &str {
        let [silent, shown] = &self.policies;
        if key.is_multiple_of(2) { silent } else { shown }
    }
}

/// `<effectiveTime datepart=… value=…/>`, or `endTime`.
fn date_part(xml: &mut Xml, name: &str, when: When) {
    let part = match when {
        When::At(_) => "YMDT",
        When::Day(_) => "YMD",
        When::Month(..) => "YM",
        When::Year(_) => "Y",
        When::Unknown => "U",
    };
    match super::index::padded(when) {
        Some(at) => xml.empty(name, &[("datepart", part), ("value", &moment(at))]),
        None => xml.empty(name, &[("datepart", "U")]),
    }
}

/// The system and code pairs of a concept, the one that EMIS leads with first.
fn codings(concept: &Concept) -> Vec<(&'static str, &str)> {
    let snomed = concept.snomed.as_deref().map(|id| {
        let system = if super::terms::of_emis_namespace(id) {
            EMIS_SNOMED
        } else {
            SNOMED
        };
        (system, id)
    });
    [
        concept.read_v2.as_deref().map(|code| (READ_V2, code)),
        snomed,
        concept.local.as_deref().map(|code| {
            let system = if super::terms::of_emis_namespace(code) {
                EMIS_SNOMED
            } else {
                EMIS_LOCAL
            };
            (system, code)
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A `dt.Code` element of words without a code.
fn words(xml: &mut Xml, name: &str, text: &str) {
    xml.empty(name, &[("codeSystem", UNKNOWN), ("displayName", text)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::mock::write::sample::{
        NOW, assert_well_formed, everything, keep, many, nobody,
    };
    use crate::sandbox::story::{Kind, Registration};

    fn written(person: &Person) -> String {
        let mut xml = Xml::with_capacity(1 << 20);
        write(&mut xml, person, NOW);
        xml.into_string()
    }

    fn count(text: &str, what: &str) -> usize {
        text.matches(what).count()
    }

    /// The event of the fact with this key.
    fn event<'t>(text: &'t str, person: &Person, key: u32) -> &'t str {
        let id = Ids::new(person.practice, &person.nhs_number).guid(Of::Fact, key);
        let from = text.find(&format!("<event><id>{id}</id>")).unwrap();
        let to = text[from..].find("</event>").unwrap();
        &text[from..from + to]
    }

    fn in_order(text: &str, names: &[&str]) {
        let mut from = 0;
        for name in names {
            let at = text[from..].find(&format!("<{name}"));
            from += at.unwrap_or_else(|| panic!("{name} is missing or out of order in {text}"));
        }
    }

    #[test]
    fn every_fact_is_an_event_and_blood_pressures_and_narratives_have_one_more() {
        let person = everything("9990000018", "Z99001");
        let text = written(&person);
        keep("openhr.xml", &text);
        assert_well_formed(&text);
        assert_eq!(
            count(&text, "<event><id>"),
            person.facts.len() + 1 + person.contacts.len()
        );
        for fact in &person.facts {
            assert!(!event(&text, &person, fact.key).is_empty());
        }
        assert_eq!(count(&text, "<encounter "), 3);
        assert_eq!(count(&text, "<problem><id>"), 2);
        assert_eq!(count(&text, "<document><id>"), 2);
    }

    #[test]
    fn children_of_event_stand_in_the_order_of_the_schema() {
        let person = everything("9990000018", "Z99001");
        let text = written(&person);
        in_order(
            event(&text, &person, 1),
            &[
                "id>",
                "patient>",
                "eventType>",
                "effectiveTime ",
                "availabilityTimeStamp>",
                "authorisingUserInRole>",
                "enteredByUserInRole>",
                "code ",
                "translation ",
                "displayTerm>",
                "associatedText ",
                "organisation>",
                "observation>",
                "episodicity>",
            ],
        );
        in_order(
            event(&text, &person, 6),
            &[
                "numeric>",
                "value>",
                "units>",
                "range ",
                "numericRange>",
                "low ",
                "high ",
                "abnormal ",
            ],
        );
        in_order(
            event(&text, &person, 4),
            &[
                "report>",
                "issueDate>",
                "receivedDate>",
                "dataType>",
                "reportLabId>",
                "specimen>",
                "specimenType>",
                "battery>",
                "test>",
            ],
        );
        in_order(
            event(&text, &person, 25),
            &[
                "reviewDate>",
                "dosage>",
                "quantity>",
                "durationOfIssue>",
                "prescriptionType>R<",
                "drugStatus>C<",
                "cancellation>",
            ],
        );
        in_order(
            event(&text, &person, 17),
            &["code ", "qualifier>", "name ", "value ", "translation "],
        );
    }

    #[test]
    fn codes_and_dates_are_as_the_story_has_them() {
        let person = everything("9990000018", "Z99001");
        let text = written(&person);
        let asthma = event(&text, &person, 1);
        assert!(asthma.contains("<code codeSystem=\"2.16.840.1.113883.2.1.6.2\" code=\"H33..\""));
        assert!(
            asthma.contains("codeSystem=\"2.16.840.1.113883.2.1.3.2.4.15\" code=\"195967001\"")
        );
        assert!(
            event(&text, &person, 9)
                .contains("<code codeSystem=\"2.16.840.1.113883.2.1.3.2.4.15\" code=\"319284000\"")
        );
        assert!(event(&text, &person, 24).contains("codeSystem=\"EMISLOCAL\" code=\"Y2a3B\""));
        assert!(!event(&text, &person, 16).contains("<code"));
        assert!(event(&text, &person, 7).contains("<operator>&lt;=</operator><value>2.1</value>"));
        for (key, part) in [
            (1, "datepart=\"YMD\" value=\"2024-05-01T00:00:00\""),
            (14, "datepart=\"Y\" value=\"1999-01-01T00:00:00\""),
            (15, "datepart=\"YM\" value=\"2003-04-01T00:00:00\""),
            (19, "datepart=\"U\"/"),
            (24, "datepart=\"YMDT\" value=\"2024-06-02T11:05:00\""),
        ] {
            assert!(event(&text, &person, key).contains(part), "{key}");
        }
    }

    #[test]
    fn a_policy_is_on_private_facts_and_contacts_and_nowhere_else() {
        let person = everything("9990000018", "Z99001");
        let text = written(&person);
        let health = &text[text.find("<healthDomain>").unwrap()..];
        let private = person.facts.iter().filter(|fact| fact.private).count();
        assert_eq!(count(health, "<confidentialityPolicy>"), private + 1);
        for fact in &person.facts {
            assert_eq!(
                event(&text, &person, fact.key).contains("<confidentialityPolicy>"),
                fact.private,
                "{}",
                fact.key
            );
        }
        let open = written(&nobody("9990000751", "Z99001"));
        assert_eq!(count(&open, "<confidentialityPolicy><id>"), 1);
    }

    #[test]
    fn a_blood_pressure_has_a_header_that_links_its_readings_diastolic_first_at_times() {
        let mut person = everything("9990000018", "Z99001");
        let ids = Ids::new(person.practice, &person.nhs_number);
        let (systolic, diastolic) = (ids.guid(Of::Fact, 2), ids.guid(Of::Fact, 3));
        let links = |one: &str, two: &str| {
            format!("<childLink>{one}</childLink><childLink>{two}</childLink>")
        };
        assert!(written(&person).contains(&links(&diastolic, &systolic)));
        for fact in &mut person.facts {
            if let Kind::Measurement { together, .. } = &mut fact.kind {
                *together = together.map(|_| 4);
            }
        }
        assert!(written(&person).contains(&links(&systolic, &diastolic)));
    }

    #[test]
    fn a_temporary_patient_is_told_from_a_registered_one() {
        let mut person = nobody("9990002975", "Z99001");
        assert!(written(&person).contains(">REG</patientType>"));
        assert!(written(&person).contains("<status>8</status>"));
        person.registration = Registration::Temporary;
        let text = written(&person);
        assert!(text.contains(">TMP</patientType>"));
        assert!(text.contains("<addressType>TMP</addressType>"));
        assert!(!text.contains("registeredGPUserInRole"));
    }

    #[test]
    fn ten_thousand_entries_are_all_written() {
        let person = many(10_000);
        let text = written(&person);
        assert_eq!(count(&text, "<event><id>"), 10_000 + person.contacts.len());
        assert_well_formed(&text);
    }
}
