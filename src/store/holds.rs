//! Holds: what was taken away at run time, by whom and why, and who gave which assurance when it was lifted (S2 12).

use jiff::Timestamp;
use jiff::civil::Date;

use super::notices::Notice;
use super::{StoreError, Stored};
use crate::audit::AuditEntry;
use crate::record::OdsCode;

/// What is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// An organisation neither looks nor is looked at (R156).
    Organisation(OdsCode),
    /// An organisation has withdrawn (R154).
    Withdrawal(OdsCode),
    /// A practice has switched its sharing off (R005).
    Practice(OdsCode),
    /// A practice shows nothing to one viewer (R155).
    Pair {
        /// The practice.
        practice: OdsCode,
        /// The viewer.
        viewer: OdsCode,
    },
    /// A person may no longer look (R108).
    User(String),
    /// An OAuth client gets no token any more, and has none.
    Client(String),
    /// Nobody looks at anything.
    Everything,
    /// The programme has ended (R157). Never lifted.
    ProgrammeEnd,
}

impl Held {
    /// Its kind, as it is stored and shown.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Organisation(_) => "organisation",
            Self::Withdrawal(_) => "withdrawal",
            Self::Practice(_) => "practice",
            Self::Pair { .. } => "pair",
            Self::User(_) => "user",
            Self::Client(_) => "client",
            Self::Everything => "everything",
            Self::ProgrammeEnd => "programme-end",
        }
    }

    /// The organisation that it is about, the viewer of a pair, the person or client.
    #[must_use]
    pub fn parts(&self) -> (Option<&OdsCode>, Option<&OdsCode>, Option<&str>) {
        match self {
            Self::Organisation(ods) | Self::Withdrawal(ods) | Self::Practice(ods) => {
                (Some(ods), None, None)
            }
            Self::Pair { practice, viewer } => (Some(practice), Some(viewer), None),
            Self::User(name) | Self::Client(name) => (None, None, Some(name)),
            Self::Everything | Self::ProgrammeEnd => (None, None, None),
        }
    }

    /// The reverse of [`Self::kind`] and [`Self::parts`].
    #[must_use]
    pub fn from_parts(
        kind: &str,
        organisation: Option<OdsCode>,
        viewer: Option<OdsCode>,
        username: Option<String>,
    ) -> Option<Self> {
        Some(match kind {
            "organisation" => Self::Organisation(organisation?),
            "withdrawal" => Self::Withdrawal(organisation?),
            "practice" => Self::Practice(organisation?),
            "pair" => Self::Pair {
                practice: organisation?,
                viewer: viewer?,
            },
            "user" => Self::User(username?),
            "client" => Self::Client(username?),
            "everything" => Self::Everything,
            "programme-end" => Self::ProgrammeEnd,
            _ => return None,
        })
    }
}

/// A hold as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRow {
    /// Id.
    pub id: String,
    /// What is held.
    pub held: Held,
    /// On whose behalf: that organisation alone can lift it. `None` = the oversight group's.
    pub placed_for: Option<OdsCode>,
    /// Who placed it (username).
    pub placed_by: String,
    /// Why.
    pub reason: String,
    /// When it was placed.
    pub at: Timestamp,
    /// In force from then on; a withdrawal may be announced ahead.
    pub starts_at: Timestamp,
    /// It was lifted.
    pub lift: Option<Lift>,
}

/// How a hold was lifted (S2 12.2, 12.3: until assurances have been gained).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lift {
    /// When.
    pub at: Timestamp,
    /// By whom (username).
    pub by: String,
    /// Who gave the assurance.
    pub assured_by: String,
    /// What was assured.
    pub assurance: String,
    /// When it was given.
    pub assured_on: Date,
}

/// Keeps holds.
pub trait HoldStore: Send + Sync {
    /// Places a hold, with its notices and its row of the trail, in one transaction; `false` if the same stands already.
    fn place_hold(&self, row: HoldRow, notices: Vec<Notice>, entry: AuditEntry)
    -> Stored<'_, bool>;
    /// Lifts a hold, with notices and row, in one transaction; `false` if it does not stand.
    fn lift_hold<'a>(
        &'a self,
        id: &'a str,
        lift: Lift,
        notices: Vec<Notice>,
        entry: AuditEntry,
    ) -> Stored<'a, bool>;
    /// Every hold that stands, or every hold that there ever was, the oldest first.
    ///
    /// # Errors
    /// The store failed.
    fn holds(&self, standing_only: bool) -> Result<Vec<HoldRow>, StoreError>;
    /// How often holds have changed. Synchronous and small: it is on the hot path.
    ///
    /// # Errors
    /// The store failed.
    fn hold_generation(&self) -> Result<u64, StoreError>;
    /// What stands, and the generation that it is of, as of one moment.
    ///
    /// # Errors
    /// The store failed.
    fn standing_holds(&self) -> Result<(u64, Vec<HoldRow>), StoreError>;
}

/// Keeps every register that was in force.
pub trait RegisterStore: Send + Sync {
    /// Keeps the canonical text of a register by its hash; once is enough.
    fn keep_register<'a>(&'a self, hash: &'a str, text: Vec<u8>, at: Timestamp) -> Stored<'a, ()>;
    /// The canonical text of a register; `None` where it was never in force here.
    ///
    /// # Errors
    /// The store failed.
    fn find_register(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Hash and first moment of every register that was in force, the oldest first.
    ///
    /// # Errors
    /// The store failed.
    fn registers(&self) -> Result<Vec<(String, Timestamp)>, StoreError>;
}
