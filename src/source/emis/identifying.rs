//! Codes whose text identifies a person (`mappings/identifying-codes.csv`, sources.md 3.6).

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::record::{Coded, system};

static CODES: LazyLock<HashSet<(&'static str, String)>> = LazyLock::new(|| {
    let text = include_str!("../../../mappings/identifying-codes.csv");
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    reader
        .records()
        .flatten()
        .filter_map(|row| {
            let system = match row.get(0)? {
                "read2" => system::READ_V2,
                "snomed" => system::SNOMED,
                _ => return None,
            };
            Some((system, row.get(1)?.to_owned()))
        })
        .collect()
});

/// Is any of its codings on the list?
pub(super) fn is_identifying(coded: &Coded) -> bool {
    coded.codings.iter().any(|c| {
        CODES
            .iter()
            .any(|(system, code)| *system == c.system && *code == c.code)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::emis::codes::RawCode;

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = include_str!("../../../mappings/identifying-codes.csv")
            .lines()
            .filter(|l| !l.starts_with('#'))
            .count();
        assert_eq!(CODES.len(), lines - 1);
        assert!(lines > 50);
    }

    #[test]
    fn telephone_is_on_the_list_and_asthma_is_not() {
        let coded = |code| {
            let raw = RawCode {
                scheme: Some("READ2"),
                code: Some(code),
                display: None,
            };
            Coded {
                text: None,
                codings: raw.coding(true).into_iter().collect(),
            }
        };
        assert!(is_identifying(&coded("9159")));
        assert!(!is_identifying(&coded("H33..")));
    }
}
