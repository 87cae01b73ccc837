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
                assert!(verhoeff(code), "{key}: {code}");
            }
        }
    }

    /// The check digit of a SNOMED CT id.
    fn verhoeff(id: &str) -> bool {
        const D: [[u8; 10]; 10] = [
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
            [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
            [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
            [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
            [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
            [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
            [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
            [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
            [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
        ];
        const P: [[u8; 10]; 8] = [
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
            [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
            [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
            [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
            [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
            [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
            [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
        ];
        id.bytes().rev().enumerate().fold(0_u8, |check, (n, byte)| {
            D[usize::from(check)][usize::from(P[n % 8][usize::from(byte - b'0')])]
        }) == 0
    }
}
