use super::*;
use crate::mapping::{Mapped, SectionGap};
use crate::record::{PartialDate, Registration, Sharing, system};
use crate::release::fixture as f;
use crate::release::released::Released;
use crate::release::{Mode, Part, for_caller};
use crate::tabs::catalogue::{Section, TabSet};

fn names(held: &Held) -> Vec<String> {
    let prefix = f::id("");
    let ids = held.ids();
    let names = ids.iter().map(|id| id.split_once('/').unwrap());
    let known = names.filter(|(kind, _)| *kind != "List");
    known
        .map(|(_, id)| id.strip_prefix(&prefix).unwrap_or("patient").to_owned())
        .collect()
}

// R035: the Patient, the Lists, then everything newest first, and last what is there only for others' sake
#[test]
fn entries_stand_in_the_order_in_which_they_are_shown() {
    let mut all: Vec<Mapped> = f::ordinary();
    all.rotate_left(1);
    let specimen = all.iter_mut().find(|it| it.kind == Kind::Specimen).unwrap();
    specimen.date = f::day("2025-05-31");
    let held = f::held(f::record(SourceFamily::Emis, all));
    assert_eq!(
        names(&held),
        [
            "patient",
            "bloods",
            "sodium",
            "potassium",
            "visit",
            "gout",
            "ramipril",
            "asthma",
            "penicillin",
            "specimen",
            "gp",
            "visit-clinician",
        ]
    );
    let kinds: Vec<Kind> = held.entries().iter().map(ReleasedEntry::kind).collect();
    assert_eq!(kinds.first(), Some(&Kind::Patient));
    assert!(kinds.iter().skip(1).take(40).all(|it| *it == Kind::List));
}

// R010, R060: what is known of the record beside its entries
#[test]
fn a_held_record_says_whose_it_is_and_when_it_came() {
    let mut record = f::record(SourceFamily::SystmOne, f::ordinary());
    record.standing.registration = Registration::Temporary;
    record.standing.sharing = Sharing::Express;
    let gap = SectionGap {
        section: Section::Recent,
        unavailable: true,
        why: "x".to_owned(),
    };
    record.gaps.push(gap);
    let held = f::held(record);
    assert_eq!(held.patient(), &f::whose());
    assert_eq!(held.practice().0, "Z99001");
    assert_eq!(held.family(), SourceFamily::SystmOne);
    assert_eq!(held.standing().registration, Registration::Temporary);
    assert_eq!(held.standing().sharing, Sharing::Express);
    assert_eq!(held.retrieved_at(), f::retrieved_at());
    assert_eq!(held.last_updated(), "2025-06-01T09:30:00Z");
    assert_eq!(held.last_modified(), "Sun, 01 Jun 2025 09:30:00 GMT");
    assert_eq!(held.gaps().len(), 1);
    assert_eq!(held.len(), held.ids().len());
    assert!(held.len() > 40 && !held.is_empty());
}

// R060: a restricted record is held without anything in it, not even Lists
#[test]
fn a_restricted_record_is_held_empty() {
    let mut record = f::record(SourceFamily::Emis, f::ordinary());
    record.standing.restricted = true;
    let held = f::held(record);
    assert!(held.is_empty() && held.standing().restricted);
    assert_eq!((held.len(), held.ids()), (0, Vec::new()));
}

fn version_of(url: &str, name: &str) -> String {
    let ask = HeldAsk {
        retrieved_at: f::retrieved_at(),
        wording: &TabWording::default(),
        practice_name: Some(name),
        arriving: None,
        exclusions_url: url,
        base: f::BASE,
    };
    let record = f::released(f::record(SourceFamily::Emis, f::ordinary()));
    Held::build(record, &ask).unwrap().version().to_owned()
}

// R042: what the Lists say beside the record is of the version too, each for itself
#[test]
fn a_version_is_of_the_lists_words_too() {
    let versions = [
        version_of("http://a.example/x", "yz"),
        version_of("http://a.example/xy", "z"),
        version_of("http://a.example/xy", "yz"),
        version_of("http://a.example/x", "z"),
    ];
    for (n, one) in versions.iter().enumerate() {
        assert!(!versions[..n].contains(one), "version {n}");
    }
}

// R042: a resource that says something else is another version, wherever it stands
#[test]
fn a_version_is_of_each_resources_bytes() {
    let with = |code: &str| {
        let mut all = f::ordinary();
        all.push(f::problem("one", system::READ_V2, code, "2024-05-01"));
        f::held(f::record(SourceFamily::Emis, all))
            .version()
            .to_owned()
    };
    assert_ne!(with("H33.."), with("H34.."));
}

/// The ordinary record with one problem, or with nothing, labelled as a category that is switched off labels it.
fn labelled(restricted: Option<&str>) -> Arc<Held> {
    let mut record = f::released(f::record(SourceFamily::Emis, f::ordinary()));
    for entry in &mut record.entries {
        if restricted.is_some_and(|name| *entry.id == *f::id(name)) {
            entry.confidentiality = Confidentiality::Restricted;
        }
    }
    let ask = HeldAsk {
        retrieved_at: f::retrieved_at(),
        wording: &TabWording::default(),
        practice_name: None,
        arriving: None,
        exclusions_url: "http://127.0.0.1:8080/exclusions",
        base: f::BASE,
    };
    Arc::new(Held::build(record, &ask).unwrap())
}

fn of(released: &Released, name: &str) -> usize {
    let kinds = [Kind::Condition, Kind::MedicationStatement];
    let places = kinds.map(|kind| released.held().position(kind, &f::id(name)));
    places.into_iter().flatten().next().unwrap()
}

// R041, DS4P: an answer is as confidential as the most confidential of what is in it, and of nothing else
#[test]
fn an_answer_has_the_highest_label_of_what_is_in_it() {
    use Confidentiality::{Normal, Restricted};
    let held = labelled(Some("gout"));
    let released = for_caller(&held, TabSet::ALL, &|_| true);
    let [gout, asthma, ramipril] =
        ["gout", "asthma", "ramipril"].map(|name| Part::Entry(of(&released, name), None));
    let included = Part::Entry(of(&released, "gout"), Some(Mode::Include));
    let raw = Part::Raw(b"{}");
    for (parts, highest) in [
        (vec![], Normal),
        (vec![raw], Normal),
        (vec![asthma, ramipril], Normal),
        (vec![gout], Restricted),
        (vec![asthma, raw, included], Restricted),
        (vec![gout, asthma], Restricted),
    ] {
        assert_eq!(released.highest(&parts), highest, "{parts:?}");
    }
    // What is not visible is not in the answer, and its label would tell that it is there.
    let without = for_caller(&held, TabSet::ALL, &|it| it.id() != f::id("gout"));
    assert_eq!(without.highest(&[gout, asthma]), Normal);
    let plain = for_caller(&labelled(None), TabSet::ALL, &|_| true);
    assert_eq!(plain.highest(&[gout, asthma]), Normal);
}

// DS4P: a List is as confidential as the most confidential of what is in it, and says nothing of another tab
#[test]
fn lists_have_the_highest_label_of_what_is_in_them() {
    for (restricted, expected) in [
        (None, Confidentiality::Normal),
        (Some("asthma"), Confidentiality::Restricted),
    ] {
        let held = labelled(restricted);
        let named = format!("\"Condition/{}\"", f::id("asthma"));
        let mut with = 0;
        for list in held.entries().iter().filter(|it| it.kind == Kind::List) {
            let text = std::str::from_utf8(&list.json).unwrap();
            let has = text.contains(&named);
            with += usize::from(has);
            let expected = if has {
                expected
            } else {
                Confidentiality::Normal
            };
            let json: serde_json::Value = serde_json::from_str(text).unwrap();
            let label = &json["meta"]["security"][0]["code"];
            assert_eq!(list.confidentiality(), expected);
            assert_eq!(label, expected.code());
            assert_eq!(list.date(), &PartialDate::Unknown);
        }
        // The tab and its section.
        assert!((2..40).contains(&with), "{with}");
    }
}
