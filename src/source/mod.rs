//! Adapters: bytes of a GP system in, [`GpRecord`] out. Also the trace service.
//!
//! Invariants: never builds FHIR; never trusts a size, an encoding, a DTD or an id that came from outside; every reply is
//! bounded in bytes, depth and time. A new source is a new folder with one implementation of [`SourceAdapter`] that
//! passes the shared conformance suite (`docs/adapter-spec.md`).

pub mod emis;
pub mod gate;
pub mod http;
pub mod systmone;
pub mod trace;
pub mod worklist;
pub mod xml;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod pitfalls;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::record::{GpRecord, NhsNumber, OdsCode};

/// A question to one source about one patient.
#[derive(Debug, Clone)]
pub struct RecordAsk {
    /// Whose record.
    pub nhs_number: NhsNumber,
    /// At which practice.
    pub practice: OdsCode,
    /// The organisation that will look.
    pub requester: OdsCode,
    /// The clinician's id as the source's audit shall show it.
    pub clinician: String,
    /// Unique id of this question; the source must echo it.
    pub message_id: String,
    /// The moment of asking, for message headers.
    pub asked_at: jiff::Timestamp,
    /// How much of the record is wanted.
    pub parts: Parts,
}

/// How much of a record a source is asked for (S2 5.4.4, S4; R034). Who the patient is, how they are registered and whether they
/// opted out comes with each of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Parts {
    /// All of it.
    #[default]
    Whole,
    /// Medication and nothing else.
    Medication,
}

impl Parts {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Whole, Self::Medication];
}

/// What a source answers.
#[derive(Debug)]
pub enum SourceReply {
    /// The record.
    Record(Box<GpRecord>),
    /// The source has decided that there is none to show. All of these look alike to the viewer.
    Refused(SourceRefusal),
}

/// Why a source gives no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceRefusal {
    /// The patient dissents from sharing (opted out).
    Dissent,
    /// The source cannot say whether the patient opted out: counts as opted out (R065).
    SharingNotRecorded,
    /// No such patient at this practice.
    NoSuchPatient,
    /// The record is restricted (EMIS outcome 4).
    Restricted,
    /// The practice does not let this gateway in (EMIS outcome 2; no sharing agreement at the source).
    AccessDenied,
}

/// Why a source gave no usable answer. Carries no patient detail.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Not within the deadline.
    #[error("the source did not answer within {0:?}")]
    Timeout(Duration),
    /// No connection, or it broke.
    #[error("the source could not be reached: {0}")]
    Unreachable(String),
    /// An HTTP status other than success.
    #[error("the source answered with HTTP status {0}")]
    Status(u16),
    /// More bytes than the cap.
    #[error("the source's answer is larger than {0} bytes")]
    TooLarge(usize),
    /// Not a well-formed or not an acceptable message.
    #[error("the source's answer cannot be read: {0}")]
    Malformed(#[from] xml::XmlError),
    /// A well-formed message that is not an answer to this question.
    #[error("the source's answer does not belong to the question: {0}")]
    Mismatch(&'static str),
    /// A SOAP fault or error reply that is no refusal.
    #[error("the source reported a fault ({0})")]
    Fault(String),
    /// Too many questions at once, or the breaker is open after repeated failures.
    #[error("the source is not being asked just now")]
    Resting,
}

/// A boxed future, so that adapters can be kept as trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One family of GP system.
pub trait SourceAdapter: Send + Sync {
    /// Asks one question over the wire, within deadline and size cap, and reads the answer.
    ///
    /// # Errors
    /// See [`SourceError`]; a refusal is not an error.
    fn fetch<'a>(&'a self, ask: &'a RecordAsk) -> BoxFuture<'a, Result<SourceReply, SourceError>>;

    /// Reads one supplier message at hand (`openmig map`): the same parser that `fetch` uses.
    ///
    /// # Errors
    /// The file is not a message of this family; with the position.
    fn read(&self, message: &[u8], practice: &OdsCode) -> Result<GpRecord, SourceError>;
}

/// Deadline and cap of one source, from configuration.
#[derive(Debug, Clone, Copy)]
pub struct SourceLimits {
    /// From the first byte out to the last byte in.
    pub deadline: Duration,
    /// Bytes of an answer.
    pub max_bytes: usize,
    /// Questions at once.
    pub max_concurrent: usize,
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(8),
            max_bytes: 32 * 1024 * 1024,
            max_concurrent: 16,
        }
    }
}
