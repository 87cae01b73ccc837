//! Searchset Bundles: a head in words of our own, then [`Released::splice`].

use std::fmt::Write as _;

use super::search::Selection;
use super::told::ToldTabs;
use crate::fhir::uri;
use crate::release::{Clinical, Mode, Part, Released};

const OBSERVATION_VALUE: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// The searchset of a [`Selection`]. `base` is the address of the API (`http://host/fhir/r4`), `outcome` a whole entry of
/// mode `outcome` (see [`super::incomplete::outcome`]), where something is to be said. `meta.lastUpdated` is the moment
/// of retrieval from the source (R010); `tabs` are said there too (R034).
#[must_use]
pub fn searchset(
    released: &Released,
    base: &str,
    selection: &Selection,
    tabs: &ToldTabs,
    outcome: Option<&[u8]>,
) -> Clinical {
    let matches = selection
        .matches
        .iter()
        .map(|n| Part::Entry(*n, Some(Mode::Match)));
    let includes = selection
        .includes
        .iter()
        .map(|n| Part::Entry(*n, Some(Mode::Include)));
    let parts: Vec<Part<'_>> = matches
        .chain(includes)
        .chain(outcome.map(Part::Raw))
        .collect();
    let head = head(released, &escaped(base), selection, tabs, &parts);
    released.splice(head.as_bytes(), &parts)
}

/// The `meta` of every Bundle that leaves: when the record was retrieved, the highest label of what is in it, and that it
/// is a part of the record. Apart from a category that an oversight group switched off, the same for every patient
/// (governance.md 2.5).
#[must_use]
pub fn meta(released: &Released, tabs: &ToldTabs, parts: &[Part<'_>]) -> String {
    let highest = released.highest(parts).code();
    format!(
        concat!(
            r#""meta":{{"extension":[{}],"lastUpdated":"{}","security":[{{"system":"{}","code":"{}"}},{{"system":"{}","code":"SUBSETTED"}},"#,
            r#"{{"system":"{act}","code":"NOPERSISTP"}},{{"system":"{act}","code":"NOINTEGRATE"}}]}}"#
        ),
        tabs.extension(),
        released.held().last_updated(),
        uri::CONFIDENTIALITY,
        highest,
        OBSERVATION_VALUE,
        act = uri::ACT_CODE
    )
}

fn head(
    released: &Released,
    base: &str,
    selection: &Selection,
    tabs: &ToldTabs,
    parts: &[Part<'_>],
) -> String {
    let mut head = format!(
        r#"{{"resourceType":"Bundle",{},"type":"searchset","total":{}"#,
        meta(released, tabs, parts),
        selection.total
    );
    let kind = selection.kind.name();
    let _ = write!(
        head,
        r#","link":[{{"relation":"self","url":"{base}/{kind}{}"}}"#,
        query(&selection.understood, None)
    );
    if let Some(next) = &selection.next {
        let _ = write!(
            head,
            r#",{{"relation":"next","url":"{base}/{kind}{}"}}"#,
            query(&selection.understood, Some(next))
        );
    }
    head.push(']');
    head
}

/// `?name=value&…`, percent-encoded, which leaves nothing that JSON would have to escape. `page` takes the place of the
/// page that was asked for.
fn query(params: &[(String, String)], page: Option<&str>) -> String {
    let mut out = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in params {
        if page.is_none() || name != "_page" {
            out.append_pair(name, value);
        }
    }
    if let Some(page) = page {
        out.append_pair("_page", page);
    }
    let out = out.finish();
    if out.is_empty() {
        out
    } else {
        format!("?{out}")
    }
}

/// As the inside of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted
        .strip_prefix('"')
        .and_then(|it| it.strip_suffix('"'))
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
