use super::*;
use crate::fhir::Kind;
use crate::fhir::Resource;
use crate::fhir::model::types as t;
use crate::record::{SourceFamily, system};
use crate::release::fixture::{self as f, BASE};
use crate::release::{Held, Mode, Part, for_caller};
use crate::tabs::catalogue::{Section, TabSet};
use std::sync::Arc;

/// Observations with notes so long that few of them, or only one, lie on a piece.
fn long() -> Held {
    let mut all = vec![f::patient()];
    let lengths = [
        PIECE / 3,
        PIECE / 3,
        PIECE / 3,
        2 * PIECE,
        10,
        PIECE / 2,
        10,
        PIECE / 4 * 3,
        PIECE / 4 * 3,
        PIECE / 4 * 3,
    ];
    for (n, length) in lengths.into_iter().enumerate() {
        let name = format!("o{n}");
        let sections = [Section::Biochemistry];
        let mut it = f::observation(&name, system::READ_V2, "44I5.", "2020-01-01", &sections);
        if let Resource::Observation(observation) = &mut it.resource {
            observation.note = vec![t::Annotation {
                text: "x".repeat(length).as_str().into(),
                ..Default::default()
            }];
        }
        all.push(it);
    }
    f::held(f::record(SourceFamily::Emis, all))
}

fn plainly(entry: &ReleasedEntry) -> String {
    let json = std::str::from_utf8(&entry.json).unwrap();
    let (kind, id) = (entry.kind.name(), &entry.id);
    format!(r#"{{"fullUrl":"{BASE}/{kind}/{id}","resource":{json},"search":{{"mode":"match"}}}}"#)
}

// Issue 4: a long record lies in pieces, each whole; every entry is where its span says
#[test]
fn every_entry_lies_whole_on_one_piece() {
    let held = long();
    let sheet = held.sheet();
    let room: Vec<usize> = sheet.pieces.iter().map(|(_, bytes)| bytes.len()).collect();
    assert!(room.len() > 5, "{room:?}");
    assert!(room.iter().filter(|it| **it > PIECE).count() == 1);
    for (n, entry) in held.entries().iter().enumerate() {
        let span = sheet.span(n).unwrap();
        let lies = std::str::from_utf8(sheet.look(span.as_match())).unwrap();
        assert!(lies == plainly(entry), "{n}");
        assert!(sheet.cut(span.as_match()) == lies, "{n}");
        let head = std::str::from_utf8(sheet.look(span.without_tail())).unwrap();
        assert_eq!(
            lies.strip_prefix(head),
            Some(r#","search":{"mode":"match"}}"#)
        );
    }
    assert!(sheet.span(held.len()).is_none());
}

// What lies on no piece, or on two, is not there
#[test]
fn what_is_not_on_one_piece_is_nothing() {
    let held = long();
    let sheet = held.sheet();
    let (first, bytes) = sheet.pieces.first().unwrap();
    let (second, _) = sheet.pieces.get(1).unwrap();
    let end = first + bytes.len();
    for range in [
        end - 1..end + 1,
        end - 1..second + 10,
        usize::MAX - 1..usize::MAX,
        Range {
            start: end - 1,
            end: end - 2,
        },
        Range {
            start: *second,
            end: second - 1,
        },
    ] {
        assert!(sheet.look(range.clone()).is_empty(), "{range:?}");
        assert!(sheet.cut(range.clone()).is_empty(), "{range:?}");
    }
    assert_eq!(sheet.look(end - 1..end), b"}");
    assert!(Sheet::default().cut(0..0).is_empty());
}

// smart.md F13: a page over several pieces is what its entries are, one after the other, and mostly not copied
#[test]
fn a_page_may_reach_over_pieces() {
    let held = Arc::new(long());
    let released = for_caller(&held, TabSet::ALL, &|_| true);
    let places: Vec<usize> = released.of_kind(Kind::Observation).iter().collect();
    assert_eq!(places.len(), 10);
    let entry = |n: &usize| plainly(released.entry(*n).unwrap());
    let expected = places.iter().map(entry).collect::<Vec<_>>().join(",");
    let parts: Vec<Part<'_>> = places
        .iter()
        .map(|n| Part::Entry(*n, Some(Mode::Match)))
        .collect();
    let pieces = released.splice(b"{", &parts).into_pieces();
    let whole = pieces.concat();
    assert!(whole == format!(r#"{{,"entry":[{expected}]}}"#).into_bytes());
    let shared = |piece: &&Bytes| {
        held.sheet().pieces.iter().any(|(_, bytes)| {
            let (from, to) = (bytes.as_ptr() as usize, piece.as_ptr() as usize);
            (from..from + bytes.len()).contains(&to)
        })
    };
    let copied: usize = pieces.iter().filter(|it| !shared(it)).map(Bytes::len).sum();
    assert!(copied < 20_000, "{copied}");
}
