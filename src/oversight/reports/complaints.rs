//! The anonymised yearly summary of complaints (S2 10.4; R184): counts, and nothing that names anybody.

use std::collections::BTreeMap;

use serde_json::Value;

use super::accesses::Period;
use super::sheet::{Sheet, Table};
use crate::oversight::cases::File;
use crate::oversight::cases::complaint::{Category, Complaint, Outcome};
use crate::record::OdsCode;
use crate::record::date::london;

/// The summary of what was received in the period; by one organisation, or by all.
#[must_use]
pub fn report(complaints: &[File<Complaint>], period: Period, of: Option<&OdsCode>) -> Sheet {
    #[derive(Default)]
    struct Counts {
        received: u64,
        upheld: u64,
        partly: u64,
        not: u64,
        open: u64,
        days: Vec<i32>,
    }
    let mut counts: BTreeMap<(&OdsCode, Category), Counts> = BTreeMap::new();
    let mut total = 0_u64;
    for file in complaints {
        let case = &file.case;
        let inside = period.from <= case.received_on && case.received_on <= period.to;
        if !inside || of.is_some_and(|of| *of != case.received_by) {
            continue;
        }
        total += 1;
        let line = counts
            .entry((&case.received_by, case.category))
            .or_default();
        line.received += 1;
        match case.outcome {
            Some(Outcome::Upheld) => line.upheld += 1,
            Some(Outcome::PartlyUpheld) => line.partly += 1,
            Some(Outcome::NotUpheld) => line.not += 1,
            None => line.open += 1,
        }
        if let Some(decided) = case.decided_at {
            let decided = decided.to_zoned(london()).date();
            if let Ok(span) = case.received_on.until(decided) {
                line.days.push(span.get_days());
            }
        }
    }
    Sheet::new("complaints", "Complaints about the sharing")
        .fact("from", "From", period.from.to_string())
        .fact("to", "To", period.to.to_string())
        .fact("received", "Received", total)
        .note("Anonymised: counts only. No patient, person or case is named.")
        .table(Table {
            key: "summary",
            title: "By organisation and subject".to_owned(),
            columns: &[
                ("organisation", "Received by"),
                ("category", "About"),
                ("received", "Received"),
                ("upheld", "Upheld"),
                ("partly_upheld", "Partly upheld"),
                ("not_upheld", "Not upheld"),
                ("open", "Open"),
                ("median_days", "Days to decide (median)"),
            ],
            rows: counts
                .into_iter()
                .map(|((organisation, category), mut line)| {
                    line.days.sort_unstable();
                    let median = line.days.get(line.days.len() / 2);
                    vec![
                        organisation.0.as_str().into(),
                        category.words().into(),
                        line.received.into(),
                        line.upheld.into(),
                        line.partly.into(),
                        line.not.into(),
                        line.open.into(),
                        median.map_or(Value::Null, |days| (*days).into()),
                    ]
                })
                .collect(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oversight::cases::{Case, Taken};
    use serde_json::json;

    // R184: no identifiers
    #[test]
    fn the_summary_counts_and_names_nobody() {
        let patient = crate::store::contract::patient();
        let file = |received: &str, outcome: Option<&str>| {
            let taken = |step: Value, at: &str| Taken {
                step: serde_json::from_value(step).unwrap(),
                at: at.parse().unwrap(),
                by: "practice-manager".to_owned(),
                organisation: Some(OdsCode("Z99001".to_owned())),
            };
            let log = json!({
                "step": "log", "received_on": received, "category": "consent", "handled_by": "Z99001",
                "patient": patient.as_str(), "text": "Mrs Bloggs was not asked"
            });
            let mut case = Complaint::after(None, taken(log, "2026-03-01T10:00:00Z")).unwrap();
            if let Some(outcome) = outcome {
                let decide = json!({"step": "decide", "outcome": outcome, "resolution": "Sorry, Mrs Bloggs"});
                case = Complaint::after(Some(case), taken(decide, "2026-03-15T10:00:00Z")).unwrap();
            }
            File {
                id: "case-1".to_owned(),
                case,
                history: Vec::new(),
            }
        };
        let files = [
            file("2026-03-01", Some("upheld")),
            file("2026-03-05", Some("not-upheld")),
            file("2026-03-06", None),
            file("2025-03-06", None),
        ];
        let period = Period {
            from: jiff::civil::date(2026, 1, 1),
            to: jiff::civil::date(2026, 12, 31),
        };
        let sheet = report(&files, period, None);
        let json = sheet.json();
        let row = &json["summary"][0];
        assert_eq!(
            (
                &row["received"],
                &row["upheld"],
                &row["not_upheld"],
                &row["open"],
                &row["median_days"]
            ),
            (&json!(3), &json!(1), &json!(1), &json!(1), &json!(14))
        );
        for text in [json.to_string(), sheet.csv(), sheet.html()] {
            for name in ["Bloggs", patient.as_str(), "practice-manager", "case-1"] {
                assert!(!text.contains(name), "{name}");
            }
        }
        assert_eq!(
            report(&files, period, Some(&OdsCode("Z9H01".into()))).json()["received"],
            0
        );
    }
}
