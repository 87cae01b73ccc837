//! Answers of GP systems, trace service and worklist, and everything that is made of a record.

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use openmig::fhir::{IdKey, Kind};
use openmig::labelling::{ExclusionList, PracticeRules};
use openmig::mapping::{Mapped, Mapping, MappingContext, Tables};
use openmig::record::{GpRecord, NhsNumber, OdsCode};
use openmig::release::{Held, HeldAsk, release};
use openmig::source::systmone::{End, end};
use openmig::source::xml::Pull;
use openmig::source::{RecordAsk, SourceReply, emis, systmone, trace, worklist};
use openmig::tabs::lists::TabWording;

const TODAY: Date = date(2026, 3, 17);

/// The one who is asked for.
pub const NUMBER: &str = "9990000018";

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables::load().unwrap());
static LIST: LazyLock<ExclusionList> = LazyLock::new(|| ExclusionList::load_embedded().unwrap());
static WORDING: LazyLock<TabWording> = LazyLock::new(|| TabWording::from_tables(&TABLES));

/// A question that the seeds answer.
fn ask() -> RecordAsk {
    RecordAsk {
        nhs_number: NhsNumber::parse(NUMBER).unwrap(),
        practice: OdsCode("Z99001".to_owned()),
        requester: OdsCode("Z9H01".to_owned()),
        clinician: "hospital-doctor".to_owned(),
        message_id: "1".to_owned(),
        asked_at: Timestamp::UNIX_EPOCH,
        parts: openmig::source::Parts::Whole,
    }
}

/// Any XML at all: bounded, and read to its end or refused.
pub fn xml(bytes: &[u8]) {
    let Ok(mut pull) = Pull::new(bytes) else {
        return;
    };
    while let Ok(Some(start)) = pull.next_start() {
        assert!(start.depth <= 200, "deeper than any cap");
        if start.depth.is_multiple_of(3) && pull.element(start).is_err() {
            return;
        }
    }
    let _ = pull.finish();
}

/// An OpenHR or EMIS Open record, and everything that is made of it.
pub fn emis(bytes: &[u8]) {
    if let Ok(record) = emis::read(bytes, &ask().practice) {
        through(record);
    }
}

/// The same inside SOAP and ITK: only ever the record of the one who was asked for.
pub fn emis_envelope(bytes: &[u8]) {
    if let Ok(SourceReply::Record(record)) = emis::read_answer(bytes, &ask()) {
        assert_eq!(record.patient.nhs_number.as_deref(), Some(NUMBER));
        through(*record);
    }
}

/// A SystmOne answer, with envelope and without.
pub fn systmone(bytes: &[u8]) {
    if let Ok(SourceReply::Record(record)) = systmone::read_answer(bytes, &ask()) {
        assert_eq!(record.patient.nhs_number.as_deref(), Some(NUMBER));
    }
    if let Ok(record) = systmone::read(bytes, &ask().practice) {
        through(record);
    }
}

/// The end of an answer over TCP is found whatever the pieces in which it arrives, and not before it is there.
pub fn systmone_framing(bytes: &[u8]) {
    let Some((step, bytes)) = bytes.split_first() else {
        return;
    };
    let step = usize::from(*step).max(1);
    let whole = match end(bytes, 0) {
        End::At(end) => Some(end),
        End::NotBefore(_) => None,
    };
    let (mut arrived, mut from) = (0, 0);
    let found = loop {
        if arrived >= bytes.len() {
            break None;
        }
        arrived = (arrived + step).min(bytes.len());
        match end(&bytes[..arrived], from) {
            End::At(end) => break Some(end),
            End::NotBefore(begin) => {
                assert!(
                    from <= begin && begin <= arrived,
                    "{from} {begin} {arrived}"
                );
                from = begin;
            }
        }
    };
    assert_eq!(found, whole);
    if let Some(end) = whole {
        assert!(bytes[..end].ends_with(b">"));
    }
}

/// A date as sources and searches write it: whatever is read can be written, searched for and ordered.
pub fn dates(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some((from, to)) = openmig::release::dates::range(text) {
        assert!(from < to, "{from} {to}");
    }
    let dates = emis::read_dates(text);
    for date in &dates {
        if let Some(written) = date.to_fhir() {
            let (from, to) = date.range().expect("a date that is written has a range");
            assert!(from < to);
            assert!(
                openmig::release::dates::range(&written).is_some(),
                "{written} cannot be searched for"
            );
        }
        for other in &dates {
            let (one, two) = (date.newest_first(), other.newest_first());
            assert_eq!(one.cmp(&two), two.cmp(&one).reverse());
        }
    }
}

/// What the trace service says.
pub fn trace(bytes: &[u8]) {
    let _ = trace::read(bytes, &ask().nhs_number);
}

/// What a worklist says.
pub fn worklist(bytes: &[u8]) {
    let _ = worklist::read(bytes);
}

/// Record to held: mapped, labelled, withheld, listed, encoded.
fn through(record: GpRecord) {
    let _ = held(record);
}

/// What would be held of a record.
pub fn held(record: GpRecord) -> Option<Held> {
    let number = ask().nhs_number;
    let ids = IdKey::new([7; 32]);
    let context = MappingContext {
        tables: &TABLES,
        ids: &ids,
        patient: ids.patient(&number),
        nhs_number: &number,
        today: TODAY,
        practice_name: "The practice",
    };
    let mut mapping = Mapping::new(record, &context);
    let mut run = mapping.run();
    let mapped: Vec<Mapped> = (0..run.parts())
        .flat_map(|part| run.part(part).collect::<Vec<_>>())
        .collect();
    let patients = mapped.iter().filter(|one| one.kind == Kind::Patient);
    assert_eq!(patients.count(), 1, "exactly one Patient");
    let mut ids: Vec<(&str, &str)> = mapped
        .iter()
        .map(|one| (one.kind.name(), one.id.as_str()))
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "an id twice");
    let released = release(mapping, &LIST, PracticeRules { apply_list: true }).ok()?;
    let ask = HeldAsk {
        retrieved_at: Timestamp::UNIX_EPOCH,
        wording: &WORDING,
        practice_name: Some("The practice"),
        arriving: None,
        exclusions_url: "http://127.0.0.1:8080/exclusions",
        base: "http://127.0.0.1:8080/fhir/r4",
    };
    let held = Held::build(released, &ask).ok()?;
    assert_eq!(held.ids().len(), held.len());
    Some(held)
}
