//! How long requests to opt out or in have waited (S2 6.1.3; R062): their ages, nobody's name or number.

use serde_json::json;

use super::sheet::{Sheet, Table};
use crate::oversight::opt_out::OptOutView;
use crate::record::OdsCode;

/// The report over open requests, those that wait longest first.
#[must_use]
pub fn report(practice: &OdsCode, open: &[OptOutView]) -> Sheet {
    let overdue = open.iter().filter(|request| request.overdue).count();
    Sheet::new("opt-outs", format!("Requests to opt out or in that wait, {practice}"))
        .fact("practice", "Practice", practice.to_string())
        .fact("open", "Open", open.len())
        .fact("overdue", "Over 48 hours", overdue)
        .note("A request is acted on within 48 hours of its receipt (agreement 6.1.3), after the practice has reviewed it (6.1.5): nothing is done by itself when the time is over but to tell the practice.")
        .table(Table {
            key: "requests",
            title: "Requests".to_owned(),
            columns: &[
                ("id", "Request"),
                ("wish", "Wish"),
                ("received_at", "Received"),
                ("due_at", "To be acted on by"),
                ("age_hours", "Age in hours"),
                ("overdue", "Over 48 hours"),
            ],
            rows: open
                .iter()
                .map(|request| {
                    vec![
                        request.id.as_str().into(),
                        json!(request.wish),
                        json!(request.received_at),
                        json!(request.due_at),
                        json!(request.age_hours),
                        request.overdue.into(),
                    ]
                })
                .collect(),
        })
}
