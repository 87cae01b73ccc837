//! Rules 6, 8, 9, 20 and 22: bytes that are no message, or too much of one.

use super::{error, fetch, generous, limits, lost, named, practice, record, second, told};
use crate::source::SourceError;
use crate::source::conformance::server::Behave;
use crate::source::conformance::{Fixture, HOOK, Item, Story};

// 6, 20: a message cut at any byte is an error, never a shorter record
pub async fn rule_06_cut_short_is_an_error(fixture: &dyn Fixture) {
    let story = Story::of(vec![Item::default(), second()]);
    let whole = told(fixture, &story);
    let adapter = fixture.adapter("127.0.0.1:9", limits());
    let end = whole.trim_end().len();
    for at in (0..end - 1).filter(|at| whole.is_char_boundary(*at)) {
        let bytes = whole.as_bytes().get(..at).unwrap();
        assert!(adapter.read(bytes, &practice()).is_err(), "cut at {at}");
    }
    for at in [1, end / 3, end / 2, end - 1] {
        let does = Behave::Cut(whole.clone().into_bytes(), at);
        let (result, _) = fetch(fixture, generous(), does).await;
        assert!(result.is_err(), "cut at {at}");
    }
    let (result, _) = fetch(fixture, generous(), Behave::Answer(Vec::new())).await;
    assert!(result.is_err());
}

// 8
pub async fn rule_08_errors_have_a_position(fixture: &dyn Fixture) {
    let text = told(fixture, &Story::default()).replacen(HOOK, "</nonsense>", 1);
    let at = text.find("</nonsense>").unwrap();
    match error(fixture, &text).await {
        SourceError::Malformed(error) => {
            assert!(error.to_string().contains("at byte"));
            let near = usize::try_from(error.position).unwrap().abs_diff(at);
            assert!(near <= "</nonsense>".len(), "{} and {at}", error.position);
        }
        other => panic!("{other:?}"),
    }
}

// 9: no DTD, no entity, caps on depth, attributes and text, no control characters, UTF-8 alone
pub async fn rule_09_bytes_are_hostile(fixture: &dyn Fixture) {
    let good = told(fixture, &Story::default());
    assert_eq!(good.matches(HOOK).count(), 1, "the fixture has its hook");
    let declared = good.trim_start_matches("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    let attributes: String = (0..1_000_000).map(|n| format!(" a{n}='1'")).collect();
    let hooked = |payload: &str| good.replacen(HOOK, payload, 1);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (
            format!("<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>{declared}").into(),
            "document type",
        ),
        (
            format!(
                "<!DOCTYPE x [<!ENTITY a '{}'>]>{declared}",
                "b".repeat(1000)
            )
            .into(),
            "document type",
        ),
        (hooked("&bomb;").into(), "entity"),
        (hooked("<x y='&bomb;'/>").into(), "entity"),
        (
            hooked(&("<x>".repeat(10_000) + &"</x>".repeat(10_000))).into(),
            "nested too deeply",
        ),
        (hooked(&format!("<x{attributes}/>")).into(), "attributes"),
        (
            hooked(&format!(
                "<x {}/>",
                (0..100).map(|n| format!("a{n}='' ")).collect::<String>()
            ))
            .into(),
            "attributes",
        ),
        (
            hooked(&format!("<x a='{}'/>", "b".repeat(100_000))).into(),
            "attributes",
        ),
        (hooked("<x a='1' a='2'/>").into(), "attribute"),
        (hooked("a\u{2}b").into(), "control character"),
        (hooked("&#2;").into(), "control character"),
        (hooked("<x a='&#x1f;'/>").into(), "control character"),
        (
            format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>{declared}").into(),
            "encoding",
        ),
        (
            format!("<?xml version=\"1.1\"?>{declared}").into(),
            "version",
        ),
        (
            good.bytes()
                .map(|b| if b == b'A' { 0xe9 } else { b })
                .collect(),
            "UTF-8",
        ),
        (
            good.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            "control character",
        ),
        (format!("{good}{good}").into(), ""),
        (format!("{good}trailing").into(), ""),
    ];
    let adapter = fixture.adapter("127.0.0.1:9", limits());
    for (bytes, why) in cases {
        match adapter.read(&bytes, &practice()) {
            Err(SourceError::Malformed(error)) => {
                let words = error.to_string();
                assert!(words.contains(why) && words.contains("at byte"), "{words}");
            }
            other => panic!("{why}: {:?}", other.map(|record| record.entries.len())),
        }
    }
}

// 20
pub async fn rule_20_no_bytes_panic(fixture: &dyn Fixture) {
    use proptest::prelude::*;
    let adapter = fixture.adapter("127.0.0.1:9", limits());
    let good = told(fixture, &Story::of(vec![Item::default(), second()])).into_bytes();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    let changes = proptest::collection::vec((0..good.len(), any::<u8>()), 1..6);
    runner
        .run(&changes, |changes| {
            let mut bytes = good.clone();
            for (at, byte) in changes {
                bytes[at] = byte;
            }
            let _ = adapter.read(&bytes, &practice());
            Ok(())
        })
        .unwrap();
    let noise = proptest::collection::vec(any::<u8>(), 0..300);
    runner
        .run(&noise, |bytes| {
            prop_assert!(adapter.read(&bytes, &practice()).is_err());
            Ok(())
        })
        .unwrap();
}

// 22: an item over the caps is missing, the rest is there, and the record says that something is missing
pub async fn rule_22_one_part_does_not_blank_the_others(fixture: &dyn Fixture) {
    let vast = Item {
        words: 3 * 1024 * 1024,
        date: "2023-01-01",
        ..Item::default()
    };
    let record = record(fixture, &Story::of(vec![vast, second()])).await;
    assert!(!record.missing.is_empty());
    assert_eq!(lost(&record, "too-large"), 1);
    assert!(named(&record, "Asthma").is_empty());
    assert_eq!(named(&record, "Diabetes mellitus").len(), 1);
}
