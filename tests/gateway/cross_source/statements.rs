//! What a mapped record says, in plain words: one statement per clinical resource, without ids and without anything that
//! only says which system it came from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use openmig::fhir::{IdKey, to_json};
use openmig::mapping::{Mapped, MappingContext, Tables, map};
use openmig::record::{GpRecord, NhsNumber};
use serde_json::Value;

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// Resource type, and what tells its kinds apart.
    pub kind: String,
    /// What and when.
    pub key: String,
    /// Everything else, by name.
    pub items: BTreeMap<&'static str, String>,
}

/// A record in statements, with the codings that each term came with.
pub struct Said {
    /// Sorted.
    pub statements: Vec<Statement>,
    /// Those of them that the source marks as not to be seen.
    pub private: Vec<Statement>,
    /// Of every term, the codings (system, code).
    pub codings: HashMap<String, BTreeSet<(String, String)>>,
}

impl Said {
    /// The same without what is not to be seen.
    pub fn open(&self) -> Self {
        let mut statements = self.statements.clone();
        for one in &self.private {
            let at = statements.iter().position(|other| other == one);
            statements.remove(at.expect("one of the statements"));
        }
        Self {
            statements,
            private: Vec::new(),
            codings: self.codings.clone(),
        }
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

fn number(value: &Value, pointer: &str) -> Option<String> {
    let value = value.pointer(pointer)?;
    value.is_number().then(|| value.to_string())
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

fn extension<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    list(value, "/extension")
        .iter()
        .find(|one| text(one, "/url").is_some_and(|url| url.ends_with(name)))
}

/// The record as statements.
pub fn said(
    record: GpRecord,
    tables: &Tables,
    number: &NhsNumber,
    today: jiff::civil::Date,
) -> Said {
    let ids = IdKey::new([7; 32]);
    let context = MappingContext {
        tables,
        ids: &ids,
        patient: ids.patient(number),
        nhs_number: number,
        today,
        practice_name: "The practice",
    };
    let mapped = map(record, &context);
    let all: Vec<(&Mapped, Value)> = mapped
        .resources
        .iter()
        .map(|one| {
            let json = to_json(&one.resource).expect("a resource that can be written");
            (one, serde_json::from_slice(&json).expect("JSON"))
        })
        .collect();
    let by_reference: HashMap<String, &Value> = all
        .iter()
        .map(|(one, json)| (format!("{}/{}", one.kind.name(), one.id), json))
        .collect();
    let (mut statements, mut private) = (Vec::new(), Vec::new());
    let mut codings: HashMap<String, BTreeSet<(String, String)>> = HashMap::new();
    for (one, json) in &all {
        // A SystmOne report has a name and no code.
        if one.kind != openmig::fhir::Kind::DiagnosticReport
            && let Some(concept) = concept(json)
            && let Some(term) = text(concept, "/text")
        {
            let known = codings.entry(term.to_owned()).or_default();
            known.extend(list(concept, "/coding").iter().filter_map(|coding| {
                Some((
                    text(coding, "/system")?.to_owned(),
                    text(coding, "/code")?.to_owned(),
                ))
            }));
        }
        let said = statement(one, json, &by_reference);
        private.extend(said.clone().filter(|_| !one.restrictions.is_empty()));
        statements.extend(said);
    }
    statements.sort();
    Said {
        statements,
        private,
        codings,
    }
}

fn concept(json: &Value) -> Option<&Value> {
    extension(json, "VaccinationProcedure")
        .and_then(|one| one.get("valueCodeableConcept"))
        .or_else(|| json.get("medicationCodeableConcept"))
        .or_else(|| json.get("code"))
}

fn term(json: &Value) -> String {
    let term = concept(json).and_then(|concept| text(concept, "/text"));
    term.unwrap_or("no term").to_owned()
}

struct Draft {
    kind: String,
    what: String,
    date: Option<String>,
    items: BTreeMap<&'static str, String>,
}

impl Draft {
    fn put(&mut self, name: &'static str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.items.insert(name, value.into());
        }
    }
}

fn statement(one: &Mapped, json: &Value, all: &HashMap<String, &Value>) -> Option<Statement> {
    let kind = text(json, "/resourceType")?;
    let mut draft = Draft {
        kind: kind.to_owned(),
        what: term(json),
        date: None,
        items: BTreeMap::new(),
    };
    let date = |pointer| text(json, pointer).map(str::to_owned);
    let behind = |reference: &Value| text(reference, "/reference").and_then(|r| all.get(r));
    let terms = |pointer: &str| -> Option<String> {
        let mut terms: Vec<String> = list(json, pointer)
            .iter()
            .filter_map(behind)
            .map(|json| term(json))
            .collect();
        terms.sort();
        (!terms.is_empty()).then(|| terms.join(" + "))
    };
    match kind {
        "Condition" => {
            draft.date = date("/onsetDateTime");
            draft.put("status", text(json, "/clinicalStatus/coding/0/code"));
            draft.put("end", text(json, "/abatementDateTime"));
            let significance = extension(json, "problem-significance");
            draft.put(
                "significance",
                significance.and_then(|s| text(s, "/valueCode")),
            );
            let categories: Vec<&str> = list(json, "/category")
                .iter()
                .filter_map(|one| text(one, "/coding/0/code"))
                .collect();
            draft.put("category", Some(categories.join(" + ")));
        }
        "MedicationRequest" => {
            let intent = text(json, "/intent").unwrap_or_default();
            draft.kind = format!("MedicationRequest {intent}");
            draft.date = date("/authoredOn");
            draft.put("status", text(json, "/status"));
            draft.put(
                "course type",
                text(json, "/courseOfTherapyType/coding/0/code"),
            );
            draft.put("dosage", text(json, "/dosageInstruction/0/text"));
            draft.put("quantity", number(json, "/dispenseRequest/quantity/value"));
            draft.put(
                "quantity unit",
                text(json, "/dispenseRequest/quantity/unit"),
            );
            let days = number(json, "/dispenseRequest/expectedSupplyDuration/value");
            draft.put("days", days);
            draft.put("start", text(json, "/dispenseRequest/validityPeriod/start"));
            draft.put("end", text(json, "/dispenseRequest/validityPeriod/end"));
            draft.put(
                "repeats",
                number(json, "/dispenseRequest/numberOfRepeatsAllowed"),
            );
            draft.put("course", terms("/basedOn"));
        }
        "MedicationStatement" => {
            draft.date = date("/effectivePeriod/start");
            draft.put("status", text(json, "/status"));
            draft.put("end", text(json, "/effectivePeriod/end"));
            draft.put("dosage", text(json, "/dosage/0/text"));
            let last = extension(json, "LastIssueDate");
            draft.put(
                "last issue",
                last.and_then(|one| text(one, "/valueDateTime")),
            );
        }
        "AllergyIntolerance" => {
            draft.date = date("/onsetDateTime");
            draft.put("status", text(json, "/clinicalStatus/coding/0/code"));
            draft.put("category", text(json, "/category/0"));
            let statement = extension(json, "allergy-statement");
            let words = statement.and_then(|one| text(one, "/valueCodeableConcept/text"));
            draft.put("statement", words);
        }
        "Procedure" => {
            draft.date = date("/performedDateTime");
            draft.put("status", text(json, "/status"));
        }
        "Immunization" => {
            draft.date = date("/occurrenceDateTime");
            draft.put("status", text(json, "/status"));
            draft.put("batch", text(json, "/lotNumber"));
            draft.put("part", text(json, "/protocolApplied/0/doseNumberString"));
        }
        "Observation" => observation(&mut draft, json, terms("/hasMember")),
        "DiagnosticReport" => {
            draft.date = date("/effectiveDateTime");
            draft.put("category", text(json, "/category/0/coding/0/code"));
            draft.put("results", terms("/result"));
            draft.put("specimens", Some(list(json, "/specimen").len().to_string()));
        }
        "ServiceRequest" => {
            draft.date = date("/authoredOn");
            draft.put("status", text(json, "/status"));
            draft.put("priority", text(json, "/priority"));
            draft.put("speciality", text(json, "/performerType/text"));
        }
        "Encounter" => {
            let class = text(json, "/class/code").unwrap_or_default();
            draft.what = String::new();
            if class == "IMP" {
                draft.kind = "Encounter IMP".to_owned();
                draft.what = text(json, "/type/0/text").unwrap_or("admission").to_owned();
            }
            draft.put("class", Some(class));
            draft.date = date("/period/start").or_else(|| date("/period/end"));
            draft.put("status", text(json, "/status"));
        }
        "Flag" => {
            draft.date = date("/period/start");
            draft.put("status", text(json, "/status"));
        }
        "DocumentReference" => {
            draft.what = text(json, "/type/text").unwrap_or_default().to_owned();
            draft.date = date("/content/0/attachment/creation");
        }
        _ => return None,
    }
    let sections: BTreeSet<&str> = one.sections.iter().map(|s| s.code()).collect();
    let sections: Vec<&str> = sections.into_iter().collect();
    draft.put("sections", Some(sections.join(" ")));
    draft.put("clinician", clinician(json));
    draft.put("recorded", recorded(json));
    draft.put("problems", problems(json, all));
    let date = draft.date.clone().unwrap_or_default();
    // Two contacts of one year are told apart by their day; anything else by its term, its date being something to compare.
    let key = match kind {
        "Encounter" if draft.what.is_empty() => date.get(..10).unwrap_or("no date").to_owned(),
        _ => draft.what.clone(),
    };
    draft.put("date", draft.date.clone());
    Some(Statement {
        kind: draft.kind,
        key,
        items: draft.items,
    })
}

fn observation(draft: &mut Draft, json: &Value, members: Option<String>) {
    draft.date = text(json, "/effectiveDateTime").map(str::to_owned);
    let components = list(json, "/component");
    if !components.is_empty() {
        draft.kind = "Observation of two".to_owned();
        draft.what = "pair".to_owned();
    }
    draft.put("status", text(json, "/status"));
    draft.put("category", text(json, "/category/0/coding/0/code"));
    draft.put("members", members);
    for (value, pointer) in [("value", "/valueQuantity"), ("words", "/valueString")] {
        draft.put(value, json.pointer(pointer).map(quantity));
    }
    let pair: Vec<String> = components
        .iter()
        .filter_map(|one| Some(quantity(one.get("valueQuantity")?)))
        .collect();
    draft.put("pair", (!pair.is_empty()).then(|| pair.join(" over ")));
    let mark = text(json, "/interpretation/0/coding/0/code");
    draft.put("interpretation", mark);
    let ranges: Vec<String> = list(json, "/referenceRange")
        .iter()
        .map(|range| {
            let bound = |side: &str| range.pointer(side).map(quantity).unwrap_or_default();
            let words = text(range, "/text").unwrap_or_default();
            format!("{} to {} {words}", bound("/low"), bound("/high"))
        })
        .collect();
    draft.put("range", (!ranges.is_empty()).then(|| ranges.join("; ")));
}

/// Who answers for it, in the order in which the kinds name them.
fn clinician(json: &Value) -> Option<&str> {
    if text(json, "/resourceType") == Some("DiagnosticReport") {
        return text(json, "/resultsInterpreter/0/display");
    }
    [
        "/participant/0/individual/display",
        "/asserter/display",
        "/requester/display",
        "/performer/0/actor/display",
        "/performer/0/display",
        "/resultsInterpreter/0/display",
        "/informationSource/display",
        "/author/0/display",
    ]
    .into_iter()
    .find_map(|pointer| text(json, pointer))
}

/// When it was entered.
fn recorded(json: &Value) -> Option<&str> {
    let own = extension(json, "/recorded").and_then(|one| text(one, "/valueDateTime"));
    let elements = ["/recordedDate", "/recorded", "/issued", "/dateAsserted"];
    own.or_else(|| elements.into_iter().find_map(|at| text(json, at)))
}

/// The terms of the problems that it is linked to.
fn problems(json: &Value, all: &HashMap<String, &Value>) -> Option<String> {
    let reasons = list(json, "/reasonReference").iter();
    let extended = list(json, "/extension").iter();
    let mut terms: Vec<String> = reasons
        .chain(extended.filter_map(|one| one.get("valueReference")))
        .filter_map(|one| all.get(text(one, "/reference")?))
        .filter(|other| text(other, "/resourceType") == Some("Condition"))
        .map(|other| term(other))
        .collect();
    terms.sort();
    terms.dedup();
    (!terms.is_empty()).then(|| terms.join(" + "))
}

fn quantity(value: &Value) -> String {
    if let Some(words) = value.as_str() {
        return words.to_owned();
    }
    let sign = text(value, "/comparator").unwrap_or_default();
    let number = number(value, "/value").unwrap_or_default();
    let unit = text(value, "/unit").unwrap_or_default();
    format!("{sign}{number} {unit}")
}
