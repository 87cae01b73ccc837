//! Terms of use that were accepted on the page at the point of care (S2 7.3.3; R102, R103).

use jiff::Timestamp;

use super::{StoreError, Stored};
use crate::audit::AuditEntry;
use crate::record::OdsCode;

/// Somebody accepted a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptanceRow {
    /// Who (username).
    pub username: String,
    /// Version of the terms.
    pub version: String,
    /// SHA-256 of the text as it was shown ([`crate::register::Terms::digest`]).
    pub text_sha256: [u8; 32],
    /// When.
    pub at: Timestamp,
    /// On the way to which client.
    pub client: String,
    /// For which organisation they were working.
    pub organisation: OdsCode,
}

/// Keeps acceptances. None is ever changed or deleted.
pub trait TermsStore: Send + Sync {
    /// Keeps an acceptance together with its row in the trail, or neither; `false` if this person has accepted this text
    /// before, and then nothing is written.
    fn accept_terms(&self, row: AcceptanceRow, entry: AuditEntry) -> Stored<'_, bool>;
    /// What this person has accepted, newest first. Synchronous: it is on the hot path of whoever accepted on the page.
    ///
    /// # Errors
    /// The store failed.
    fn acceptances_of(&self, username: &str) -> Result<Vec<AcceptanceRow>, StoreError>;
    /// What everybody has accepted, by username, newest first.
    ///
    /// # Errors
    /// The store failed.
    fn acceptances(&self) -> Result<Vec<AcceptanceRow>, StoreError>;
}
