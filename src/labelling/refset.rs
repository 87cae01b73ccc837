//! A simple reference set as the national release delivers it (SNOMED CT Release Format 2).
//!
//! Strict, because a set that is read wrongly lets sensitive codes through: ids are text and each is proved, no row is
//! skipped that could be a member's, and what cannot be understood rejects the whole (R049; governance.md 1.3).

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::sctid;

/// The columns of a simple reference set, in their order.
const HEADER: [&str; 6] = [
    "id",
    "effectiveTime",
    "active",
    "moduleId",
    "refsetId",
    "referencedComponentId",
];

/// Which set of a file, as it stood when.
#[derive(Debug, Clone, Copy)]
pub(super) struct RefsetAsk<'a> {
    /// The reference set's id.
    pub refset: &'a str,
    /// The release's effective time, `YYYYMMDD`: later rows are not of it. `None`: whatever the file has.
    pub release: Option<&'a str>,
    /// Modules that may say something of this set; empty: any.
    pub modules: &'a [String],
    /// A Full file, with every state that a row ever had. A Snapshot has one row for each.
    pub full: bool,
}

/// What is wrong, and in which entry.
pub(super) type Fault = (String, &'static str);

/// The active members.
pub(super) fn members<'t>(text: &'t str, ask: RefsetAsk<'_>) -> Result<BTreeSet<&'t str>, Fault> {
    let bad = |entry: &str, what| (entry.to_owned(), what);
    if !sctid::is_concept(ask.refset) {
        return Err(bad(ask.refset, "the set's own id is no whole SNOMED CT id"));
    }
    if ask.release.is_some_and(|release| day(release).is_none()) {
        return Err(bad("header", "the release's effective time is no day"));
    }
    let mut lines = text.lines();
    let header: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .trim_start_matches('\u{feff}')
        .split('\t')
        .collect();
    if header != HEADER {
        return Err(bad(
            "header",
            "not the header of an RF2 simple reference set",
        ));
    }
    // Row id → its latest state: (effective time, active, member).
    let mut states: BTreeMap<&str, (&str, bool, &str)> = BTreeMap::new();
    for (n, line) in lines.enumerate() {
        let place = || format!("line {}", n + 2);
        let cells: Vec<&str> = line.split('\t').collect();
        let [id, time, active, module, refset, member] = cells.as_slice() else {
            return Err((place(), "not six columns"));
        };
        if *refset != ask.refset {
            // A damaged id may be that of this very set: what is no id at all is nobody's.
            if !sctid::is_concept(refset) {
                return Err((place(), "the set's id is no whole SNOMED CT id"));
            }
            continue;
        }
        if uuid::Uuid::parse_str(id).is_err() {
            return Err((place(), "the row's id is no UUID"));
        }
        if day(time).is_none() {
            return Err((place(), "effectiveTime is no day"));
        }
        let active = match *active {
            "1" => true,
            "0" => false,
            _ => return Err(bad(member, "active is neither 0 nor 1")),
        };
        if !sctid::is_concept(module) {
            return Err(bad(member, "moduleId is no whole SNOMED CT id"));
        }
        if !sctid::is_concept(member) {
            return Err(bad(member, "no whole SNOMED CT concept id"));
        }
        if !ask.modules.is_empty() && !ask.modules.iter().any(|known| known == module) {
            return Err(bad(member, "of a module that is not declared"));
        }
        // Days of eight digits are in order as text.
        if ask.release.is_some_and(|release| *time > release) {
            if ask.full {
                continue;
            }
            return Err(bad(member, "later than the declared release"));
        }
        match states.get(id) {
            Some(_) if !ask.full => return Err((place(), "a snapshot has each row once")),
            Some((known, ..)) if known == time => {
                return Err((place(), "one row has two states on one day"));
            }
            Some((_, _, known)) if known != member => {
                return Err((place(), "a row never changes its member"));
            }
            Some((known, ..)) if *known > *time => {}
            _ => {
                states.insert(id, (time, active, member));
            }
        }
    }
    Ok(states
        .into_values()
        .filter(|(_, active, _)| *active)
        .map(|(_, _, member)| member)
        .collect())
}

/// Eight digits that are a day.
fn day(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Date::strptime("%Y%m%d", text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &str = "999004371000000100";
    /// Any concept stands for a module here.
    const MODULE: &str = "138691006";

    fn file(rows: &[(&str, &str, &str, &str)]) -> String {
        let mut text = HEADER.join("\t") + "\r\n";
        for (n, time, active, member) in rows {
            text += &format!(
                "00000000-0000-4000-8000-00000000000{n}\t{time}\t{active}\t{MODULE}\t{SET}\t{member}\r\n"
            );
        }
        text
    }

    fn ask<'a>(release: Option<&'a str>, full: bool) -> RefsetAsk<'a> {
        RefsetAsk {
            refset: SET,
            release,
            modules: &[],
            full,
        }
    }

    fn found(text: &str, ask: RefsetAsk<'_>) -> Vec<String> {
        let members = members(text, ask).unwrap();
        members.into_iter().map(str::to_owned).collect()
    }

    // R042: the state at the pinned release counts, not the first or the last line of the file
    #[test]
    fn a_full_file_is_read_as_it_stood_at_the_release() {
        let text = file(&[
            ("1", "20260401", "1", "62479008"),
            ("1", "20250401", "0", "62479008"),
            ("1", "20240401", "1", "62479008"),
            ("2", "20240401", "1", "271394008"),
            ("2", "20250401", "0", "271394008"),
            ("3", "20260401", "1", "9391000000101"),
        ]);
        assert_eq!(
            found(&text, ask(Some("20240401"), true)),
            ["271394008", "62479008"]
        );
        assert!(found(&text, ask(Some("20251001"), true)).is_empty());
        assert_eq!(found(&text, ask(None, true)), ["62479008", "9391000000101"]);
        assert!(members(&text, ask(None, false)).is_err(), "no snapshot");
    }

    // R049: a row of a Full file has one state a day and one member for ever
    #[test]
    fn a_row_that_contradicts_itself_rejects_everything() {
        for rows in [
            [
                ("1", "20240401", "1", "62479008"),
                ("1", "20240401", "0", "62479008"),
            ],
            [
                ("1", "20240401", "1", "62479008"),
                ("1", "20250401", "1", "271394008"),
            ],
            [
                ("1", "20250401", "1", "62479008"),
                ("1", "20240401", "1", "271394008"),
            ],
        ] {
            assert!(members(&file(&rows), ask(None, true)).is_err(), "{rows:?}");
        }
    }

    // R049: one bad row rejects the whole set
    #[test]
    fn one_bad_row_rejects_everything() {
        let good = file(&[
            ("1", "20250401", "1", "62479008"),
            ("2", "20250401", "0", "271394008"),
        ]);
        assert_eq!(found(&good, ask(Some("20250401"), false)), ["62479008"]);
        let with_mark = format!("\u{feff}{good}");
        assert_eq!(found(&with_mark, ask(None, false)), ["62479008"]);
        for (from, to) in [
            ("62479008", "62479009"),
            ("62479008", "6.25E+07"),
            ("62479008", ""),
            ("271394008", "2.71394E+08"),
            ("20250401", "20251301"),
            ("20250401", "2025-04-01"),
            ("\t1\t", "\tyes\t"),
            ("\t1\t", "\t1\t1\t"),
            (MODULE, "138691007"),
            ("00000000-0000-4000-8000-000000000002", "2"),
            ("000000000002", "000000000001"),
            ("\t999004371000000100\t2", "\t9.99004E+17\t2"),
            ("moduleId", "module"),
            ("active\tmoduleId", "moduleId\tactive"),
        ] {
            let damaged = good.replace(from, to);
            assert_ne!(damaged, good, "{from}");
            assert!(
                members(&damaged, ask(None, false)).is_err(),
                "{from} → {to}"
            );
        }
        assert!(members("", ask(None, false)).is_err());
        assert!(
            members(&good, ask(Some("20240401"), false)).is_err(),
            "later than the release"
        );
        assert!(members(&good, ask(Some("20251301"), false)).is_err());
        assert!(members(&good, ask(Some("2025041"), false)).is_err());
        assert!(members(&good, ask(Some("+2025041"), false)).is_err());
        // nor where rows that are later would only be passed over
        for release in [
            "20251301", "2025041", "+2025041", "202504 1", "2025-4-1", "",
        ] {
            let found = members(&good, ask(Some(release), true));
            assert!(found.is_err(), "{release}");
        }
        let two = [MODULE.to_owned(), "62479008".to_owned()];
        let either = RefsetAsk {
            modules: &two,
            ..ask(None, false)
        };
        assert!(
            members(&good, either).is_ok(),
            "one of the declared modules"
        );
        let declared = [MODULE.to_owned()];
        let of = |modules| RefsetAsk {
            modules,
            ..ask(None, false)
        };
        assert!(members(&good, of(&declared)).is_ok());
        let other = ["62479008".to_owned()];
        assert!(members(&good, of(&other)).is_err());
        let set = RefsetAsk {
            refset: "999004371000000101",
            ..ask(None, false)
        };
        assert!(members(&good, set).is_err());
    }
}
