//! Notices that somebody should have had and has not (R092): tried again, or given up.

use jiff::Timestamp;
use serde_json::Value;

use super::sheet::{Sheet, Table};
use crate::store::notices::NoticeRow;
use crate::text::instant;

/// The report over notices of which a way of delivery failed last time.
#[must_use]
pub fn report(notices: &[NoticeRow], now: Timestamp) -> Sheet {
    let rows: Vec<Vec<Value>> = notices
        .iter()
        .flat_map(|row| {
            row.deliveries
                .iter()
                .filter(|way| !way.delivered && way.last_error.is_some())
                .map(|way| {
                    vec![
                        row.notice.id.as_str().into(),
                        row.notice.to.as_str().into(),
                        row.notice.kind.subject().into(),
                        instant(row.notice.created_at).into(),
                        way.channel.code().into(),
                        if way.given_up {
                            "given up"
                        } else {
                            "tried again"
                        }
                        .into(),
                        way.attempts.into(),
                        way.last_error.as_deref().unwrap_or_default().into(),
                        if way.given_up {
                            Value::Null
                        } else {
                            instant(way.next_at).into()
                        },
                        row.acknowledged.is_some().into(),
                    ]
                })
        })
        .collect();
    let given_up = rows
        .iter()
        .filter(|row| row.get(5).is_some_and(|state| state == "given up"))
        .count();
    Sheet::new("undelivered", "Notices that could not be delivered")
        .fact("as_of", "As of", instant(now))
        .fact("failing", "Deliveries that fail", rows.len())
        .fact("given_up", "Of these given up", given_up)
        .note("A delivery that fails is tried again for three days and then given up; `notices/<id>/retry` has it tried again.")
        .note("Every notice is also in the list of notices, whether or not it was delivered.")
        .table(Table {
            key: "deliveries",
            title: "Deliveries".to_owned(),
            columns: &[
                ("notice", "Notice"),
                ("to", "To"),
                ("subject", "About"),
                ("created_at", "Came up"),
                ("channel", "Way"),
                ("state", "State"),
                ("attempts", "Attempts"),
                ("last_error", "Last failure"),
                ("next_at", "Tried again at"),
                ("acknowledged", "Read in the list"),
            ],
            rows,
        })
}
