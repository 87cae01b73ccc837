//! Cases of oversight.

use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::notices::put;
use super::values::{Micros, Ods};
use super::writer::trail;
use crate::audit::AuditEntry;
use crate::store::cases::{CaseKind, CaseStep, CaseStore};
use crate::store::notices::Notice;
use crate::store::{StoreError, Stored};

const SELECT: &str = "SELECT case_id, n, kind, at, actor, organisation, step FROM case_step";

fn step(row: &Row<'_>) -> rusqlite::Result<CaseStep> {
    let kind: String = row.get(2)?;
    Ok(CaseStep {
        case: row.get(0)?,
        n: row.get(1)?,
        kind: CaseKind::from_code(&kind).ok_or(rusqlite::types::FromSqlError::InvalidType)?,
        at: row.get::<_, Micros>(3)?.0,
        by: row.get(4)?,
        organisation: row.get::<_, Option<Ods>>(5)?.map(|ods| ods.0),
        step: row.get(6)?,
    })
}

fn insert(connection: &Connection, step: &CaseStep) -> rusqlite::Result<bool> {
    let new = connection
        .prepare_cached(
            "INSERT INTO case_step (case_id, n, kind, at, actor, organisation, step)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            step.case,
            step.n,
            step.kind.code(),
            Micros(step.at),
            step.by,
            step.organisation.as_ref().map(|ods| &ods.0),
            step.step,
        ])?;
    Ok(new == 1)
}

impl CaseStore for SqliteStore {
    fn append_step(
        &self,
        step: CaseStep,
        notices: Vec<Notice>,
        entry: AuditEntry,
    ) -> Stored<'_, bool> {
        Box::pin(async move {
            let row = trail(entry)?;
            Ok(self
                .writer
                .run(move |connection| {
                    if !insert(connection, &step)? {
                        return Ok((false, None));
                    }
                    for notice in &notices {
                        put(connection, notice)?;
                    }
                    Ok((true, Some(row.clone())))
                })
                .await?)
        })
    }

    fn steps_of(&self, kind: CaseKind, case: &str) -> Result<Vec<CaseStep>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(&format!(
                    "{SELECT} WHERE case_id = ?1 AND kind = ?2 ORDER BY n"
                ))?
                .query_map((case, kind.code()), step)?
                .collect()
        })
    }

    fn steps(&self, kind: CaseKind) -> Result<Vec<CaseStep>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(&format!("{SELECT} WHERE kind = ?1 ORDER BY case_id, n"))?
                .query_map([kind.code()], step)?
                .collect()
        })
    }
}
