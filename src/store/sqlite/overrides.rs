//! Overrides and their reviews.

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::SqliteStore;
use super::values::{Micros, Ods, Patient};
use super::writer::{bind, trail};
use crate::audit::AuditEntry;
use crate::record::OdsCode;
use crate::store::bound::Bound;
use crate::store::overrides::{
    OverrideFilter, OverrideReviewRow, OverrideRow, OverrideStore, ReviewOutcome,
};
use crate::store::{AlertRow, StoreError, Stored};

const ALERT: &str = "id, viewer, clinician, patient, practice, occasion, reason, text, at";
const CONCLUDED: &str = "EXISTS (SELECT 1 FROM override_review r WHERE r.alert = alert.id AND r.outcome <> 'escalated')";

fn alert(row: &Row<'_>) -> rusqlite::Result<AlertRow> {
    Ok(AlertRow {
        id: row.get(0)?,
        viewer: row.get::<_, Ods>(1)?.0,
        clinician: row.get(2)?,
        patient: row.get::<_, Patient>(3)?.0,
        practice: row.get::<_, Ods>(4)?.0,
        occasion: row.get(5)?,
        reason: row.get(6)?,
        text: row.get(7)?,
        at: row.get::<_, Micros>(8)?.0,
    })
}

/// Every alert and every review that can still be read.
pub(super) fn each(
    connection: &Connection,
    mut see: impl FnMut(&dyn Bound),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("SELECT {ALERT} FROM alert"))?;
    for alert in statement.query_map([], alert)?.flatten() {
        see(&alert);
        for review in with_reviews(connection, alert)
            .iter()
            .flat_map(|row| &row.reviews)
        {
            see(review);
        }
    }
    Ok(())
}

impl OverrideStore for SqliteStore {
    fn overrides(&self, filter: &OverrideFilter) -> Result<Vec<OverrideRow>, StoreError> {
        let mut conditions = vec!["1 = 1".to_owned()];
        let mut values: Vec<SqlValue> = Vec::new();
        let mut add = |sql: &str, value: Option<SqlValue>| {
            if let Some(value) = value {
                values.push(value);
                conditions.push(format!("{sql} ?{}", values.len()));
            }
        };
        let micros = |at: jiff::Timestamp| SqlValue::Integer(at.as_microsecond());
        add("id =", filter.id.clone().map(SqlValue::Text));
        add(
            "viewer =",
            filter.viewer.clone().map(|ods| SqlValue::Text(ods.0)),
        );
        add("at >=", filter.since.map(micros));
        add("at <", filter.until.map(micros));
        if filter.open_only {
            conditions.push(format!("NOT {CONCLUDED}"));
        }
        let sql = format!(
            "SELECT {ALERT} FROM alert WHERE {} ORDER BY at, id",
            conditions.join(" AND ")
        );
        self.readers.with(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_map(params_from_iter(&values), alert)?
                .map(|alert| with_reviews(connection, alert?))
                .collect()
        })
    }

    fn review_override(&self, row: OverrideReviewRow, entry: AuditEntry) -> Stored<'_, bool> {
        Box::pin(async move {
            let trail = trail(bind(entry, &row))?;
            Ok(self
                .writer
                .run(move |connection| {
                    let open: bool = connection
                        .prepare_cached(&format!(
                            "SELECT EXISTS (SELECT 1 FROM alert WHERE id = ?1 AND NOT {CONCLUDED})"
                        ))?
                        .query_row([&row.alert], |row| row.get(0))?;
                    if !open {
                        return Ok((false, None));
                    }
                    connection
                        .prepare_cached(
                            "INSERT INTO override_review (alert, at, reviewer, outcome, findings, recommendations)
                             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                        )?
                        .execute(params![
                            row.alert,
                            Micros(row.at),
                            row.reviewer,
                            row.outcome.code(),
                            row.findings,
                            row.recommendations,
                        ])?;
                    Ok((true, Some(trail.clone())))
                })
                .await?)
        })
    }
}

fn with_reviews(connection: &Connection, alert: AlertRow) -> rusqlite::Result<OverrideRow> {
    let reviews = connection
        .prepare_cached(
            "SELECT at, reviewer, outcome, findings, recommendations FROM override_review
             WHERE alert = ?1 ORDER BY at, rowid",
        )?
        .query_map([&alert.id], |row| {
            let outcome: String = row.get(2)?;
            let outcome = ReviewOutcome::from_code(&outcome).ok_or_else(|| {
                rusqlite::Error::FromSqlConversionFailure(
                    2,
                    rusqlite::types::Type::Text,
                    format!("{outcome:?} is unknown").into(),
                )
            })?;
            Ok(OverrideReviewRow {
                alert: alert.id.clone(),
                at: row.get::<_, Micros>(0)?.0,
                reviewer: row.get(1)?,
                outcome,
                findings: row.get(3)?,
                recommendations: row.get(4)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(OverrideRow { alert, reviews })
}

impl SqliteStore {
    /// The override alerts of one viewing organisation, newest first (R092).
    ///
    /// # Errors
    /// The store failed.
    pub fn alerts(&self, viewer: &OdsCode) -> Result<Vec<AlertRow>, StoreError> {
        let filter = OverrideFilter {
            viewer: Some(viewer.clone()),
            ..OverrideFilter::default()
        };
        let found = self.overrides(&filter)?;
        Ok(found.into_iter().rev().map(|row| row.alert).collect())
    }
}
