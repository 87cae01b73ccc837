//! What the gateway made of the record, as JSON, found by the native ids that it carries.

use std::collections::HashMap;

use openmig::fhir::{IdKey, to_json};
use openmig::mapping::{MappingContext, Tables, map};
use openmig::record::{GpRecord, Loss, NhsNumber};
use serde_json::Value;

use super::stu3::{extension, list, text};

/// A mapped record.
pub struct Mapped {
    /// Every resource.
    pub resources: Vec<Value>,
    /// What was left behind.
    pub losses: Vec<Loss>,
    by_native: HashMap<String, Vec<usize>>,
    by_id: HashMap<String, usize>,
}

/// The record mapped on a day.
pub fn mapped(record: GpRecord, today: jiff::civil::Date) -> Mapped {
    let tables = Tables::load().expect("the tables");
    let number = NhsNumber::parse("9990000018").expect("a number");
    let ids = IdKey::new([7; 32]);
    let context = MappingContext {
        tables: &tables,
        ids: &ids,
        patient: ids.patient(&number),
        nhs_number: &number,
        today,
        practice_name: "The practice",
    };
    let record = map(record, &context);
    let resources: Vec<Value> = record
        .resources
        .iter()
        .map(|one| {
            let json = to_json(&one.resource).expect("a resource that can be written");
            serde_json::from_slice(json.as_ref()).expect("JSON")
        })
        .collect();
    let mut by_native: HashMap<String, Vec<usize>> = HashMap::new();
    let mut by_id = HashMap::new();
    for (at, one) in resources.iter().enumerate() {
        by_id.insert(text(one, "/id").unwrap_or_default().to_owned(), at);
        for identifier in list(one, "/identifier") {
            let ours = text(identifier, "/system").is_some_and(|s| s.contains("/Id/source/"));
            if let (true, Some(value)) = (ours, text(identifier, "/value")) {
                by_native.entry(value.to_lowercase()).or_default().push(at);
            }
        }
    }
    Mapped {
        resources,
        losses: record.losses,
        by_native,
        by_id,
    }
}

impl Mapped {
    /// What an entry became.
    pub fn natives(&self, native: &str) -> Vec<&Value> {
        let places = self.by_native.get(&native.to_lowercase());
        places
            .into_iter()
            .flatten()
            .filter_map(|at| self.resources.get(*at))
            .collect()
    }

    /// What an entry became of one type.
    pub fn native(&self, kind: &str, native: &str) -> Option<&Value> {
        self.natives(native)
            .into_iter()
            .find(|one| text(one, "/resourceType") == Some(kind))
    }

    /// The native ids of what a reference points at.
    pub fn behind(&self, reference: &Value) -> Vec<String> {
        let id = text(reference, "/reference").and_then(|one| one.rsplit('/').next());
        let found = id.and_then(|id| self.resources.get(*self.by_id.get(id)?));
        found
            .map(|one| list(one, "/identifier"))
            .unwrap_or_default()
            .iter()
            .filter_map(|one| text(one, "/value"))
            .map(str::to_lowercase)
            .collect()
    }
}

/// When it was true or done.
pub fn date(resource: &Value) -> Option<&str> {
    [
        "/effectiveDateTime",
        "/onsetDateTime",
        "/performedDateTime",
        "/occurrenceDateTime",
        "/dispenseRequest/validityPeriod/start",
        "/authoredOn",
        "/period/start",
    ]
    .into_iter()
    .find_map(|pointer| text(resource, pointer))
}

/// When it was entered.
pub fn recorded(resource: &Value) -> Option<&str> {
    ["/issued", "/recordedDate", "/recorded", "/dateAsserted"]
        .into_iter()
        .find_map(|pointer| text(resource, pointer))
        .or_else(|| text(extension(resource, "/recorded")?, "/valueDateTime"))
}

/// The name of who was responsible.
pub fn clinician(resource: &Value) -> Option<&str> {
    [
        "/performer/0/actor/display",
        "/asserter/display",
        "/requester/display",
        "/author/display",
        "/performer/0/display",
    ]
    .into_iter()
    .find_map(|pointer| text(resource, pointer))
}

/// The coded statement.
pub fn concept(resource: &Value) -> Option<&Value> {
    extension(resource, "VaccinationProcedure")
        .and_then(|one| one.get("valueCodeableConcept"))
        .or_else(|| extension(resource, "allergy-statement")?.get("valueCodeableConcept"))
        .or_else(|| resource.get("code"))
        .or_else(|| resource.get("medicationCodeableConcept"))
        .or_else(|| resource.pointer("/reasonCode/0"))
}

/// The problems that an entry says it belongs to.
pub fn problems(resource: &Value) -> Vec<&Value> {
    let linked = ["workflow-reasonReference", "condition-related"];
    let by_extension = list(resource, "/extension")
        .iter()
        .filter(|one| {
            let url = text(one, "/url").unwrap_or_default();
            linked.iter().any(|name| url.ends_with(name))
        })
        .filter_map(|one| one.get("valueReference"));
    by_extension
        .chain(list(resource, "/reasonReference"))
        .collect()
}
