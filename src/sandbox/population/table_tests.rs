//! Holds the code tables to the shared ones that they were picked from.

use std::collections::{HashMap, HashSet};

use super::tests::person;
use super::{codes, listed};
use crate::sandbox::story::Fact;

/// Rows of a shared table, or none with a note where the tables are not at hand.
#[expect(
    clippy::disallowed_methods,
    reason = "where third-party tables are is for whoever runs the test to say"
)]
fn shared(name: &str) -> Option<Vec<HashMap<String, String>>> {
    let directory = std::env::var("OPENMIG_SHARED").map_or_else(
        |_| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        std::path::PathBuf::from,
    );
    let Ok(mut reader) = csv::Reader::from_path(directory.join("data").join(name)) else {
        println!("{name} is not at hand: nothing compared");
        return None;
    };
    Some(reader.deserialize().map(Result::unwrap).collect())
}

// R040, R041: one entry for each of the 66 rows, among ordinary ones.
#[test]
fn every_row_of_appendix_a_is_told() {
    assert_eq!(listed::ROWS.len(), 66);
    let woman = person("9990000751");
    for row in listed::ROWS.iter() {
        let told = woman
            .facts
            .iter()
            .filter(|f| f.concept == row.concept)
            .count();
        assert_eq!(told, 1, "row {}", row.n);
    }
    let listed: HashSet<&str> = listed::ROWS
        .iter()
        .map(|row| row.concept.term.as_str())
        .collect();
    let is_listed = |fact: &&Fact| listed.contains(fact.concept.term.as_str());
    assert!(woman.facts.iter().filter(|f| !is_listed(f)).count() >= 25);
    assert!(
        woman.facts.iter().all(|f| !f.private),
        "found by code alone"
    );
    // Various kinds.
    let kinds: HashSet<_> = woman
        .facts
        .iter()
        .filter(is_listed)
        .map(|f| std::mem::discriminant(&f.kind))
        .collect();
    assert!(kinds.len() >= 8, "{}", kinds.len());
    // Something ordinary stands inside a listed report, and something ordinary points to a listed problem.
    let find = |key: u32| woman.facts.iter().find(|f| f.key == key).unwrap();
    assert!(
        woman
            .facts
            .iter()
            .any(|f| !is_listed(&f) && f.within.is_some_and(|k| is_listed(&find(k))))
    );
    assert!(
        woman
            .facts
            .iter()
            .any(|f| !is_listed(&f) && f.for_problems.iter().any(|&k| is_listed(&find(k))))
    );
    // R044: listed, but not private, at the practice that applies the list by choice.
    let oadby = person("9990005567");
    assert_eq!(oadby.facts.iter().filter(is_listed).count(), 7);
    assert!(oadby.facts.iter().all(|f| !f.private));

    let Some(rows) = shared("appendix-a.csv") else {
        return;
    };
    assert_eq!(rows.len(), 66);
    for (row, ours) in rows.iter().zip(listed::ROWS.iter()) {
        let cell = |name: &str| Some(row[name].clone()).filter(|text| !text.is_empty());
        assert_eq!(row["n"], ours.n.to_string());
        assert_eq!(cell("read_v2"), ours.concept.read_v2, "row {}", ours.n);
        assert_eq!(cell("ctv3"), ours.concept.ctv3, "row {}", ours.n);
        let first =
            cell("snomed_concept_ids").and_then(|ids| ids.split(';').next().map(str::to_owned));
        assert_eq!(first, ours.concept.snomed, "row {}", ours.n);
    }
}

// R040: the ordinary table holds nothing that the list names, children of its rows included.
#[test]
fn ordinary_codes_are_on_no_exclusion_list() {
    let (Some(rows), Some(children)) = (
        shared("appendix-a.csv"),
        shared("appendix-a-descendants.csv"),
    ) else {
        return;
    };
    let mut listed: HashSet<String> = HashSet::new();
    for row in &rows {
        listed.extend([row["read_v2"].clone(), row["ctv3"].clone()]);
        listed.extend(row["snomed_concept_ids"].split(';').map(str::to_owned));
    }
    for row in &children {
        listed.extend([row["readv2"].clone(), row["ctv3"].clone()]);
    }
    listed.remove("");
    for concept in codes::all() {
        for code in [&concept.read_v2, &concept.ctv3, &concept.snomed]
            .into_iter()
            .flatten()
        {
            assert!(!listed.contains(code), "{}: {code}", concept.term);
        }
    }
}

// Every code of our tables stands in the shared ones, none is invented.
#[test]
fn codes_come_from_the_shared_tables() {
    let (Some(topics), Some(seen), Some(map)) = (
        shared("codes-by-topic.csv"),
        shared("codes-seen.csv"),
        shared("read-ctv3.csv"),
    ) else {
        return;
    };
    let cut = |code: &str| format!("{:.<5}", code.chars().take(5).collect::<String>());
    let mut known: HashSet<(&str, String)> = HashSet::new();
    for row in &topics {
        let code = &row["code"];
        known.insert(match row["system"].as_str() {
            "snomed" => ("snomed", code.clone()),
            "readv2" => ("read", cut(code)),
            _ => ("ctv3", cut(code)),
        });
    }
    for row in &seen {
        known.insert(("snomed", row["snomed_concept_id"].clone()));
        known.insert(("read", cut(&row["readv2"])));
        known.insert(("ctv3", row["ctv3"].clone()));
    }
    for row in &map {
        known.insert(("read", cut(&row["readv2"])));
        known.insert(("ctv3", row["ctv3"].clone()));
    }
    for concept in codes::all() {
        let codes = [
            ("read", &concept.read_v2),
            ("ctv3", &concept.ctv3),
            ("snomed", &concept.snomed),
            ("snomed", &concept.local),
        ];
        for (system, code) in codes {
            if let Some(code) = code {
                assert!(
                    known.contains(&(system, code.clone())),
                    "{}: {code}",
                    concept.term
                );
            }
        }
    }
}
