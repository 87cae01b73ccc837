//! The look-up: trace, ask the source, map, label, release, and hold the result for a short time, in memory only.
//!
//! Concurrent asks for the same record share one look-up. What is held is labelled, filtered and encoded; never source
//! text, never an excluded entry (design.md 3).

use crate::audit::Origin;
use crate::fhir::PatientId;
use crate::record::{NhsNumber, OdsCode, Standing};
use crate::source::trace::TraceAnswer;
use crate::source::{BoxFuture, SourceError, SourceRefusal};
use crate::tabs::catalogue::TabSet;

/// A record to find, for an occasion that is about to open.
#[derive(Debug, Clone)]
pub struct FindAsk {
    /// Whose record, for the source.
    pub nhs_number: NhsNumber,
    /// Whose record, for us.
    pub patient: PatientId,
    /// Where the trace says it is.
    pub practice: OdsCode,
    /// Who looks.
    pub viewer: OdsCode,
    /// The clinician (username), for the source's own audit.
    pub clinician: String,
    /// How it is known who that is (`asserted` or `authenticated`), for the trail.
    pub assurance: String,
    /// The request that needs it, for the trail.
    pub origin: Origin,
    /// The tabs that it is needed for: no more is asked of a source that can be asked for less (R034).
    pub tabs: TabSet,
}

/// What the source says about whether the record may be shown. The record itself stays inside, held for the first read.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Registration, opt-out, restriction; `None` where the source gave no record.
    pub standing: Option<Standing>,
    /// Why the source gave no record.
    pub refusal: Option<SourceRefusal>,
    /// Who the source says it is, for the cross-check with the trace (R012).
    pub identity: SourceIdentity,
}

/// Who the source says the patient is. Its `Debug` shows nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SourceIdentity {
    /// Family name.
    pub family: Option<String>,
    /// Given names; the first is compared.
    pub given: Option<String>,
    /// `YYYY-MM-DD`, or less where the source knows less.
    pub birth_date: Option<String>,
}

impl std::fmt::Debug for SourceIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SourceIdentity(…)")
    }
}

/// Something that traces a patient and finds the record.
pub trait Finder: Send + Sync {
    /// Traces one NHS number.
    ///
    /// # Errors
    /// The trace service did not answer, or wrongly.
    fn trace<'a>(
        &'a self,
        nhs_number: &'a NhsNumber,
    ) -> BoxFuture<'a, Result<TraceAnswer, SourceError>>;

    /// Asks the practice's source, and holds what may leave for the reads that follow.
    ///
    /// # Errors
    /// The source did not answer, or wrongly; a refusal is not an error.
    fn find<'a>(&'a self, ask: FindAsk) -> BoxFuture<'a, Result<Found, SourceError>>;
}

mod look_up;
pub use look_up::{LookUp, LookUpError, LookUpParts, LookedUp};
