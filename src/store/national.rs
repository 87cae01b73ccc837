//! Answers of the national data opt-out service, loaded by the operator (R176).

use jiff::Timestamp;

use super::Stored;
use crate::audit::AuditEntry;
use crate::fhir::PatientId;

/// Keeps of whom the national service said that they have no national data opt-out.
pub trait NationalStore: Send + Sync {
    /// Takes up one answer of the service, given at `at`: these patients have no opt-out. Whoever was asked about and is not
    /// among them loses an earlier clearance. Gives how many are clear now. The row of the trail is written in the same
    /// transaction.
    fn load_clearances(
        &self,
        asked: Vec<PatientId>,
        clear: Vec<PatientId>,
        at: Timestamp,
        entry: AuditEntry,
    ) -> Stored<'_, usize>;
}
