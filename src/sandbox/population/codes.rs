//! The concepts that stories use, from `codes.csv`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::sandbox::story::Concept;

const TABLE: &str = include_str!("../codes.csv");

static CONCEPTS: LazyLock<HashMap<String, Concept>> = LazyLock::new(|| read(TABLE));

/// The concept with this key of `src/sandbox/codes.csv`.
///
/// A key that the table does not have gives its own words without any code: a story never invents a code. The tests
/// of this module hold every story to keys that exist.
#[must_use]
pub fn concept(key: &str) -> Concept {
    CONCEPTS.get(key).cloned().unwrap_or_else(|| Concept {
        term: key.replace('-', " "),
        ..Concept::default()
    })
}

/// Every term of the table.
#[cfg(test)]
pub fn terms() -> impl Iterator<Item = &'static str> {
    CONCEPTS.values().map(|concept| concept.term.as_str())
}

/// Every concept of the table.
#[cfg(test)]
pub fn all() -> impl Iterator<Item = &'static Concept> {
    CONCEPTS.values()
}

fn rows(table: &str) -> impl Iterator<Item = (String, Concept)> + '_ {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(table.as_bytes());
    let mut rows = Vec::new();
    for row in reader.records().flatten() {
        let cell = |n: usize| {
            row.get(n)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        if let (Some(key), Some(term)) = (cell(0), cell(1)) {
            rows.push((
                key,
                Concept {
                    term,
                    read_v2: cell(2),
                    ctv3: cell(3),
                    snomed: cell(4),
                    local: cell(5),
                },
            ));
        }
    }
    rows.into_iter()
}

fn read(table: &str) -> HashMap<String, Concept> {
    rows(table).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_codes_well_formed() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count() - 1;
        let all: Vec<_> = rows(TABLE).collect();
        assert_eq!(all.len(), lines, "every line of the table is a row");
        assert_eq!(CONCEPTS.len(), all.len(), "a key stands twice");
        for (key, concept) in all {
            for code in [&concept.read_v2, &concept.ctv3].into_iter().flatten() {
                assert_eq!(code.len(), 5, "{key}: {code}");
            }
            if let Some(code) = &concept.snomed {
                assert!(crate::labelling::sctid::is_concept(code), "{key}: {code}");
            }
        }
    }
}
