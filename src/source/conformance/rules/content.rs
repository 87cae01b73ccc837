//! Rules 11 to 17: what of a message becomes what of the record.

use std::collections::HashSet;

use super::{SECOND, THIRD, lost, named, one, record, second, told};
use crate::record::{Body, Comparator, PartialDate, Restriction, Value};
use crate::source::conformance::{Fixture, Hidden, Item, Kind, Story, TEXT};

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
    let paths: Vec<&str> = strange.map(|l| &*l.path).collect();
    assert!(
        paths.iter().any(|path| path.ends_with("Strange")),
        "{paths:?}"
    );
    assert!(!format!("{:?}", record.losses).contains(TEXT));
}
