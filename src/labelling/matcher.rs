//! Does a code fall under the list? The traps of governance.md 1.5 in one place.

use std::collections::HashMap;

use super::sctid;
use crate::record::system;

/// Codes to list lines (indexes).
#[derive(Debug, Clone, Default)]
pub(super) struct Matcher {
    /// Read v2 stems that stand for themselves and all below: Read v2's hierarchy is the code itself.
    read_stems: HashMap<String, Vec<usize>>,
    /// Read v2 codes that stand for themselves alone.
    read_codes: HashMap<String, Vec<usize>>,
    /// CTV3 has no hierarchy in the code: an explicit set.
    ctv3: HashMap<String, Vec<usize>>,
    /// SNOMED CT concepts, never by descent.
    snomed: HashMap<String, Vec<usize>>,
}

impl Matcher {
    /// `false` when the code cannot be a root: it would match everything, or nothing.
    pub(super) fn add_read(&mut self, code: &str, with_descendants: bool, row: usize) -> bool {
        let Some(stem) = read_stem(code) else {
            return false;
        };
        let map = if with_descendants {
            &mut self.read_stems
        } else {
            &mut self.read_codes
        };
        push(map, stem, row);
        true
    }

    /// `false` when it is no CTV3 code.
    pub(super) fn add_ctv3(&mut self, code: &str, row: usize) -> bool {
        let Some(code) = ctv3_code(code) else {
            return false;
        };
        push(&mut self.ctv3, &code, row);
        true
    }

    /// `false` when the id fails its check digit or is no concept (R049).
    pub(super) fn add_snomed(&mut self, id: &str, row: usize) -> bool {
        if !sctid::is_concept(id) {
            return false;
        }
        push(&mut self.snomed, id, row);
        true
    }

    pub(super) fn snomed_ids(&self) -> usize {
        self.snomed.len()
    }

    /// The lines that this coding falls under.
    pub(super) fn rows(&self, uri: &str, code: &str, found: &mut Vec<usize>) {
        let mut take = |rows: Option<&Vec<usize>>| {
            for row in rows.into_iter().flatten() {
                if !found.contains(row) {
                    found.push(*row);
                }
            }
        };
        match uri {
            system::READ_V2 => {
                let Some(stem) = read_stem(code) else { return };
                take(self.read_codes.get(stem));
                for end in 1..=stem.len() {
                    take(stem.get(..end).and_then(|head| self.read_stems.get(head)));
                }
            }
            system::CTV3 => {
                let Some(code) = ctv3_code(code) else { return };
                take(self.ctv3.get(&code));
            }
            system::SNOMED | system::EMIS_SNOMED => take(self.snomed.get(code.trim())),
            _ => {}
        }
    }
}

/// Can a coding of this terminology be checked at all? Supplier-local ones, and damaged national ones, cannot (R051).
#[must_use]
pub(super) fn is_checkable(uri: &str, code: &str) -> bool {
    match uri {
        system::READ_V2 => read_stem(code).is_some(),
        system::CTV3 => ctv3_code(code).is_some(),
        system::SNOMED => {
            let code = code.trim();
            sctid::is_concept(code) && !sctid::is_emis_namespace(code)
        }
        _ => false,
    }
}

fn push(map: &mut HashMap<String, Vec<usize>>, key: &str, row: usize) {
    let rows = map.entry(key.to_owned()).or_default();
    if !rows.contains(&row) {
        rows.push(row);
    }
}

/// The significant characters of a Read v2 code: the first five, up to the first dot. What follows the fifth is the term
/// code, a synonym (trap 1). Case is kept.
fn read_stem(code: &str) -> Option<&str> {
    let code = code.trim();
    let five = code.get(..5).unwrap_or(code);
    let stem = five.split('.').next().unwrap_or_default();
    (!stem.is_empty() && stem.bytes().all(|b| b.is_ascii_alphanumeric())).then_some(stem)
}

/// A CTV3 code in its five characters, padded with dots. Case is kept.
fn ctv3_code(code: &str) -> Option<String> {
    let code = code.trim();
    let well_formed = (1..=5).contains(&code.len())
        && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
        && !code.starts_with('.');
    well_formed.then(|| format!("{code:.<5}"))
}

#[cfg(test)]
#[path = "matcher_tests.rs"]
mod tests;
