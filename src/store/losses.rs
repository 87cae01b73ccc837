//! The loss reports of the last look-up of each record: counts by place and reason, nothing of an entry (R204).

use jiff::Timestamp;

use super::{StoreError, Stored};
use crate::fhir::PatientId;
use crate::record::{LossCount, OdsCode};

/// Days that a report is kept after its look-up.
pub const KEPT_DAYS: i64 = 180;

/// One line of a practice's report: the losses of one record, or of all of them summed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LossLine {
    /// Place, reason, how often.
    pub loss: LossCount,
    /// In how many records.
    pub records: u64,
}

/// Keeps and gives loss reports.
pub trait LossStore: Send + Sync {
    /// Keeps the report of a record in place of the one before; forgets what is older than [`KEPT_DAYS`].
    fn keep_losses(
        &self,
        practice: OdsCode,
        patient: PatientId,
        at: Timestamp,
        losses: Vec<LossCount>,
    ) -> Stored<'_, ()>;

    /// The practice's report, most frequent first: of one patient, or of all summed up.
    ///
    /// # Errors
    /// The store failed.
    fn losses(
        &self,
        practice: &OdsCode,
        patient: Option<&PatientId>,
    ) -> Result<Vec<LossLine>, StoreError>;
}
