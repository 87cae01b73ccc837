//! The third-party sample, small messages for every pitfall of sources.md 3.9 that concerns parsing, and bad input.

mod conformance;
mod emis_open;
mod hostile;
mod links;
mod marks;
mod numbers;
mod openhr;
mod sample;

use std::sync::Arc;

use crate::record::{Entry, GpRecord, OdsCode};
use crate::source::emis::read;

fn fixture_openhr() -> &'static str {
    include_str!("../../../tests/fixtures/emis/openhr.xml")
}

fn fixture_open() -> &'static str {
    include_str!("../../../tests/fixtures/emis/emis-open.xml")
}

fn parse(text: &str) -> GpRecord {
    read(text.as_bytes(), &OdsCode("Z99001".to_owned())).unwrap()
}

/// A record with just this in its health domain.
fn openhr(health: &str) -> GpRecord {
    parse(&format!(
        "<openHealthRecord><adminDomain><patient><id>p</id></patient></adminDomain><healthDomain>{health}</healthDomain></openHealthRecord>"
    ))
}

/// The event whose GUID ends so.
fn entry<'r>(record: &'r GpRecord, end: &str) -> &'r Entry {
    let mut found = record
        .entries
        .iter()
        .filter(|e| e.id.ends_with(end) && !e.path.contains("document"));
    let one = found.next().unwrap_or_else(|| panic!("no entry {end}"));
    assert!(found.next().is_none(), "two entries {end}");
    one
}

/// Reasons of the losses of the item whose id ends so.
fn losses(record: &GpRecord, end: &str) -> Vec<&'static str> {
    let of = |id: &Option<Arc<str>>| id.as_deref().is_some_and(|id| id.ends_with(end));
    let losses = record.losses.iter().filter(|l| of(&l.native_id));
    losses.map(|l| l.reason).collect()
}

/// Reasons of the losses whose path holds this.
fn reasons(record: &GpRecord, path: &str) -> Vec<&'static str> {
    let losses = record.losses.iter().filter(|l| l.path.contains(path));
    losses.map(|l| l.reason).collect()
}
