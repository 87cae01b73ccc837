//! What of a practice's records could not be taken over as it was coded (S2 5.4.1.1; R051, R204): counts, nobody's entry.

use serde_json::Value;

use super::sheet::{Sheet, Table};
use crate::labelling::{UNMAPPED, UNMAPPED_WITHHELD};
use crate::record::OdsCode;
use crate::store::losses::{KEPT_DAYS, LossLine};

/// The report over the losses of the newest look-up of each record.
#[must_use]
pub fn report(practice: &OdsCode, lines: &[LossLine]) -> Sheet {
    let (unmapped, lost): (Vec<_>, Vec<_>) = lines.iter().partition(|line| is_unmapped(line));
    let entries = |withheld: bool| -> u64 {
        unmapped
            .iter()
            .filter(|line| (line.loss.reason == UNMAPPED_WITHHELD) == withheld)
            .map(|line| line.loss.count)
            .sum()
    };
    Sheet::new("quality", format!("Quality of the record as it was taken over, {practice}"))
        .fact("practice", "Practice", practice.to_string())
        .fact("unmapped_shown", "Entries without a national code that viewers see", entries(false))
        .fact("unmapped_withheld", "Entries without a national code that are withheld", entries(true))
        .note(format!(
            "Counted at the newest look-up of each record, within the last {KEPT_DAYS} days. No patient, entry, code or text is here."
        ))
        .note(
            "An entry whose code no national terminology has cannot be checked against the exclusion list: in problems, diagnoses, \
             procedures, investigations and events it is withheld; allergies and medication are shown. Who codes it nationally has it shown.",
        )
        .table(Table {
            key: "unmapped",
            title: "Entries whose code is in no national terminology".to_owned(),
            columns: &[
                ("system", "Code system"),
                ("kind", "Kind of entry"),
                ("withheld", "Withheld"),
                ("count", "Entries"),
                ("records", "Records"),
            ],
            rows: unmapped
                .iter()
                .map(|line| {
                    let (kind, system) = line.loss.path.split_once('/').unwrap_or((&line.loss.path, ""));
                    vec![
                        system.into(),
                        kind.into(),
                        (line.loss.reason == UNMAPPED_WITHHELD).into(),
                        line.loss.count.into(),
                        line.records.into(),
                    ]
                })
                .collect(),
        })
        .table(Table {
            key: "losses",
            title: "Everything else that was left out or changed".to_owned(),
            columns: &[
                ("reason", "Reason"),
                ("means", "What that means"),
                ("path", "Place in the system's message"),
                ("count", "How often"),
                ("records", "Records"),
            ],
            rows: lost
                .iter()
                .map(|line| {
                    vec![
                        line.loss.reason.as_str().into(),
                        in_words(&line.loss.reason).map_or(Value::Null, Value::from),
                        line.loss.path.as_str().into(),
                        line.loss.count.into(),
                        line.records.into(),
                    ]
                })
                .collect(),
        })
}

fn is_unmapped(line: &LossLine) -> bool {
    line.loss.reason == UNMAPPED || line.loss.reason == UNMAPPED_WITHHELD
}

/// What a reason means to those who keep the record. One that is not here is told by its own name.
fn in_words(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "administrative" => "About the running of the practice; no part of the agreement's tabs",
        "free-text" => "Free text, which never leaves",
        "no-tab" => "The agreement has no tab for it",
        "no-place" => "A detail that the standard has no place for; the entry itself is shown",
        "not-in-data-set" => "A detail that the tabs do not show; the entry itself is shown",
        "duplicate" | "duplicate-id" | "merged-duplicate" => "The same twice; shown once",
        "deleted" => "Deleted in the record",
        "dangling-link" | "link-to-nothing" | "cyclic-link" => {
            "It points to something that the message does not hold; shown without the link"
        }
        "unparsed-date" => "A date that cannot be read; shown without it",
        "unknown-word" | "unknown-element" => "A word or part that the gateway does not know",
        "too-large" => "Larger than any real entry; the section says that it is not whole",
        "verdict-over-all" => {
            "One verdict over all results of a report; each result is shown with its own"
        }
        "end-before-start" | "end-of-active" => "An end that does not fit its beginning or state",
        "range-on-header" | "header-range" => "A reference range on a heading instead of a result",
        "negated" => "Negated; shown as saying so",
        "planned" => "Dated in the future; shown as planned or not at all",
        "relation-kind" => "How two problems are related; that they are is shown",
        "missing-id" | "id-made" => "Without an id of its own; it was given one",
        "other-patient" => "About somebody else",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::LossCount;

    fn line(path: &str, reason: &str, count: u64) -> LossLine {
        LossLine {
            loss: LossCount {
                path: path.to_owned(),
                reason: reason.to_owned(),
                count,
            },
            records: 2,
        }
    }

    // R051, R204: terminology, kind and count of what has no national code, apart from the rest
    #[test]
    fn codes_without_a_national_terminology_are_told_by_system_and_count() {
        let sheet = report(
            &OdsCode("Z99001".to_owned()),
            &[
                line("healthDomain/event[OBS]", "free-text", 9),
                line("Condition/emis-local-codes", UNMAPPED_WITHHELD, 3),
                line("AllergyIntolerance/egton-codes", UNMAPPED, 1),
                line("x", "word-of-tomorrow", 1),
            ],
        );
        let json = sheet.json();
        assert_eq!(json["unmapped_withheld"], 3);
        assert_eq!(json["unmapped_shown"], 1);
        assert_eq!(
            json["unmapped"],
            serde_json::json!([
                {"system": "emis-local-codes", "kind": "Condition", "withheld": true, "count": 3, "records": 2},
                {"system": "egton-codes", "kind": "AllergyIntolerance", "withheld": false, "count": 1, "records": 2},
            ])
        );
        assert_eq!(json["losses"][0]["means"], "Free text, which never leaves");
        assert_eq!(json["losses"][1]["means"], Value::Null);
        assert!(sheet.csv().contains("emis-local-codes,Condition,yes,3,2"));
    }
}
