use super::super::search::{SearchAsk, search};
use super::*;
use crate::fhir::Kind;
use crate::record::{SourceFamily, system};
use crate::release::fixture::{self as f, BASE, id};
use crate::release::for_caller;
use crate::tabs::catalogue::TabSet;
use serde_json::Value;
use std::sync::Arc;

fn bundle(
    resources: Vec<crate::mapping::Mapped>,
    kind: Kind,
    query: &str,
    outcome: Option<&[u8]>,
) -> Value {
    let held = Arc::new(f::held(f::record(SourceFamily::Emis, resources)));
    let released = for_caller(&held, TabSet::ALL, &|_| true);
    let params: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let ask = SearchAsk {
        kind,
        params: &params,
        strict: false,
        base: BASE,
    };
    let selection = search(&released, &ask).unwrap();
    let bytes = searchset(&released, BASE, &selection, outcome).into_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

// smart.md F13
#[test]
fn a_searchset_is_whole() {
    let it = bundle(
        f::ordinary(),
        Kind::Condition,
        "_tag=problems&_count=1&_include=Condition:encounter&x=y",
        None,
    );
    assert_eq!(it["resourceType"], "Bundle");
    assert_eq!(it["type"], "searchset");
    assert_eq!(it["total"], 2);
    assert_eq!(it["meta"]["lastUpdated"], "2025-06-01T09:30:00Z");
    let labels: Vec<_> = it["meta"]["security"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["code"].as_str().unwrap())
        .collect();
    assert_eq!(labels, ["N", "SUBSETTED", "NOPERSISTP", "NOINTEGRATE"]);
    assert_eq!(it["link"][0]["relation"], "self");
    let own = it["link"][0]["url"].as_str().unwrap();
    assert!(
        own.starts_with(&format!(
            "{BASE}/Condition?_tag=problems&_count=1&_include="
        )) && !own.contains("x=y")
    );
    let next = it["link"][1]["url"].as_str().unwrap();
    assert!(it["link"][1]["relation"] == "next" && next.contains("&_page="));
    let entries = it["entry"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(
        entries[0]["fullUrl"],
        format!("{BASE}/Condition/{}", id("gout"))
    );
    assert_eq!(entries[0]["resource"]["id"], id("gout"));
    assert_eq!(entries[0]["search"]["mode"], "match");
    assert_eq!(entries[1]["resource"]["resourceType"], "Encounter");
    assert_eq!(entries[1]["search"]["mode"], "include");
}

#[test]
fn an_empty_searchset_has_no_entry_element() {
    let it = bundle(f::ordinary(), Kind::Condition, "code=none", None);
    assert_eq!(it["total"], 0);
    assert!(it.get("entry").is_none());
    let outcome =
        br#"{"resource":{"resourceType":"OperationOutcome"},"search":{"mode":"outcome"}}"#;
    let it = bundle(f::ordinary(), Kind::Condition, "code=none", Some(outcome));
    assert_eq!(it["total"], 0);
    assert_eq!(it["entry"][0]["search"]["mode"], "outcome");
}

// Whatever comes in a parameter goes out escaped
#[test]
fn links_are_escaped() {
    let nasty = "code=%22%5C%0A%3C%E2%82%AC%7C%26";
    let it = bundle(f::ordinary(), Kind::Condition, nasty, None);
    let own = it["link"][0]["url"].as_str().unwrap();
    assert_eq!(own, format!("{BASE}/Condition?{nasty}"));
}

// R047: the Bundle of a patient with something withheld is the same bytes
#[test]
fn the_bundle_does_not_tell() {
    let mut resources = f::ordinary();
    resources.push(f::problem("secret", system::READ_V2, "A788.", "2024-01-01"));
    assert_eq!(
        bundle(resources, Kind::Condition, "", None),
        bundle(f::ordinary(), Kind::Condition, "", None)
    );
}

// A place that is not visible is left out, whoever asks
#[test]
fn splice_shows_only_what_is_visible() {
    let held = Arc::new(f::held(f::record(SourceFamily::Emis, f::ordinary())));
    let released = for_caller(&held, TabSet::NONE, &|_| true);
    let parts: Vec<_> = (0..held.len() + 5).map(|n| Part::Entry(n, None)).collect();
    let it: Value = serde_json::from_slice(
        released
            .splice(BASE, b"{\"resourceType\":\"Bundle\"", &parts)
            .bytes(),
    )
    .unwrap();
    assert_eq!(it["entry"].as_array().unwrap().len(), 1);
    assert_eq!(it["entry"][0]["resource"]["resourceType"], "Patient");
}
