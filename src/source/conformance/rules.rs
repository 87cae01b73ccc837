//! The rules, by their numbers in `docs/adapter-spec.md`.

mod bytes;
mod content;
mod exchange;

pub use bytes::*;
pub use content::*;
pub use exchange::*;

use std::time::Duration;

use super::server::{Behave, Server};
use super::{Fixture, Item, Story, TEXT};
use crate::record::{Entry, GpRecord, NhsNumber, OdsCode};
use crate::source::{RecordAsk, SourceError, SourceLimits, SourceReply};

/// Whom the suite asks for.
pub const NUMBER: &str = "9990000018";
const OTHER: &str = "9990000387";
const ID: &str = "0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001";
const SECOND: &str = "22222222-2222-4222-8222-222222222222";
const THIRD: &str = "33333333-3333-4333-8333-333333333333";

fn practice() -> OdsCode {
    OdsCode("Z99001".to_owned())
}

fn ask() -> RecordAsk {
    RecordAsk {
        nhs_number: NhsNumber::parse(NUMBER).unwrap(),
        practice: practice(),
        requester: OdsCode("Z9H01".to_owned()),
        clinician: "dr.lookup".to_owned(),
        message_id: ID.to_owned(),
        asked_at: jiff::Timestamp::UNIX_EPOCH,
        parts: crate::source::Parts::Whole,
    }
}

/// Limits that a test can wait for.
fn limits() -> SourceLimits {
    SourceLimits {
        deadline: Duration::from_millis(300),
        max_bytes: 200 * 1024,
        max_concurrent: 4,
    }
}

fn generous() -> SourceLimits {
    SourceLimits {
        deadline: Duration::from_secs(20),
        max_bytes: 8 * 1024 * 1024,
        max_concurrent: 4,
    }
}

/// Asks a server that behaves so. Whatever comes of it, no error names the patient (rule 4).
async fn fetch(
    fixture: &dyn Fixture,
    limits: SourceLimits,
    does: Behave,
) -> (Result<SourceReply, SourceError>, Vec<String>) {
    let server = Server::start(fixture.transport(), move |_| does.clone()).await;
    let adapter = fixture.adapter(&server.address, limits);
    let result = adapter.fetch(&ask()).await;
    if let Err(error) = &result {
        let words = format!("{error} {error:?}");
        for secret in [NUMBER, OTHER, TEXT, "Asthma"] {
            assert!(!words.contains(secret), "{words}");
        }
    }
    (result, server.asked())
}

async fn answered(fixture: &dyn Fixture, text: &str) -> Result<SourceReply, SourceError> {
    let does = Behave::Answer(text.as_bytes().to_vec());
    fetch(fixture, generous(), does).await.0
}

fn told(fixture: &dyn Fixture, story: &Story) -> String {
    fixture.answer(story, Some(ID))
}

/// The record that an answer telling this story becomes.
async fn record(fixture: &dyn Fixture, story: &Story) -> GpRecord {
    match answered(fixture, &told(fixture, story)).await {
        Ok(SourceReply::Record(record)) => *record,
        other => panic!("{other:?}"),
    }
}

async fn error(fixture: &dyn Fixture, text: &str) -> SourceError {
    match answered(fixture, text).await {
        Err(error) => error,
        Ok(reply) => panic!("{reply:?}"),
    }
}

fn named<'r>(record: &'r GpRecord, term: &str) -> Vec<&'r Entry> {
    let says = |e: &&Entry| e.code.text.as_deref() == Some(term);
    record.entries.iter().filter(says).collect()
}

fn one<'r>(record: &'r GpRecord, term: &str) -> &'r Entry {
    let found = named(record, term);
    assert_eq!(found.len(), 1, "{term}: {:?}", record.entries);
    found[0]
}

fn lost(record: &GpRecord, reason: &str) -> usize {
    record.losses.iter().filter(|l| l.reason == reason).count()
}

fn second() -> Item {
    Item {
        key: SECOND,
        code: Some("C10.."),
        term: "Diabetes mellitus",
        ..Item::default()
    }
}
