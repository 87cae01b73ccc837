//! Requests to opt out or in, and what stands.

use jiff::Timestamp;
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params, params_from_iter};

use super::SqliteStore;
use super::values::{Micros, Ods, Patient};
use super::writer::{bind, trail};
use crate::audit::AuditEntry;
use crate::fhir::PatientId;
use crate::record::OdsCode;
use crate::store::bound::Bound;
use crate::store::notices::Notice;
use crate::store::opt_out::{
    OptOutDecision, OptOutFilter, OptOutNoteRow, OptOutRequestRow, OptOutReviewRow, OptOutRow,
    OptOutStore, Wish,
};
use crate::store::{StoreError, Stored};

const REQUEST: &str = "id, practice, patient, sealed_nhs, wish, asker, received_at, recorded_at, recorded_by, alarmed_at";

fn unknown(column: usize, code: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        column,
        rusqlite::types::Type::Text,
        format!("{code:?} is unknown").into(),
    )
}

fn request(row: &SqlRow<'_>) -> rusqlite::Result<OptOutRequestRow> {
    let wish: String = row.get(4)?;
    Ok(OptOutRequestRow {
        id: row.get(0)?,
        practice: row.get::<_, Ods>(1)?.0,
        patient: row.get::<_, Patient>(2)?.0,
        sealed_nhs: row.get(3)?,
        wish: Wish::from_code(&wish).ok_or_else(|| unknown(4, &wish))?,
        asker: row.get(5)?,
        received_at: row.get::<_, Micros>(6)?.0,
        recorded_at: row.get::<_, Micros>(7)?.0,
        recorded_by: row.get(8)?,
        alarmed_at: row.get::<_, Option<Micros>>(9)?.map(|at| at.0),
    })
}

fn is_open(connection: &Connection, id: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM opt_out_request WHERE id = ?1)
                AND NOT EXISTS (SELECT 1 FROM opt_out_review WHERE request = ?1)",
        )?
        .query_row([id], |row| row.get(0))
}

/// Every request, note and review that can still be read.
pub(super) fn each(
    connection: &Connection,
    mut see: impl FnMut(&dyn Bound),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("SELECT {REQUEST} FROM opt_out_request"))?;
    for request in statement.query_map([], request)?.flatten() {
        see(&request);
        let Ok(row) = with_history(connection, request) else {
            continue;
        };
        row.notes.iter().for_each(|note| see(note));
        row.review.iter().for_each(|review| see(review));
    }
    Ok(())
}

impl OptOutStore for SqliteStore {
    fn insert_opt_out(
        &self,
        row: OptOutRequestRow,
        notices: Vec<Notice>,
        entry: AuditEntry,
    ) -> Stored<'_, bool> {
        Box::pin(async move {
            let trail = trail(bind(entry, &row))?;
            Ok(self
                .writer
                .run(move |connection| {
                    let asked: bool = connection
                        .prepare_cached(
                            "SELECT EXISTS (SELECT 1 FROM opt_out_request q
                                            WHERE q.practice = ?1 AND q.patient = ?2 AND q.wish = ?3
                                              AND NOT EXISTS (SELECT 1 FROM opt_out_review r WHERE r.request = q.id))",
                        )?
                        .query_row(
                            params![row.practice.0, row.patient.as_str(), row.wish.code()],
                            |row| row.get(0),
                        )?;
                    if asked {
                        return Ok((false, None));
                    }
                    connection
                        .prepare_cached(&format!(
                            "INSERT INTO opt_out_request ({REQUEST})
                             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL)"
                        ))?
                        .execute(params![
                            row.id,
                            row.practice.0,
                            row.patient.as_str(),
                            row.sealed_nhs,
                            row.wish.code(),
                            row.asker,
                            Micros(row.received_at),
                            Micros(row.recorded_at),
                            row.recorded_by,
                        ])?;
                    for notice in &notices {
                        super::notices::put(connection, notice)?;
                    }
                    Ok((true, Some(trail.clone())))
                })
                .await?)
        })
    }

    fn note_opt_out(&self, row: OptOutNoteRow, entry: AuditEntry) -> Stored<'_, bool> {
        Box::pin(async move {
            let trail = trail(bind(entry, &row))?;
            Ok(self
                .writer
                .run(move |connection| {
                    if !is_open(connection, &row.request)? {
                        return Ok((false, None));
                    }
                    connection
                        .prepare_cached(
                            "INSERT INTO opt_out_note (request, at, by, note) VALUES (?1, ?2, ?3, ?4)",
                        )?
                        .execute(params![row.request, Micros(row.at), row.by, row.note])?;
                    Ok((true, Some(trail.clone())))
                })
                .await?)
        })
    }

    fn close_opt_out(&self, row: OptOutReviewRow, entry: AuditEntry) -> Stored<'_, bool> {
        Box::pin(async move {
            let trail = trail(bind(entry, &row))?;
            Ok(self
                .writer
                .run(move |connection| {
                    if !is_open(connection, &row.request)? {
                        return Ok((false, None));
                    }
                    connection
                        .prepare_cached(
                            "INSERT INTO opt_out_review (request, at, by, decision, discussion)
                             VALUES (?1, ?2, ?3, ?4, ?5)",
                        )?
                        .execute(params![
                            row.request,
                            Micros(row.at),
                            row.by,
                            row.decision.code(),
                            row.discussion,
                        ])?;
                    if row.decision == OptOutDecision::Granted {
                        put_into_effect(connection, &row)?;
                    }
                    Ok((true, Some(trail.clone())))
                })
                .await?)
        })
    }

    fn opt_outs(&self, filter: &OptOutFilter) -> Result<Vec<OptOutRow>, StoreError> {
        let mut conditions = vec!["1 = 1".to_owned()];
        let mut values: Vec<SqlValue> = Vec::new();
        let mut add = |sql: &str, value: Option<SqlValue>| {
            if let Some(value) = value {
                values.push(value);
                conditions.push(format!("{sql} ?{}", values.len()));
            }
        };
        let text = |text: &str| SqlValue::Text(text.to_owned());
        add("id =", filter.id.as_deref().map(text));
        add(
            "practice =",
            filter.practice.as_ref().map(|ods| text(&ods.0)),
        );
        add(
            "patient =",
            filter.patient.as_ref().map(|id| text(id.as_str())),
        );
        add(
            "received_at <=",
            filter
                .received_until
                .map(|at| SqlValue::Integer(at.as_microsecond())),
        );
        if filter.open_only {
            conditions.push(
                "NOT EXISTS (SELECT 1 FROM opt_out_review WHERE request = opt_out_request.id)"
                    .to_owned(),
            );
        }
        if filter.not_alarmed {
            conditions.push("alarmed_at IS NULL".to_owned());
        }
        let sql = format!(
            "SELECT {REQUEST} FROM opt_out_request WHERE {} ORDER BY received_at, id",
            conditions.join(" AND ")
        );
        self.readers.with(|connection| {
            connection
                .prepare_cached(&sql)?
                .query_map(params_from_iter(&values), request)?
                .map(|request| with_history(connection, request?))
                .collect()
        })
    }

    fn alarm_opt_out<'a>(
        &'a self,
        id: &'a str,
        at: Timestamp,
        notices: Vec<Notice>,
    ) -> Stored<'a, bool> {
        Box::pin(async move {
            let id = id.to_owned();
            Ok(self
                .writer
                .run(move |connection| {
                    if !is_open(connection, &id)? {
                        return Ok((false, None));
                    }
                    let first = connection
                        .prepare_cached(
                            "UPDATE opt_out_request SET alarmed_at = ?2 WHERE id = ?1 AND alarmed_at IS NULL",
                        )?
                        .execute((&id, Micros(at)))?;
                    if first == 1 {
                        for notice in &notices {
                            super::notices::put(connection, notice)?;
                        }
                    }
                    Ok((first == 1, None))
                })
                .await?)
        })
    }
}

/// What was granted stands from now on; opting in at a practice also forgets what that practice's own system once said: the
/// next look-up asks it again.
fn put_into_effect(connection: &Connection, row: &OptOutReviewRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO opt_out (patient, practice, opted_out, at, request)
             SELECT patient, practice, wish = 'opt-out', ?2, id FROM opt_out_request WHERE id = ?1
             ON CONFLICT (patient, practice)
             DO UPDATE SET opted_out = excluded.opted_out, at = excluded.at, request = excluded.request",
        )?
        .execute((&row.request, Micros(row.at)))?;
    connection
        .prepare_cached(
            "UPDATE sharing SET opted_out = 0, at = ?2
             WHERE opted_out = 1 AND at <= ?2 AND (patient, practice) IN
                   (SELECT patient, practice FROM opt_out_request WHERE id = ?1 AND wish = 'opt-in')",
        )?
        .execute((&row.request, Micros(row.at)))?;
    Ok(())
}

fn with_history(connection: &Connection, request: OptOutRequestRow) -> rusqlite::Result<OptOutRow> {
    let notes = connection
        .prepare_cached(
            "SELECT at, by, note FROM opt_out_note WHERE request = ?1 ORDER BY at, rowid",
        )?
        .query_map([&request.id], |row| {
            Ok(OptOutNoteRow {
                request: request.id.clone(),
                at: row.get::<_, Micros>(0)?.0,
                by: row.get(1)?,
                note: row.get(2)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let review = connection
        .prepare_cached(
            "SELECT at, by, decision, discussion FROM opt_out_review WHERE request = ?1",
        )?
        .query_row([&request.id], |row| {
            let decision: String = row.get(2)?;
            Ok(OptOutReviewRow {
                request: request.id.clone(),
                at: row.get::<_, Micros>(0)?.0,
                by: row.get(1)?,
                decision: OptOutDecision::from_code(&decision)
                    .ok_or_else(|| unknown(2, &decision))?,
                discussion: row.get(3)?,
            })
        })
        .optional()?;
    Ok(OptOutRow {
        request,
        notes,
        review,
    })
}

/// SQL: an opt-out of this patient (`{patient}`) that was granted anywhere stands for a record of the practice
/// `{practice}`, unless that practice granted an opt-in since.
pub(super) fn stands(patient: &str, practice: &str) -> String {
    format!(
        "SELECT o.practice FROM opt_out o WHERE o.patient = {patient} AND o.opted_out = 1
            AND NOT EXISTS (SELECT 1 FROM opt_out i WHERE i.patient = o.patient AND i.practice = {practice}
                              AND i.opted_out = 0 AND i.at > o.at)
          ORDER BY o.at DESC, o.practice LIMIT 1"
    )
}

impl SqliteStore {
    /// See [`crate::store::OccasionStore::decided_opt_out`].
    pub(super) fn opt_out_that_stands(
        &self,
        patient: &PatientId,
        practice: &OdsCode,
    ) -> Result<Option<OdsCode>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(&stands("?1", "?2"))?
                .query_row((patient.as_str(), &practice.0), |row| {
                    Ok(row.get::<_, Ods>(0)?.0)
                })
                .optional()
        })
    }

    /// See [`crate::store::OccasionStore::lift_by_opt_in`].
    pub(super) async fn forget_older_than_opt_in(
        &self,
        patient: &PatientId,
        practice: &OdsCode,
    ) -> Result<(), StoreError> {
        let (patient, practice) = (patient.as_str().to_owned(), practice.0.clone());
        Ok(self
            .writer
            .run(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE sharing SET opted_out = 0
                         WHERE patient = ?1 AND opted_out = 1 AND at <
                               (SELECT at FROM opt_out WHERE patient = ?1 AND practice = ?2 AND opted_out = 0)",
                    )?
                    .execute((&patient, &practice))?;
                Ok(((), None))
            })
            .await?)
    }
}
