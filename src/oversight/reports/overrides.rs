//! The override report as a table and a page (S2 7.3.6; R095). As JSON it is [`OverrideReport`] itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::accesses::Period;
use super::sheet::{Sheet, Table};
use crate::oversight::override_review::OverrideReport;

/// The report of a period.
#[must_use]
pub fn report(report: &OverrideReport, period: Period) -> Sheet {
    let of = report.viewer.as_ref().map_or_else(
        || "all viewing organisations".to_owned(),
        ToString::to_string,
    );
    let sheet = Sheet::new("overrides", format!("Emergency overrides, {of}"))
        .fact("from", "From", period.from.to_string())
        .fact("to", "To", period.to.to_string())
        .fact(
            "overrides",
            "Overrides by which a record was opened",
            report.overrides,
        )
        .fact(
            "in_trail",
            "The same, as the audit trail counts them",
            report.in_trail,
        )
        .fact("refused", "Asked for and refused", report.refused)
        .fact(
            "oldest_unreviewed_days",
            "Days that the oldest waits for its review",
            report.oldest_unreviewed_days,
        );
    let sheet = if report.overrides == report.in_trail {
        sheet
    } else {
        sheet.note("The two counts differ: that is a finding by itself.")
    };
    sheet
        .table(counted(
            "reasons",
            "By reason",
            &[("reason", "Reason"), ("count", "Overrides")],
            &report.by_reason,
        ))
        .table(counted(
            "outcomes",
            "By outcome of the review",
            &[("outcome", "Outcome"), ("count", "Overrides")],
            &report.by_outcome,
        ))
        .table(Table {
            key: "reviews",
            title: "What was found and recommended".to_owned(),
            columns: &[
                ("id", "Override"),
                ("used_at", "Used"),
                ("reason", "Reason"),
                ("at", "Reviewed"),
                ("reviewer", "By"),
                ("outcome", "Outcome"),
                ("findings", "Findings"),
                ("recommendations", "Recommendations"),
            ],
            rows: report
                .reviews
                .iter()
                .map(|one| {
                    let review = json!(one);
                    [
                        "id",
                        "used_at",
                        "reason",
                        "at",
                        "reviewer",
                        "outcome",
                        "findings",
                        "recommendations",
                    ]
                    .iter()
                    .map(|member| review.get(*member).cloned().unwrap_or(Value::Null))
                    .collect()
                })
                .collect(),
        })
}

fn counted(
    key: &'static str,
    title: &str,
    columns: &'static [(&'static str, &'static str)],
    counts: &BTreeMap<String, u64>,
) -> Table {
    Table {
        key,
        title: title.to_owned(),
        columns,
        rows: counts
            .iter()
            .map(|(word, count)| vec![word.as_str().into(), (*count).into()])
            .collect(),
    }
}
