//! Cases of oversight as their steps: what was done, in order, by whom. A step is never changed (R123, R184, R200, R201).

use jiff::Timestamp;

use super::notices::Notice;
use super::{StoreError, Stored};
use crate::audit::AuditEntry;
use crate::record::OdsCode;

/// What a case is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseKind {
    /// A breach, suspected or found (S2 8).
    Breach,
    /// A practice's demand that a viewer looks into something (S2 8.2).
    Investigation,
    /// A complaint (S2 10).
    Complaint,
    /// A report that an organisation owes the oversight group (S2 7.3.5, 7.3.6, 10.4).
    Report,
    /// A version of the patients' information that a practice has published (S2 3.5).
    Publication,
}

impl CaseKind {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Breach,
        Self::Investigation,
        Self::Complaint,
        Self::Report,
        Self::Publication,
    ];

    /// As it is stored, and the first part of its ids in notices and audit rows.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Breach => "breach",
            Self::Investigation => "investigation",
            Self::Complaint => "complaint",
            Self::Report => "report",
            Self::Publication => "publication",
        }
    }

    /// The reverse of [`Self::code`].
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// One step of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseStep {
    /// The case.
    pub case: String,
    /// Its place among the case's steps, from 1 without a gap.
    pub n: u32,
    /// What the case is about.
    pub kind: CaseKind,
    /// When.
    pub at: Timestamp,
    /// Who: a username of the register.
    pub by: String,
    /// For which organisation; `None` for the oversight group.
    pub organisation: Option<OdsCode>,
    /// What was done, as the case's own module writes it, sealed with the installation's key (R145).
    pub step: String,
}

/// Keeps cases.
pub trait CaseStore: Send + Sync {
    /// Keeps a step with its notices and its row of the trail, all or none; `false` (and nothing kept) where another step
    /// has this place already.
    fn append_step(
        &self,
        step: CaseStep,
        notices: Vec<Notice>,
        entry: AuditEntry,
    ) -> Stored<'_, bool>;

    /// The steps of one case in order; empty where there is none.
    ///
    /// # Errors
    /// The store failed.
    fn steps_of(&self, kind: CaseKind, case: &str) -> Result<Vec<CaseStep>, StoreError>;

    /// The steps of every case of a kind, case by case in the order of their ids (which is the order of their opening).
    ///
    /// # Errors
    /// The store failed.
    fn steps(&self, kind: CaseKind) -> Result<Vec<CaseStep>, StoreError>;
}
