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
    admin::write(xml, &writer, now);
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
        concept.local.as_deref().map(|code| (EMIS_LOCAL, code)),
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
    use crate::sandbox::mock::write::sample::{NOW, everything, keep, many, nobody};
    use crate::sandbox::story::{Kind, Registration};

    fn written(person: &Person) -> String {
        let mut xml = Xml::with_capacity(1 << 20);
        write(&mut xml, person, NOW);
        xml.into_string()
    }

    fn count(text: &str, what: &str) -> usize {
        text.matches(what).count()
    }

    #[test]
    fn every_fact_is_an_event_and_blood_pressures_and_narratives_have_one_more() {
        let person = everything("9990000018", "Z99001");
        let text = written(&person);
        keep("openhr.xml", &text);
        assert_eq!(
            count(&text, "<event><id>"),
            person.facts.len() + 1 + person.contacts.len()
        );
        for fact in &person.facts {
            let id = Ids::new(person.practice, &person.nhs_number).guid(Of::Fact, fact.key);
            assert!(
                text.contains(&format!("<event><id>{id}</id>")),
                "{}",
                fact.key
            );
        }
        assert_eq!(count(&text, "<encounter "), 3);
        assert_eq!(count(&text, "<problem><id>"), 2);
        assert_eq!(count(&text, "<document><id>"), 2);
    }
}
