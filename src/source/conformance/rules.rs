//! The rules, by their numbers in `docs/adapter-spec.md`.

use std::collections::HashSet;
use std::time::Duration;

use super::server::{Behave, Server, Transport};
use super::{Fixture, HOOK, Hidden, Item, Kind, Share, Stands, Story, TEXT};
use crate::record::{
    Body, Comparator, Entry, GpRecord, NhsNumber, OdsCode, PartialDate, Registration, Restriction,
    Sharing, Value,
};
use crate::source::{RecordAsk, SourceError, SourceLimits, SourceRefusal, SourceReply};

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

// 1: from the first byte out to the last byte in
pub async fn rule_01_deadline_from_first_byte_to_last(fixture: &dyn Fixture) {
    let whole = told(fixture, &Story::default()).into_bytes();
    for does in [Behave::Stall, Behave::Dribble(whole)] {
        let (result, _) = fetch(fixture, limits(), does).await;
        assert!(matches!(result, Err(SourceError::Timeout(_))), "{result:?}");
    }
}

// 1: an answer over the cap is refused while it arrives
pub async fn rule_01_size_is_capped_while_it_arrives(fixture: &dyn Fixture) {
    let whole = told(fixture, &Story::default()).into_bytes();
    let limits = SourceLimits {
        max_bytes: 200 * 1024,
        ..generous()
    };
    let (result, _) = fetch(fixture, limits, Behave::Endless(whole)).await;
    assert!(
        matches!(result, Err(SourceError::TooLarge(204_800))),
        "{result:?}"
    );
}

// 1: no redirect
pub async fn rule_01_no_redirect(fixture: &dyn Fixture) {
    if fixture.transport() == Transport::Http {
        let (result, asked) = fetch(fixture, generous(), Behave::Redirect).await;
        assert!(matches!(result, Err(SourceError::Status(302))));
        assert_eq!(asked.len(), 1);
    }
}

// 2: only a connection that never stood may be tried again
pub async fn rule_02_asks_once(fixture: &dyn Fixture) {
    let whole = told(fixture, &Story::default()).into_bytes();
    let half = whole.len() / 2;
    for does in [
        Behave::Answer(whole.clone()),
        Behave::Cut(whole, half),
        Behave::Drop,
        Behave::Answer(b"\xff\xfe<<no message".to_vec()),
    ] {
        let (_, asked) = fetch(fixture, generous(), does).await;
        assert_eq!(asked.len(), 1);
    }
}

// 3
pub async fn rule_03_says_who_asks(fixture: &dyn Fixture) {
    let does = Behave::Answer(told(fixture, &Story::default()).into_bytes());
    let (_, asked) = fetch(fixture, generous(), does).await;
    let says = asked[0].contains("dr.lookup") && asked[0].contains("Z9H01");
    assert_eq!(says, fixture.names_who_asks());
}

// 4
pub async fn rule_04_number_in_the_body_alone(fixture: &dyn Fixture) {
    let does = Behave::Answer(told(fixture, &Story::default()).into_bytes());
    let (_, asked) = fetch(fixture, generous(), does).await;
    let (head, body) = asked[0].split_once("\r\n\r\n").unwrap_or(("", &asked[0]));
    assert!(body.contains(NUMBER) && !head.contains(NUMBER));
    assert_eq!(fixture.id_of(body).as_deref(), Some(ID));
}

// 5
pub async fn rule_05_the_answer_belongs_to_the_question(fixture: &dyn Fixture) {
    let story = Story::default();
    let somebody = Story {
        nhs_number: OTHER,
        ..Story::default()
    };
    for text in [
        fixture.answer(&story, Some("0190aaaa-0000-7000-8000-000000000000")),
        fixture.answer(&story, None),
        told(fixture, &somebody),
    ] {
        let error = error(fixture, &text).await;
        assert!(matches!(error, SourceError::Mismatch(_)), "{error}");
    }
}

// 6
pub async fn rule_06_refusals_are_no_errors_and_no_records(fixture: &dyn Fixture) {
    let all = fixture.refusals(ID);
    assert!(
        all.iter()
            .any(|(_, r)| *r == Some(SourceRefusal::NoSuchPatient))
    );
    assert!(all.iter().any(|(_, r)| *r == Some(SourceRefusal::Dissent)));
    assert!(all.iter().any(|(_, r)| r.is_none()));
    for (text, means) in all {
        match (answered(fixture, &text).await, means) {
            (Ok(SourceReply::Refused(said)), Some(means)) => assert_eq!(said, means),
            (Err(SourceError::Fault(_)), None) => {}
            (other, means) => panic!("{means:?}: {other:?}"),
        }
    }
}

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

// 6: empty is not failed
pub async fn rule_06_an_empty_record_is_a_record(fixture: &dyn Fixture) {
    let record = record(fixture, &Story::of(Vec::new())).await;
    assert!(record.entries.is_empty() && record.missing.is_empty());
    assert_eq!(record.standing.registration, Registration::Full);
    assert_eq!(record.standing.sharing, Sharing::Implied);
}

// 7
pub async fn rule_07_what_is_not_said_is_unknown(fixture: &dyn Fixture) {
    for share in [Share::NotSaid, Share::Strange] {
        let story = Story {
            share,
            ..Story::default()
        };
        let record = record(fixture, &story).await;
        assert_eq!(record.standing.sharing, Sharing::Unknown, "{share:?}");
    }
    let story = Story {
        share: Share::Dissent,
        ..Story::default()
    };
    match answered(fixture, &told(fixture, &story)).await {
        Ok(SourceReply::Refused(SourceRefusal::Dissent)) => {}
        Ok(SourceReply::Record(record)) => {
            assert_eq!(record.standing.sharing, Sharing::OptedOut);
        }
        other => panic!("{other:?}"),
    }
    for stands in [Stands::Temporary, Stands::Left, Stands::NotSaid] {
        let story = Story {
            stands,
            ..Story::default()
        };
        let said = record(fixture, &story).await.standing.registration;
        let expected = match stands {
            Stands::Temporary => Registration::Temporary,
            Stands::Left => Registration::Ended,
            _ => Registration::Unknown,
        };
        assert_eq!(said, expected);
    }
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

// 11: as facts, where they stand; what is named and not explained restricts
pub async fn rule_11_restrictions_stay(fixture: &dyn Fixture) {
    let hidden = Item {
        hidden: Hidden::Yes,
        ..Item::default()
    };
    let record = record(fixture, &Story::of(vec![hidden, second()])).await;
    assert!(!one(&record, "Asthma").restrictions.is_empty());
    assert!(one(&record, "Diabetes mellitus").restrictions.is_empty());
    let story = Story {
        contact: Hidden::Yes,
        ..Story::default()
    };
    let whole = self::record(fixture, &story).await;
    let entry = one(&whole, "Asthma");
    let contact = whole
        .encounters
        .iter()
        .find(|e| Some(e.id.as_str()) == entry.encounter.as_deref());
    let of_contact = contact.map_or(&[][..], |c| &c.restrictions);
    assert!(!of_contact.is_empty() || !entry.restrictions.is_empty());
    if fixture.has_policies() {
        let strange = Item {
            hidden: Hidden::Unexplained,
            ..Item::default()
        };
        let record = self::record(fixture, &Story::of(vec![strange])).await;
        assert!(matches!(
            one(&record, "Asthma").restrictions[..],
            [Restriction::Policy { known: false, .. }]
        ));
    }
}

// 11, 17: marks of deletion
pub async fn rule_11_what_was_deleted_is_not_there(fixture: &dyn Fixture) {
    if !fixture.marks_deletion() {
        return;
    }
    let gone = Item {
        deleted: true,
        ..Item::default()
    };
    let record = record(fixture, &Story::of(vec![gone, second()])).await;
    assert!(named(&record, "Asthma").is_empty());
    assert_eq!(record.entries.len(), 1);
    assert!(lost(&record, "deleted") > 0);
}

// 12
pub async fn rule_12_codes_stay_as_they_were_sent(fixture: &dyn Fixture) {
    let wordy = Item {
        key: SECOND,
        code: None,
        term: "Uncoded finding",
        ..Item::default()
    };
    let allergy = Item {
        key: THIRD,
        kind: Kind::Allergy,
        code: Some("SN52."),
        term: "Adverse reaction",
        ..Item::default()
    };
    let record = record(fixture, &Story::of(vec![Item::default(), wordy, allergy])).await;
    let first = one(&record, "Asthma").code.codings.first().unwrap();
    let (system, code) = fixture.coding("H33..");
    assert_eq!((&first.system, &first.code), (&system, &code));
    assert!(first.user_selected);
    assert!(one(&record, "Uncoded finding").code.codings.is_empty());
    let allergy = one(&record, "Adverse reaction");
    assert!(matches!(allergy.body, Body::Allergy(_)));
}

// 13
pub async fn rule_13_dates_numbers_and_units_stay(fixture: &dyn Fixture) {
    let item = |key, term, date| Item {
        key,
        term,
        date,
        ..Item::default()
    };
    let impossible = item(SECOND, "Impossible", "2024-02-31");
    let measured = Item {
        kind: Kind::Value("<=", "5.10", "mmol/L"),
        ..item(THIRD, "Measured", "2024-05-01")
    };
    let record = record(
        fixture,
        &Story::of(vec![Item::default(), impossible, measured]),
    )
    .await;
    let on = |term| one(&record, term).date.earliest();
    assert_eq!(on("Asthma"), Some(jiff::civil::date(2024, 5, 1)));
    // An event has one date for all that is in it: then the impossible one is everybody's, or it stands apart.
    assert_eq!(on("Impossible"), None);
    assert!(lost(&record, "unparsed-date") > 0);
    let Body::Observation(measured) = &one(&record, "Measured").body else {
        panic!("no observation")
    };
    let Some(Value::Quantity(quantity)) = &measured.value else {
        panic!("{measured:?}")
    };
    assert_eq!(quantity.comparator, Some(Comparator::LessOrEqual));
    assert_eq!(quantity.value, "5.10");
    assert_eq!(quantity.unit.as_deref(), Some("mmol/L"));
    if fixture.has_partial_dates() {
        let year = Item {
            year_only: true,
            ..item(SECOND, "In a year", "1999-01-01")
        };
        let record = self::record(fixture, &Story::of(vec![year])).await;
        assert_eq!(one(&record, "In a year").date, PartialDate::Year(1999));
    }
}

// 14
pub async fn rule_14_free_text_stays_out(fixture: &dyn Fixture) {
    let story = Story {
        strange: true,
        items: vec![Item::default(), second()],
        ..Story::default()
    };
    assert!(told(fixture, &story).matches(TEXT).count() > 2);
    let record = record(fixture, &story).await;
    assert!(!format!("{record:?}").contains(TEXT));
    assert!(lost(&record, "free-text") > 0);
}

// 15: unique, the same the next time, and unmoved when another goes
pub async fn rule_15_ids_are_unique_and_stay(fixture: &dyn Fixture) {
    for nameless in [false, true] {
        let value = |key, number| Item {
            key,
            nameless,
            kind: Kind::Value("", number, "kg"),
            code: Some("22A.."),
            term: "O/E - weight",
            ..Item::default()
        };
        let first = Item {
            nameless,
            ..Item::default()
        };
        let items = vec![first, value(SECOND, "70"), value(THIRD, "71")];
        let whole = record(fixture, &Story::of(items.clone())).await;
        let ids: Vec<&String> = whole.entries.iter().map(|e| &e.id).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 3);
        let again = record(fixture, &Story::of(items.clone())).await;
        assert_eq!(ids, again.entries.iter().map(|e| &e.id).collect::<Vec<_>>());
        for gone in 0..items.len() {
            let mut fewer = items.clone();
            fewer.remove(gone);
            let less = record(fixture, &Story::of(fewer)).await;
            let mut expected = ids.clone();
            expected.remove(gone);
            let left: Vec<&String> = less.entries.iter().map(|e| &e.id).collect();
            assert_eq!(left, expected, "without {gone}, nameless: {nameless}");
        }
    }
    // Two of one id that say different things are both there; two that say the same are one, or numbered. It is counted.
    let other = Item {
        key: Item::default().key,
        ..second()
    };
    let clash = record(fixture, &Story::of(vec![Item::default(), other])).await;
    assert_eq!(clash.entries.len(), 2);
    assert_ne!(clash.entries[0].id, clash.entries[1].id);
    let twice = record(fixture, &Story::of(vec![Item::default(), Item::default()])).await;
    let ids: HashSet<&String> = twice.entries.iter().map(|e| &e.id).collect();
    assert_eq!(ids.len(), twice.entries.len());
    let counted = ["duplicate", "duplicate-id", "merged-duplicate"];
    assert!(counted.iter().any(|reason| lost(&twice, reason) > 0));
}

// 16
pub async fn rule_16_a_link_to_nothing_is_a_loss(fixture: &dyn Fixture) {
    let linked = Item {
        linked: true,
        ..Item::default()
    };
    let record = record(fixture, &Story::of(vec![linked])).await;
    assert!(one(&record, "Asthma").linked_problems.is_empty());
    assert!(lost(&record, "dangling-link") + lost(&record, "link-to-nothing") > 0);
}

// 17: by path, and in words that repeat nothing
pub async fn rule_17_what_is_not_read_is_counted(fixture: &dyn Fixture) {
    let story = Story {
        strange: true,
        ..Story::default()
    };
    let before = record(fixture, &Story::default()).await;
    let record = record(fixture, &story).await;
    assert_eq!(lost(&before, "unknown-element"), 0, "{:?}", before.losses);
    let strange = record
        .losses
        .iter()
        .filter(|l| l.reason == "unknown-element");
    let paths: Vec<&str> = strange.map(|l| l.path.as_str()).collect();
    assert!(
        paths.iter().any(|path| path.ends_with("Strange")),
        "{paths:?}"
    );
    assert!(!format!("{:?}", record.losses).contains(TEXT));
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
