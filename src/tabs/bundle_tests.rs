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
    let tabs = ToldTabs::of(&released, kind, &[], selection.shown());
    let bytes = searchset(&released, BASE, &selection, &tabs, outcome).into_bytes();
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
        &released
            .splice(b"{\"resourceType\":\"Bundle\"", &parts)
            .into_bytes(),
    )
    .unwrap();
    assert_eq!(it["entry"].as_array().unwrap().len(), 1);
    assert_eq!(it["entry"][0]["resource"]["resourceType"], "Patient");
}

/// The Bundle put together as plainly as can be, entry by entry.
fn plainly(released: &Released, head: &str, parts: &[Part<'_>]) -> String {
    let mut entries = Vec::new();
    for part in parts {
        match part {
            Part::Raw(json) => entries.push(String::from_utf8(json.to_vec()).unwrap()),
            Part::Entry(n, mode) => {
                let Some(entry) = released.entry(*n) else {
                    continue;
                };
                let mode = match mode {
                    Some(Mode::Match) => r#","search":{"mode":"match"}"#,
                    Some(Mode::Include) => r#","search":{"mode":"include"}"#,
                    None => "",
                };
                let json = std::str::from_utf8(entry.json()).unwrap();
                let (kind, id) = (entry.kind().name(), entry.id());
                entries.push(format!(
                    r#"{{"fullUrl":"{BASE}/{kind}/{id}","resource":{json}{mode}}}"#
                ));
            }
        }
    }
    match entries.as_slice() {
        [] => format!("{head}}}"),
        entries => format!(r#"{head},"entry":[{}]}}"#, entries.join(",")),
    }
}

/// A record in which runs of neighbours are long enough to be shared, and some are cut by what is not visible.
fn long() -> Arc<crate::release::Held> {
    static LONG: std::sync::LazyLock<Arc<crate::release::Held>> = std::sync::LazyLock::new(|| {
        let mut resources = f::ordinary();
        for n in 0..60 {
            let date = format!("2020-01-{:02}", n % 28 + 1);
            let section = if n % 11 == 0 {
                crate::tabs::catalogue::Section::BloodPressures
            } else {
                crate::tabs::catalogue::Section::Biochemistry
            };
            let name = format!("o{n}");
            let it = f::observation(&name, system::READ_V2, "44I5.", &date, &[section]);
            resources.push(it);
        }
        Arc::new(f::held(f::record(SourceFamily::Emis, resources)))
    });
    Arc::clone(&LONG)
}

proptest::proptest! {
    // Shared or copied, in whichever pieces: the bytes are those of the plain way, and only what is visible is in them
    #[test]
    fn pieces_add_up_to_the_plain_bundle(
        starts in proptest::collection::vec((0..90_usize, 1..40_usize, 0..5_u8), 0..6),
        tabs in 0..4_u8,
    ) {
        let held = long();
        let tabs = match tabs {
            0 => [crate::tabs::catalogue::Tab::Problems].into_iter().collect(),
            1 => [crate::tabs::catalogue::Tab::Investigations].into_iter().collect(),
            _ => TabSet::ALL,
        };
        let released = for_caller(&held, tabs, &|_| true);
        let mut parts = Vec::new();
        for (start, length, mode) in starts {
            match mode {
                3 => parts.push(Part::Raw(b"{\"raw\":1}")),
                mode => parts.extend((start..start + length).map(|n| {
                    let mode = [Some(Mode::Include), None].get(usize::from(mode)).copied();
                    Part::Entry(n, mode.unwrap_or(Some(Mode::Match)))
                })),
            }
        }
        let head = r#"{"resourceType":"Bundle""#;
        let spliced = released.splice(head.as_bytes(), &parts);
        let whole = spliced.clone().into_bytes();
        proptest::prop_assert_eq!(
            std::str::from_utf8(&whole).unwrap(),
            plainly(&released, head, &parts)
        );
        for piece in spliced.into_pieces() {
            proptest::prop_assert!(!piece.is_empty());
        }
    }
}

#[test]
fn neighbours_are_shared_not_copied() {
    let held = long();
    let released = for_caller(&held, TabSet::ALL, &|_| true);
    let places: Vec<_> = released.of_kind(Kind::Observation).iter().collect();
    let parts: Vec<_> = places
        .iter()
        .map(|n| Part::Entry(*n, Some(Mode::Match)))
        .collect();
    let pieces = released.splice(b"{", &parts).into_pieces();
    assert_eq!(pieces.len(), 3, "head, one run, end");
    let again = released.splice(b"{", &parts).into_pieces();
    assert_eq!(pieces[1].as_ptr(), again[1].as_ptr());
}
