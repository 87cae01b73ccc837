//! The trace service, PDS-FHIR-style: NHS number in, demographics and registered practice out (R001, R002, R011, R012).

use crate::record::{NhsNumber, OdsCode};
use crate::source::{BoxFuture, SourceError};

/// What the trace service says of one NHS number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TraceAnswer {
    /// It knows the number.
    Found(Traced),
    /// It does not know the number, or the number was withdrawn.
    NotFound,
}

/// A traced patient. Names and date of birth serve the identity cross-check only.
#[derive(Clone, PartialEq, Eq)]
pub struct Traced {
    /// `01` = number present and verified; anything else is not fully traced.
    pub verification: String,
    /// Family name.
    pub family: Option<String>,
    /// First given name.
    pub given: Option<String>,
    /// Date of birth, `YYYY-MM-DD` or less precise as the service has it.
    pub birth_date: Option<String>,
    /// ODS code of the registered practice.
    pub practice: Option<OdsCode>,
    /// The record is marked sensitive (S-flag).
    pub sensitive: bool,
    /// The patient has died.
    pub deceased: bool,
}

impl std::fmt::Debug for Traced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Traced")
            .field("practice", &self.practice)
            .finish_non_exhaustive()
    }
}

/// Something that traces.
pub trait Tracer: Send + Sync {
    /// Traces one NHS number.
    ///
    /// # Errors
    /// The service did not answer, or not as a PDS-FHIR service does.
    fn trace<'a>(
        &'a self,
        nhs_number: &'a NhsNumber,
    ) -> BoxFuture<'a, Result<TraceAnswer, SourceError>>;
}
