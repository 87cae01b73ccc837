//! Every pitfall of the sources has a test that cites it, and `docs/sources-wire.md` says which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How many pitfalls each family has (the project's notes on the sources, 3.9 and 4.8).
const FAMILIES: [(&str, u32); 2] = [("EMIS", 26), ("SystmOne", 21)];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// What a comment line cites: `EMIS pitfalls 3 and 4` is two.
fn cited(line: &str) -> Vec<(&'static str, u32)> {
    let mut out = Vec::new();
    for (family, _) in FAMILIES {
        for (at, _) in line.match_indices(&format!("{family} pitfall")) {
            let rest = line.get(at..).unwrap_or_default();
            let rest = rest.split(':').next().unwrap_or_default();
            let words = rest.split([' ', ',', '.']).skip(2);
            let numbers =
                words.take_while(|w| w.is_empty() || *w == "and" || w.parse::<u32>().is_ok());
            out.extend(numbers.filter_map(|w| Some((family, w.parse().ok()?))));
        }
    }
    out
}

/// Tests by what the comment right above them cites.
fn tests() -> BTreeMap<(&'static str, u32), BTreeSet<String>> {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        sources(&root().join(folder), &mut files);
    }
    let mut out: BTreeMap<(&'static str, u32), BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut above: Vec<(&'static str, u32)> = Vec::new();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("//") {
                above.extend(cited(line));
            } else if line.starts_with("#[") {
                is_test |= line.contains("test]");
            } else if let Some(name) = line
                .strip_prefix("async fn ")
                .or_else(|| line.strip_prefix("fn "))
            {
                let name = name.split('(').next().unwrap_or_default().to_owned();
                for one in above.drain(..).filter(|_| is_test) {
                    out.entry(one).or_default().insert(name.clone());
                }
                is_test = false;
            } else {
                above.clear();
                is_test = false;
            }
        }
    }
    out
}

#[test]
fn citations_are_read() {
    assert_eq!(
        cited("// R029, EMIS pitfalls 3 and 4, SystmOne pitfall 15: x 7"),
        [("EMIS", 3), ("EMIS", 4), ("SystmOne", 15)]
    );
    assert_eq!(cited("// EMIS pitfalls 10, 11 and 12").len(), 3);
}

#[test]
fn every_pitfall_has_a_test_and_the_page_names_it() {
    let tests = tests();
    let page = std::fs::read_to_string(root().join("docs/sources-wire.md")).unwrap();
    let rows: BTreeMap<String, Vec<String>> = page
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.strip_prefix("| ")?.split(" | ").collect();
            let [number, .., names] = cells.as_slice() else {
                return None;
            };
            let names = names.trim_end_matches([' ', '|']);
            let names = names.split('`').skip(1).step_by(2).map(str::to_owned);
            Some(((*number).to_owned(), names.collect()))
        })
        .collect();
    for (family, count) in FAMILIES {
        for number in 1..=count {
            let name = format!("{family} {number}");
            let there = tests
                .get(&(family, number))
                .unwrap_or_else(|| panic!("no test cites {name}"));
            let told = rows
                .get(&name)
                .unwrap_or_else(|| panic!("docs/sources-wire.md has no row {name}"));
            assert!(!told.is_empty(), "{name}");
            for test in told {
                assert!(there.contains(test), "{name}: {test} is none of {there:?}");
            }
        }
    }
}
