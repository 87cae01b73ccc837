//! The viewing organisation's own list of patients registered for treatment (R104).

use crate::record::{NhsNumber, OdsCode};
use crate::source::{BoxFuture, SourceError};

/// Something that knows who is registered for treatment where.
pub trait Worklist: Send + Sync {
    /// Is this patient registered for treatment at this organisation now?
    ///
    /// # Errors
    /// The organisation's system did not answer: unknown, so the caller must refuse.
    fn registered<'a>(
        &'a self,
        viewer: &'a OdsCode,
        nhs_number: &'a NhsNumber,
    ) -> BoxFuture<'a, Result<bool, SourceError>>;
}
