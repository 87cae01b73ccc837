//! Answers of the national data opt-out service.

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use super::SqliteStore;
use super::values::Micros;
use super::writer::trail;
use crate::audit::AuditEntry;
use crate::fhir::PatientId;
use crate::store::national::NationalStore;
use crate::store::{StoreError, Stored};

impl NationalStore for SqliteStore {
    fn load_clearances(
        &self,
        asked: Vec<PatientId>,
        clear: Vec<PatientId>,
        at: Timestamp,
        entry: AuditEntry,
    ) -> Stored<'_, usize> {
        Box::pin(async move {
            let row = trail(entry)?;
            let count = clear.len();
            Ok(self
                .writer
                .run(move |connection| {
                    let mut gone = connection
                        .prepare_cached("DELETE FROM national_clearance WHERE patient = ?1 AND at <= ?2")?;
                    for patient in &asked {
                        gone.execute((patient.as_str(), Micros(at)))?;
                    }
                    let mut put = connection.prepare_cached(
                        "INSERT INTO national_clearance (patient, at) VALUES (?1, ?2)
                         ON CONFLICT (patient) DO UPDATE SET at = excluded.at WHERE excluded.at >= national_clearance.at",
                    )?;
                    for patient in &clear {
                        put.execute((patient.as_str(), Micros(at)))?;
                    }
                    Ok((count, Some(row.clone())))
                })
                .await?)
        })
    }
}

impl SqliteStore {
    pub(super) fn cleared(&self, patient: &PatientId) -> Result<Option<Timestamp>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached("SELECT at FROM national_clearance WHERE patient = ?1")?
                .query_row([patient.as_str()], |row| Ok(row.get::<_, Micros>(0)?.0))
                .optional()
        })
    }
}
