//! Bad input: every refusal is an error with a position, never a panic (design.md 11).

use proptest::prelude::*;

use super::{fixture_open, fixture_openhr};
use crate::record::OdsCode;
use crate::source::SourceError;
use crate::source::emis::read;

fn refused(text: &[u8]) -> String {
    match read(text, &OdsCode("Z99001".to_owned())) {
        Err(SourceError::Malformed(e)) => e.to_string(),
        other => panic!("{:?}", other.map(|r| r.entries.len())),
    }
}

#[test]
fn malformed_messages_are_refused() {
    let text = fixture_openhr();
    let dtd = text.replacen(
        "<!--",
        "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><!--",
        1,
    );
    assert!(refused(dtd.as_bytes()).contains("document type declaration at byte"));
    let deep = text.replacen(
        "<displayTerm>",
        &("<displayTerm>".to_owned() + &"<x>".repeat(100) + &"</x>".repeat(100)),
        1,
    );
    assert!(refused(deep.as_bytes()).contains("nested too deeply"));
    let huge = text.replacen(
        "displayName=\"Asthma\"",
        &format!("displayName=\"{}\"", "x".repeat(70_000)),
        1,
    );
    assert!(refused(huge.as_bytes()).contains("size cap"));
    let many: String = (0..210_000).map(|_| "<x/>").collect();
    let many = text.replacen("<displayTerm>", &format!("<displayTerm>{many}"), 1);
    let record = read(many.as_bytes(), &OdsCode("Z99001".to_owned())).unwrap();
    assert_eq!(record.missing, [crate::record::Missing::Any]);
    let control = text.replacen("Asthma", "Asth\u{2}ma", 1);
    assert!(refused(control.as_bytes()).contains("control character"));
    let encoding = text.replacen("utf-8", "utf-16", 1);
    assert!(refused(encoding.as_bytes()).contains("other than UTF-8"));
    let latin = text.replacen("Asthma", "Asthm\u{0}", 1).into_bytes();
    let latin: Vec<u8> = latin
        .into_iter()
        .map(|b| if b == 0 { 0xe9 } else { b })
        .collect();
    assert!(refused(&latin).contains("not UTF-8"));
    let entity = text.replacen("Asthma since", "&bomb; since", 1);
    assert!(refused(entity.as_bytes()).contains("entity"));
}

#[test]
fn truncated_messages_are_refused_wherever_they_end() {
    for text in [fixture_openhr(), fixture_open()] {
        for at in (1..text.trim_end().len() - 1).step_by(97) {
            assert!(
                read(&text.as_bytes()[..at], &OdsCode("Z99001".to_owned())).is_err(),
                "at {at}"
            );
        }
    }
}

#[test]
fn a_large_document_does_not_matter() {
    let big = "QUJD".repeat(2_400_000);
    let text = fixture_openhr().replacen("U0VDUkVUIFRFWFQ=", &big, 1);
    assert!(read(text.as_bytes(), &OdsCode("Z99001".to_owned())).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, &OdsCode("Z99001".to_owned()));
    }

    /// Any stretch of a message replaced by any other: an error or a record whose ids are unique and whose parents end.
    #[test]
    fn mutated_messages_never_panic(
        open in any::<bool>(),
        from in 0.0..1.0f64,
        length in 0usize..200,
        source in 0.0..1.0f64,
        other in "[<>/a-zA-Z0-9&;='\" -]{0,40}",
        copy in any::<bool>(),
    ) {
        let text = if open { fixture_open() } else { fixture_openhr() };
        let at = |share: f64| {
            let mut at = (text.len() as f64 * share) as usize;
            while !text.is_char_boundary(at) { at -= 1; }
            at
        };
        let (start, end) = (at(from), (at(from) + length).min(text.len()));
        let piece = if copy {
            let start = at(source);
            text[start..(start + length).min(text.len())].to_owned()
        } else {
            other
        };
        let mutated = format!("{}{piece}{}", &text[..start], &text[end..]);
        if let Ok(record) = read(mutated.as_bytes(), &OdsCode("Z99001".to_owned())) {
            let mut ids: Vec<_> = record.entries.iter().map(|e| &e.id).collect();
            ids.sort();
            ids.dedup();
            prop_assert_eq!(ids.len(), record.entries.len());
        }
    }
}
