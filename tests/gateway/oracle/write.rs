//! From a GP Connect record to OpenHR 2.1, written from the schema and `docs/sources-wire.md` alone. Test only.
//!
//! What OpenHR has no place for is not written; the comparison lists it.

use serde_json::Value;

use super::stu3::{self, Record, extension, extensions, id, id_of, list, text};
use super::write_event::{self as event, date_part};
use super::xml::Xml;

/// The patient's id in the message.
pub fn patient_id(record: &Record) -> String {
    record.of("Patient").next().map_or("", id).to_owned()
}

/// The whole message.
pub fn open_hr(record: &Record) -> String {
    let mut xml = Xml::default();
    let namespace = Some("http://www.e-mis.com/emisopen");
    let version = Some("2.1.4");
    xml.0
        .push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    xml.with(
        "openHealthRecord",
        &[("xmlns", namespace), ("schemaVersion", version)],
        |xml| {
            let created = format!("{}T00:00:00", record.today);
            xml.leaf("id", Some("0f000000-0000-0000-0000-000000000001"));
            xml.leaf("creationTime", Some(&created));
            xml.of("author", |xml| {
                xml.of("system", |xml| xml.leaf("systemType", Some("EMISWEB")));
                let patient = record.of("Patient").next();
                let practice = patient.and_then(|p| text(p, "/managingOrganization/reference"));
                xml.leaf("organisation", practice.map(id_of));
            });
            xml.of("contentSpecification", |xml| {
                xml.leaf("specification", Some("37241000000102"));
            });
            xml.of("adminDomain", |xml| admin(xml, record));
            xml.of("healthDomain", |xml| health(xml, record));
        },
    );
    xml.0
}

fn admin(xml: &mut Xml, record: &Record) {
    for one in record.of("Patient") {
        person(xml, one);
    }
    for one in record.of("Practitioner") {
        person(xml, one);
    }
    for one in record.of("Patient") {
        patient(xml, one);
    }
    for one in record.of("Organization") {
        xml.of("organisation", |xml| {
            xml.leaf("id", Some(id(one)));
            xml.leaf("name", text(one, "/name"));
            xml.leaf("nationalPracticeCode", text(one, "/identifier/0/value"));
        });
    }
    for one in record.of("Practitioner") {
        xml.of("user", |xml| {
            xml.leaf("id", Some(&format!("{}-user", id(one))));
            xml.leaf("userPerson", Some(&person_id(one)));
        });
    }
    for one in record.of("PractitionerRole") {
        let role = format!("{}-role", id_of(of_practitioner(one)));
        xml.of("role", |xml| {
            xml.leaf("id", Some(&role));
            xml.leaf("name", text(one, "/code/0/coding/0/display"));
        });
    }
    for one in record.of("Practitioner") {
        xml.of("userInRole", |xml| {
            xml.leaf("id", Some(id(one)));
            xml.leaf("user", Some(&format!("{}-user", id(one))));
            xml.leaf("role", Some(&format!("{}-role", id(one))));
        });
    }
}

fn of_practitioner(role: &Value) -> &str {
    text(role, "/practitioner/reference").unwrap_or_default()
}

fn person_id(resource: &Value) -> String {
    format!("{}-person", id(resource))
}

fn person(xml: &mut Xml, resource: &Value) {
    let official = |one: &&Value| text(one, "/use") == Some("official");
    let name = list(resource, "/name").iter().find(official);
    let given: Vec<&str> = name
        .map(|name| list(name, "/given"))
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    xml.of("person", |xml| {
        xml.leaf("id", Some(&person_id(resource)));
        xml.leaf("birthDate", text(resource, "/birthDate"));
        let sex = match text(resource, "/gender") {
            Some("male") => "M",
            Some("female") => "F",
            Some("other") => "I",
            _ => "U",
        };
        xml.leaf("sex", Some(sex));
        xml.leaf("forenames", Some(given.join(" ").as_str()));
        xml.leaf("surname", name.and_then(|name| text(name, "/family")));
        xml.leaf("title", name.and_then(|name| text(name, "/prefix/0")));
        for address in list(resource, "/address") {
            xml.of("address", |xml| {
                xml.leaf("addressType", Some("H"));
                xml.leaf("postCode", text(address, "/postalCode"));
                let places = ["houseNameFlat", "street", "village"];
                for (place, line) in places.iter().zip(list(address, "/line")) {
                    xml.leaf(place, line.as_str());
                }
                xml.leaf("town", text(address, "/city"));
                xml.leaf("county", text(address, "/district"));
            });
        }
    });
}

fn patient(xml: &mut Xml, resource: &Value) {
    let gp = text(resource, "/generalPractitioner/0/reference").map(id_of);
    xml.of("patient", |xml| {
        xml.leaf("id", Some(id(resource)));
        xml.of("patientIdentifier", |xml| {
            xml.leaf("identifierType", Some("NHS"));
            xml.leaf("value", text(resource, "/identifier/0/value"));
        });
        xml.leaf("patientPerson", Some(&person_id(resource)));
        xml.leaf("usualGPUserInRole", gp);
        xml.of("caseloadPatient", |xml| {
            let practice = text(resource, "/managingOrganization/reference");
            xml.leaf("organisation", practice.map(id_of));
            xml.of("patientStatus", |xml| xml.leaf("status", Some("8")));
            xml.leaf("patientType", Some("REG"));
        });
    });
}

fn health(xml: &mut Xml, record: &Record) {
    let patient = patient_id(record);
    for one in record.of("Encounter") {
        encounter(xml, record, &patient, one);
    }
    for one in &record.resources {
        event::write(xml, record, &patient, one);
    }
    for one in record.of("Condition") {
        problem(xml, one);
    }
}

fn encounter(xml: &mut Xml, record: &Record, patient: &str, resource: &Value) {
    let by = |code: &str| {
        let typed = |one: &&Value| text(one, "/type/0/coding/0/code") == Some(code);
        let one = list(resource, "/participant").iter().find(typed);
        one.and_then(|one| text(one, "/individual/reference"))
            .map(id_of)
    };
    let finished = text(resource, "/status") == Some("finished");
    let complete = if finished { "true" } else { "false" };
    xml.with("encounter", &[("complete", Some(complete))], |xml| {
        xml.leaf("id", Some(id(resource)));
        xml.leaf("patient", Some(patient));
        date_part(xml, "effectiveTime", text(resource, "/period/start"));
        xml.leaf("authorisingUserInRole", by("PPRF"));
        xml.leaf("enteredByUserInRole", by("REC"));
        let provider = text(resource, "/serviceProvider/reference");
        xml.leaf("organisation", provider.map(id_of));
        let words = text(resource, "/type/0/text");
        let place = [("codeSystem", Some("UNKNOWN")), ("displayName", words)];
        xml.with("locationType", &place, |_| {});
        if let Some(minutes) = stu3::number(resource, "/length/value") {
            let duration = [("value", Some(minutes.as_str())), ("unit", Some("N"))];
            xml.with("duration", &duration, |_| {});
        }
        let own = format!("Encounter/{}", id(resource));
        for one in &record.resources {
            if event::encounter(one) == Some(own.as_str()) && event::kind(one).is_some() {
                component(xml, record, one);
            }
        }
    });
}

fn component(xml: &mut Xml, record: &Record, resource: &Value) {
    let reference = format!("{}/{}", stu3::kind(resource), id(resource));
    xml.of("component", |xml| {
        xml.leaf("event", Some(id(resource)));
        let heading = record.heading(&reference);
        if heading.is_some() {
            let words = [("codeSystem", Some("UNKNOWN")), ("displayName", heading)];
            xml.with("heading", &words, |_| {});
        }
    });
}

/// The event that a Condition is the problem of.
pub fn event_of(condition: &Value) -> Option<&str> {
    let actual = extension(condition, "ActualProblem-1")?;
    text(actual, "/valueReference/reference").map(id_of)
}

/// What a Condition is linked to, but consultations and their pages.
pub fn content_of(condition: &Value) -> impl Iterator<Item = &str> {
    extensions(condition, "RelatedClinicalContent-1")
        .filter_map(|one| text(one, "/valueReference/reference"))
        .filter(|one| !one.starts_with("Encounter/") && !one.starts_with("List/"))
}

/// The problems that a Condition says stand above it.
pub fn parents_of(condition: &Value) -> Vec<&str> {
    relations_of(condition, "parent")
}

/// The problems that a Condition names with this relation.
pub fn relations_of<'a>(condition: &'a Value, relation: &str) -> Vec<&'a str> {
    let part = |one: &Value, name: &str, pointer: &str| -> Option<String> {
        let part = list(one, "/extension")
            .iter()
            .find(|part| text(part, "/url") == Some(name))?;
        text(part, pointer).map(str::to_owned)
    };
    extensions(condition, "RelatedProblemHeader-1")
        .filter(|one| part(one, "type", "/valueCode").as_deref() == Some(relation))
        .filter_map(|one| {
            let target = list(one, "/extension")
                .iter()
                .find(|part| text(part, "/url") == Some("target"))?;
            text(target, "/valueReference/reference").map(id_of)
        })
        .collect()
}

fn problem(xml: &mut Xml, condition: &Value) {
    xml.of("problem", |xml| {
        xml.leaf("id", event_of(condition));
        let status = match text(condition, "/clinicalStatus") {
            Some("active") => "A",
            _ => "I",
        };
        xml.leaf("status", Some(status));
        let significance = extension(condition, "ProblemSignificance-1");
        let significance = match significance.and_then(|one| text(one, "/valueCode")) {
            Some("major") => Some("S"),
            Some("minor") => Some("M"),
            _ => None,
        };
        xml.leaf("significance", significance);
        if let Some(end) = text(condition, "/abatementDateTime") {
            date_part(xml, "endTime", Some(end));
        }
        for parent in parents_of(condition) {
            xml.of("parentProblem", |xml| {
                let own = parent.trim_end_matches("-PROB");
                xml.leaf("id", Some(own));
                xml.leaf("relationshipType", Some("GRP"));
            });
        }
        for linked in content_of(condition) {
            xml.of("eventLink", |xml| {
                xml.leaf("id", Some(id_of(linked)));
                xml.leaf("eventLinkType", Some("ASS"));
            });
        }
    });
}
