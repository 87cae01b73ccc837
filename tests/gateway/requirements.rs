//! `docs/requirements.md` against the code: every requirement is cited by a test that exists, or explained.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::layering::{gather, sources};

const PAGE: &str = include_str!("../../docs/requirements.md");

/// The requirements of sections 5.1, 5.3 to 5.7, 5.10 to 5.12 and 5.14.
const RANGES: [(u16, u16); 10] = [
    (1, 12),
    (40, 51),
    (60, 66),
    (70, 80),
    (90, 96),
    (100, 112),
    (150, 168),
    (170, 177),
    (180, 186),
    (200, 207),
];

struct Row {
    tests: Vec<String>,
    note: String,
}

fn rows() -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for line in PAGE.lines().filter(|line| line.starts_with("| R")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, _seed, _must, tests, note] = cells.as_slice() else {
            panic!("not five cells: {line}");
        };
        let tests = tests
            .split(',')
            .map(|test| test.trim().trim_matches('`').to_owned())
            .filter(|test| !test.is_empty())
            .collect();
        let row = Row {
            tests,
            note: (*note).to_owned(),
        };
        assert!(
            rows.insert((*id).to_owned(), row).is_none(),
            "{id} is there twice"
        );
    }
    rows
}

/// Every test of the library and of this binary, with the text from the comment above it to the end of it.
fn tests() -> BTreeMap<String, String> {
    let mut files = sources();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway");
    gather(&folder, &folder, &mut files);
    let mut found = BTreeMap::new();
    // What this file cites are examples.
    let own = |text: &String| text.contains("fn citations_are_found()");
    for text in files
        .into_iter()
        .map(|(_, text)| text)
        .filter(|text| !own(text))
    {
        let lines: Vec<&str> = text.lines().collect();
        for (n, line) in lines.iter().enumerate() {
            let Some(name) = line
                .trim_start()
                .strip_prefix("fn ")
                .or_else(|| line.trim_start().strip_prefix("async fn "))
            else {
                continue;
            };
            let name = name.split(['(', '<']).next().unwrap_or_default();
            let above = lines[..n]
                .iter()
                .rev()
                .take_while(|line| {
                    line.trim_start().starts_with("//") || line.trim_start().starts_with("#[")
                })
                .count();
            let head = &lines[n - above..n];
            if !head.iter().any(|line| line.contains("test]")) && !text.contains("proptest!") {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            let end = lines[n..]
                .iter()
                .position(|line| {
                    line.len() > indent
                        && line[indent..].starts_with('}')
                        && line[..indent].trim().is_empty()
                })
                .map_or(lines.len(), |end| n + end);
            found.insert(name.to_owned(), lines[n - above..end].join("\n"));
        }
    }
    found
}

/// The numbers that a text cites, ranges written out.
fn cited(text: &str) -> BTreeSet<String> {
    let mut numbers = BTreeSet::new();
    let mut before: Option<u16> = None;
    let mut rest = text;
    while let Some(at) = rest.find('R') {
        let between = &rest[..at];
        rest = &rest[at + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let Some(number) = rest
            .get(..3)
            .filter(|_| digits == 3)
            .and_then(|text| text.parse().ok())
        else {
            before = None;
            continue;
        };
        if let Some(from) = before.filter(|_| between.trim() == "to") {
            numbers.extend((from..number).map(|n| format!("R{n:03}")));
        }
        numbers.insert(format!("R{number:03}"));
        rest = &rest[3..];
        before = Some(number);
    }
    numbers
}

#[test]
fn citations_are_found() {
    let numbers = cited("// R001, R003 to R005; XR1, R12, R0123 (R100)");
    assert_eq!(
        numbers.iter().map(String::as_str).collect::<Vec<_>>(),
        ["R001", "R003", "R004", "R005", "R100"]
    );
}

#[test]
fn every_requirement_has_its_test_or_its_reason() {
    let (rows, tests) = (rows(), tests());
    for (first, last) in RANGES {
        for number in first..=last {
            let id = format!("R{number:03}");
            let row = rows
                .get(&id)
                .unwrap_or_else(|| panic!("{id} is not on the page"));
            assert!(
                !row.tests.is_empty() || row.note.len() > 10,
                "{id} has neither test nor reason"
            );
            for test in &row.tests {
                let text = tests
                    .get(test)
                    .unwrap_or_else(|| panic!("{id}: there is no test `{test}`"));
                assert!(cited(text).contains(&id), "`{test}` does not cite {id}");
            }
        }
    }
}
