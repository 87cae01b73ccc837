//! Requests to opt out of sharing or back in, their review, and what stands (S2 6.1, 6.4; R062 to R066).
//!
//! Every deed is written together with its row in the trail. Rows are added, never changed: the history stays.

use jiff::Timestamp;

use super::notices::Notice;
use super::{StoreError, Stored};
use crate::audit::AuditEntry;
use crate::fhir::PatientId;
use crate::record::OdsCode;

/// What is wished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// Not to be shared.
    OptOut,
    /// To be shared again.
    OptIn,
}

impl Wish {
    /// As it is stored.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::OptOut => "opt-out",
            Self::OptIn => "opt-in",
        }
    }

    /// The reverse of [`Self::code`].
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::OptOut, Self::OptIn]
            .into_iter()
            .find(|wish| wish.code() == code)
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptOutDecision {
    /// As it was wished; in force here from that moment.
    Granted,
    /// Not done, for the reason that is recorded (S2 6.1.5: the patient's best interests).
    Declined,
    /// The asker took it back after the discussion.
    TakenBack,
}

impl OptOutDecision {
    /// As it is stored.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Declined => "declined",
            Self::TakenBack => "taken-back",
        }
    }

    /// The reverse of [`Self::code`].
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Granted, Self::Declined, Self::TakenBack]
            .into_iter()
            .find(|decision| decision.code() == code)
    }
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOutRequestRow {
    /// Id.
    pub id: String,
    /// The practice that decides.
    pub practice: OdsCode,
    /// Whose record.
    pub patient: PatientId,
    /// The NHS number, sealed: the practice has to find its patient.
    pub sealed_nhs: String,
    /// What is wished.
    pub wish: Wish,
    /// Who asked, sealed.
    pub asker: String,
    /// When it reached the practice: the 48 hours count from here.
    pub received_at: Timestamp,
    /// When it was recorded here.
    pub recorded_at: Timestamp,
    /// By whom (username).
    pub recorded_by: String,
    /// When the alarm was raised.
    pub alarmed_at: Option<Timestamp>,
}

/// A line of a request's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOutNoteRow {
    /// Of this request.
    pub request: String,
    /// When.
    pub at: Timestamp,
    /// By whom (username).
    pub by: String,
    /// What, sealed.
    pub note: String,
}

/// The review that closed a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOutReviewRow {
    /// Of this request.
    pub request: String,
    /// When.
    pub at: Timestamp,
    /// By whom (username).
    pub by: String,
    /// How it ended.
    pub decision: OptOutDecision,
    /// The discussion and the reason, sealed.
    pub discussion: String,
}

/// A request with all that came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOutRow {
    /// The request.
    pub request: OptOutRequestRow,
    /// Its history, oldest first.
    pub notes: Vec<OptOutNoteRow>,
    /// Its review; `None` while nothing is decided.
    pub review: Option<OptOutReviewRow>,
}

/// Which requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptOutFilter {
    /// This one.
    pub id: Option<String>,
    /// Of this practice.
    pub practice: Option<OdsCode>,
    /// Of this patient.
    pub patient: Option<PatientId>,
    /// Nothing is decided yet.
    pub open_only: bool,
    /// Received at or before.
    pub received_until: Option<Timestamp>,
    /// No alarm was raised yet.
    pub not_alarmed: bool,
}

/// Keeps requests and what stands.
pub trait OptOutStore: Send + Sync {
    /// Keeps a new request, with its notices and its row in the trail; `false`, and none of these, where the same wish of this
    /// patient is open at the practice.
    fn insert_opt_out(
        &self,
        row: OptOutRequestRow,
        notices: Vec<Notice>,
        entry: AuditEntry,
    ) -> Stored<'_, bool>;
    /// Adds a line to an open request's history, with its row in the trail; `false` if it is closed or unknown.
    fn note_opt_out(&self, row: OptOutNoteRow, entry: AuditEntry) -> Stored<'_, bool>;
    /// Closes a request, puts what was granted into effect, and writes the trail's row, all at one moment; `false` if it was
    /// closed before or is unknown, and then nothing is written.
    fn close_opt_out(&self, row: OptOutReviewRow, entry: AuditEntry) -> Stored<'_, bool>;
    /// The requests, oldest received first.
    ///
    /// # Errors
    /// The store failed.
    fn opt_outs(&self, filter: &OptOutFilter) -> Result<Vec<OptOutRow>, StoreError>;
    /// Marks an open request as alarmed and keeps the notices of it; `false` if somebody was first or it is closed.
    fn alarm_opt_out<'a>(
        &'a self,
        id: &'a str,
        at: Timestamp,
        notices: Vec<Notice>,
    ) -> Stored<'a, bool>;
}
