//! Overrides and their reviews (S2 6.5.3, 7.3.6; R093, R095).

use jiff::Timestamp;

use super::{AlertRow, StoreError, Stored};
use crate::audit::AuditEntry;
use crate::record::OdsCode;

/// How a review came out.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewOutcome {
    /// The override was within the agreement.
    Justified,
    /// It was not.
    NotJustified,
    /// It goes to somebody else; the review is not concluded.
    Escalated,
}

impl ReviewOutcome {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Justified, Self::NotJustified, Self::Escalated];

    /// As it is stored.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Justified => "justified",
            Self::NotJustified => "not-justified",
            Self::Escalated => "escalated",
        }
    }

    /// The reverse of [`Self::code`].
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.code() == code)
    }

    /// Nothing comes after it.
    #[must_use]
    pub fn concludes(self) -> bool {
        self != Self::Escalated
    }
}

/// A review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideReviewRow {
    /// Of this alert.
    pub alert: String,
    /// When.
    pub at: Timestamp,
    /// By whom (username).
    pub reviewer: String,
    /// How it came out.
    pub outcome: ReviewOutcome,
    /// What was found, sealed.
    pub findings: String,
    /// What should follow, sealed.
    pub recommendations: String,
}

/// An override with its reviews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideRow {
    /// The alert.
    pub alert: AlertRow,
    /// Its reviews, oldest first.
    pub reviews: Vec<OverrideReviewRow>,
}

/// Which overrides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OverrideFilter {
    /// This alert.
    pub id: Option<String>,
    /// Of this viewer.
    pub viewer: Option<OdsCode>,
    /// No review has concluded it.
    pub open_only: bool,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before, not at.
    pub until: Option<Timestamp>,
}

/// Keeps reviews.
pub trait OverrideStore: Send + Sync {
    /// The overrides, oldest first.
    ///
    /// # Errors
    /// The store failed.
    fn overrides(&self, filter: &OverrideFilter) -> Result<Vec<OverrideRow>, StoreError>;
    /// Adds a review together with its row in the trail; `false` if the override is concluded already, and then nothing is
    /// written.
    fn review_override(&self, row: OverrideReviewRow, entry: AuditEntry) -> Stored<'_, bool>;
}
