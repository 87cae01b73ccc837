//! Reading the trail: newest first, in pages that stay the same while new rows arrive.

use std::net::IpAddr;

use jiff::Timestamp;
use uuid::Uuid;

use super::Also;
use super::verify::TreeHead;
use crate::fhir::{Kind, PatientId};
use crate::record::OdsCode;
use crate::store::StoreError;
use crate::tabs::catalogue::TabSet;

/// Which events; every condition that is set must hold. With none set, all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this practice's patients (R121). The caller sets it for everyone who may see one practice only.
    pub practice: Option<OdsCode>,
    /// Of this patient (R122).
    pub patient: Option<PatientId>,
    /// The one with this id.
    pub id: Option<Uuid>,
    /// Of this occasion.
    pub occasion: Option<String>,
    /// Of this request.
    pub request: Option<String>,
    /// Of this viewing organisation (R130).
    pub viewer: Option<OdsCode>,
    /// Of this clinician (R130).
    pub clinician: Option<String>,
    /// Of this kind.
    pub happening: Option<Happening>,
    /// `true`: refused or failed; `false`: succeeded.
    pub failed: Option<bool>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before, not at.
    pub until: Option<Timestamp>,
}

/// Where a page ended: the next one begins below it. Rows are never renumbered, so a cursor is good for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub u64);

/// Some events, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most as many as were asked for.
    pub events: Vec<StoredEvent>,
    /// Where to go on; `None` when there are no more.
    pub next: Option<Cursor>,
}

/// What an event was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Happening {
    /// A token was given or refused.
    Token,
    /// An occasion was opened or refused.
    Occasion,
    /// An override was used.
    Override,
    /// An occasion or token was withdrawn.
    Withdrawal,
    /// A client asked about a token.
    Introspection,
    /// Somebody accepted the terms of use.
    Terms,
    /// The source was about to be asked.
    Intent,
    /// Data was about to leave.
    Disclosure,
    /// A FHIR request was refused.
    Refused,
    /// A person of oversight saw or did something.
    Oversight,
}

impl Happening {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Token,
        Self::Occasion,
        Self::Override,
        Self::Withdrawal,
        Self::Introspection,
        Self::Terms,
        Self::Intent,
        Self::Disclosure,
        Self::Refused,
        Self::Oversight,
    ];

    /// As it is stored, and its code in our CodeSystem of audit steps.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Occasion => "occasion",
            Self::Override => "override",
            Self::Withdrawal => "withdrawal",
            Self::Introspection => "introspection",
            Self::Terms => "terms",
            Self::Intent => "intent",
            Self::Disclosure => "disclosure",
            Self::Refused => "refused",
            Self::Oversight => "oversight",
        }
    }

    /// From its code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.code() == code)
    }
}

/// One row of the trail as it was written, with the ids that its bitmap stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its number in the trail, from 1 without a gap (a check on the clock, NHS GP Connect audit rules).
    pub seq: u64,
    /// Its id, also the AuditEvent's.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// What.
    pub happening: Happening,
    /// Why it was refused or failed; `None` where it succeeded.
    pub failure: Option<String>,
    /// The request's id; empty where there was none.
    pub request_id: String,
    /// The network address that asked.
    pub address: Option<IpAddr>,
    /// OAuth client.
    pub client: Option<String>,
    /// Clinician (username).
    pub clinician: Option<String>,
    /// Role at the time.
    pub role: Option<String>,
    /// `asserted` or `authenticated`.
    pub assurance: Option<String>,
    /// The organisation that looked.
    pub viewer: Option<OdsCode>,
    /// The practice whose record it is.
    pub practice: Option<OdsCode>,
    /// Whose record.
    pub patient: Option<PatientId>,
    /// The occasion.
    pub occasion: Option<String>,
    /// v3-ActReason codes.
    pub purpose: Vec<String>,
    /// `consent:<id>`, `override:<reason>`, `practice-audit`.
    pub basis: Option<String>,
    /// Tabs.
    pub tabs: TabSet,
    /// The decision, as JSON.
    pub decision: Option<String>,
    /// Hash of register and policy.
    pub policy: Option<String>,
    /// Version of the exclusion list.
    pub exclusions: Option<String>,
    /// Hash of the token.
    pub token: Option<String>,
    /// `read`, `search-type` ….
    pub interaction: Option<String>,
    /// Resource type that was asked for.
    pub kind: Option<Kind>,
    /// The resource id, or the search.
    pub query: Option<String>,
    /// Version of the held record.
    pub version: Option<String>,
    /// Every id that left, in the order of the held version, then the others.
    pub disclosed: Vec<String>,
    /// Digests of what is stored beside the trail and held to this row.
    pub binds: Vec<super::merkle::Hash>,
    /// Entries of the bitmap that no registered id stands for: 0 in a whole trail.
    pub unresolved: u32,
}

impl StoredEvent {
    /// What it says beside its columns.
    #[must_use]
    pub fn also(&self) -> Also {
        Also::of(self.decision.as_deref())
    }
}

/// Who may look for events.
pub trait AuditReader: Send + Sync {
    /// At most `count` events, newest first, below `after` where a page came before. Synchronous: it only reads.
    ///
    /// # Errors
    /// The store failed.
    fn events(
        &self,
        filter: &Filter,
        count: usize,
        after: Option<Cursor>,
    ) -> Result<Page, StoreError>;

    /// How many events there are now (overview figures, reports).
    ///
    /// # Errors
    /// The store failed.
    fn count(&self, filter: &Filter) -> Result<u64, StoreError>;

    /// The newest tree head; `None` while the trail is empty. Kept elsewhere, it proves later that nothing was cut off.
    ///
    /// # Errors
    /// The store failed.
    fn head(&self) -> Result<Option<TreeHead>, StoreError>;
}
