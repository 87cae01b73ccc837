//! Everything that one token can see: every type searched, every page followed, every List, every read.

use std::collections::{BTreeMap, BTreeSet};

use openmig::fhir::kind::KINDS;
use openmig::tabs::catalogue::TABS;
use serde_json::Value;

use super::support::{Answer, TestGateway, Token};

/// What a crawl brought.
pub struct Crawl {
    /// By `Kind/id`.
    pub resources: BTreeMap<String, Value>,
    /// Every answer with its address.
    pub answers: Vec<(String, Answer)>,
}

impl Crawl {
    /// Every body, one after the other.
    pub fn text(&self) -> String {
        let bodies = self.answers.iter().map(|(_, answer)| answer.text());
        bodies.collect::<Vec<_>>().join("\n")
    }

    /// The List with this code.
    pub fn list(&self, patient: &str, code: &str) -> &Value {
        &self.resources[&format!("List/{patient}-{code}")]
    }

    /// The resources that a List names, in its order.
    pub fn members(&self, patient: &str, code: &str) -> Vec<&Value> {
        items(self.list(patient, code))
            .into_iter()
            .map(|(target, _)| &self.resources[&target])
            .collect()
    }
}

/// What a List names, each with its flag.
pub fn items(list: &Value) -> Vec<(String, Option<String>)> {
    let entries = list["entry"].as_array();
    entries
        .into_iter()
        .flatten()
        .map(|entry| {
            let target = entry["item"]["reference"].as_str().unwrap().to_owned();
            let flag = entry["flag"]["coding"][0]["code"].as_str();
            (target, flag.map(str::to_owned))
        })
        .collect()
}

/// `Kind/id` of every resource of a Bundle.
pub fn names(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array();
    entries
        .into_iter()
        .flatten()
        .map(|entry| name(&entry["resource"]))
        .collect()
}

pub fn name(resource: &Value) -> String {
    let text = |member: &str| resource[member].as_str().unwrap_or_default().to_owned();
    format!("{}/{}", text("resourceType"), text("id"))
}

/// The address of the next page.
pub fn next(bundle: &Value) -> Option<String> {
    let links = bundle["link"].as_array();
    links
        .into_iter()
        .flatten()
        .find(|link| link["relation"] == "next")
        .map(|link| link["url"].as_str().unwrap().to_owned())
}

/// The first page of a search and all that follow.
pub fn pages(gateway: &TestGateway, token: &Token, path: &str) -> Vec<(String, Answer)> {
    let mut pages = Vec::new();
    let mut path = Some(path.to_owned());
    while let Some(now) = path {
        let answer = gateway.get(token, &now).expect(200);
        path = next(&answer.json());
        pages.push((now, answer));
        assert!(pages.len() < 1000, "paging has no end");
    }
    pages
}

/// Sees everything. With `reads`, reads every resource by id too.
pub fn crawl(gateway: &TestGateway, token: &Token, reads: bool) -> Crawl {
    let patient = &token.patient;
    let mut answers = Vec::new();
    for kind in KINDS {
        let name = kind.name();
        let path = match name {
            "Patient" => format!("{name}?_id={patient}"),
            "Organization" | "Practitioner" => format!("{name}?_count=1000"),
            _ => format!("{name}?patient={patient}&_count=1000"),
        };
        answers.extend(pages(gateway, token, &path));
    }
    let sections = TABS
        .iter()
        .flat_map(|tab| tab.sections())
        .map(|it| it.code());
    let codes: Vec<&str> = TABS.iter().map(|tab| tab.code()).chain(sections).collect();
    let lists: Vec<String> = codes
        .iter()
        .map(|code| format!("List?patient={patient}&code={code}&_include=List:item"))
        .collect();
    let found = gateway.get_all(token, &lists);
    answers.extend(lists.into_iter().zip(found));
    let mut resources = BTreeMap::new();
    for (path, answer) in &answers {
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        for resource in answer.resources() {
            resources.insert(name(&resource), resource);
        }
    }
    if reads {
        let paths: Vec<String> = resources.keys().cloned().collect();
        let read = gateway.get_all(token, &paths);
        for (path, answer) in paths.iter().zip(&read) {
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            assert_eq!(
                answer.json(),
                resources[path],
                "{path}: read and search differ"
            );
        }
        answers.extend(paths.into_iter().zip(read));
    }
    Crawl { resources, answers }
}

/// Every literal reference in a resource.
pub fn references(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    gather(value, &mut found);
    found
}

fn gather(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == "reference" => {
                        found.insert(text.clone());
                    }
                    _ => gather(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| gather(value, found)),
        _ => {}
    }
}
