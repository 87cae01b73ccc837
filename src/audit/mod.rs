//! The proof of what was seen: durable before a byte leaves, tamper-evident, served as FHIR AuditEvents.
//!
//! Invariants: never runs after the answer; cannot be switched off; holds no clinical content, only ids.

mod also;
pub mod bounded;
pub mod consistency;
pub mod fhir;
pub mod merkle;
pub mod proof;
pub mod reader;
pub mod row;
pub mod signed;
pub mod verify;

pub use also::{Also, CLAIMED, FLAG, SAME_NAME};

use std::net::IpAddr;

use jiff::Timestamp;

use crate::fhir::{Kind, PatientId};
use crate::record::OdsCode;
use crate::source::BoxFuture;
use crate::tabs::catalogue::TabSet;

/// Where a request came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The request's id, which the caller sees in `X-Request-Id`.
    pub request_id: String,
    /// The network address that asked.
    pub address: Option<IpAddr>,
}

/// One happening. Everything that is unknown stays `None`; the row is written all the same.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// It succeeded; a refusal or failure has its code here.
    pub failure: Option<String>,
    /// Request id and address.
    pub origin: Origin,
    /// OAuth client.
    pub client: Option<String>,
    /// Clinician: username in the register.
    pub clinician: Option<String>,
    /// The clinician's role as the register has it now (R120: as it was at the time).
    pub role: Option<String>,
    /// `asserted` or `authenticated`.
    pub assurance: Option<String>,
    /// The organisation that looks.
    pub viewer: Option<OdsCode>,
    /// The practice whose record it is.
    pub practice: Option<OdsCode>,
    /// Whose record.
    pub patient: Option<PatientId>,
    /// The occasion.
    pub occasion: Option<String>,
    /// v3-ActReason codes, for example `TREAT`, or `BTG` and `ETREAT`.
    pub purpose: Vec<String>,
    /// `consent:<id>`, `override:<reason>`, `practice-audit`.
    pub basis: Option<String>,
    /// Tabs asked for or shown.
    pub tabs: TabSet,
    /// Rules, each with its outcome, and the inputs of a decision, as JSON without patient detail.
    pub decision: Option<String>,
    /// Hash of register and policy in force.
    pub policy: Option<String>,
    /// Version of the exclusion list in force.
    pub exclusions: Option<String>,
    /// Hash of the token (its last bytes never, R120: `oauth jti`).
    pub token: Option<String>,
    /// Digests of what is stored beside the trail and must stay as it is ([`crate::store::bound`]).
    pub binds: Vec<merkle::Hash>,
    /// What has no column: site, legal gateway, tabs asked for and returned.
    pub also: Also,
}

impl AuditEntry {
    /// A row with nothing known but when, what and from where.
    #[must_use]
    pub fn new(at: Timestamp, what: What, origin: Origin) -> Self {
        Self {
            at,
            what,
            failure: None,
            origin,
            client: None,
            clinician: None,
            role: None,
            assurance: None,
            viewer: None,
            practice: None,
            patient: None,
            occasion: None,
            purpose: Vec::new(),
            basis: None,
            tabs: TabSet::NONE,
            decision: None,
            policy: None,
            exclusions: None,
            token: None,
            binds: Vec::new(),
            also: Also::default(),
        }
    }
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// A token was asked for and given or refused; an occasion opened, resumed, withdrawn.
    Access(AccessStep),
    /// The source is about to be asked.
    Intent,
    /// Data is about to leave.
    Disclosure(Disclosure),
    /// A FHIR request was refused.
    Refused(Interaction),
    /// A person of oversight asked for something or did something (R130, R183): the question, and the ids that it concerned.
    Oversight(Overseen),
}

/// What a person of oversight saw or did.
#[derive(Debug, Clone)]
pub struct Overseen {
    /// `oversight-read` or `oversight-act`, with what was asked.
    pub interaction: Interaction,
    /// Ids of reports, cases and events; never of clinical resources.
    pub other_ids: Vec<String>,
}

/// Steps of getting access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessStep {
    /// The token endpoint or authorize page gave or refused access.
    Token,
    /// An occasion was opened or refused.
    Occasion,
    /// An override was used: alert stored.
    Override,
    /// An occasion or token was withdrawn.
    Withdrawal,
    /// A client asked whether a token is alive and whose it is (RFC 7662).
    Introspection,
    /// Somebody accepted the terms of use (R103).
    Terms,
}

/// What a caller asked the FHIR API.
#[derive(Debug, Clone)]
pub struct Interaction {
    /// `read` or `search-type`.
    pub name: &'static str,
    /// Resource type, where it is one of ours.
    pub kind: Option<Kind>,
    /// The resource id, or the search as understood; patient ids are keyed hashes, so no detail is in it.
    pub query: String,
}

impl Interaction {
    /// A read of this id. What cannot be an id of ours may be anything, a patient's number or name too: it is not kept.
    #[must_use]
    pub fn read(kind: Option<Kind>, id: &str) -> Self {
        let ours =
            crate::fhir::PatientId::owner_of(id).is_some() || uuid::Uuid::parse_str(id).is_ok();
        let query = if ours && row::is_id(id) {
            id
        } else {
            "(no id of ours)"
        };
        Self {
            name: "read",
            kind,
            query: query.to_owned(),
        }
    }
}

/// What is about to leave.
#[derive(Debug, Clone)]
pub struct Disclosure {
    /// The question.
    pub interaction: Interaction,
    /// Version of the held record, where the answer comes from one.
    pub version: Option<String>,
    /// Which of its entries leave: bit n is the n-th id of that version.
    pub entries: Vec<u8>,
    /// Ids that are not of a held record (Consent, AuditEvent).
    pub other_ids: Vec<String>,
}

/// Where the trail is written. Resolves only when the row is on the disk.
pub trait AuditLog: Send + Sync {
    /// Writes one row.
    ///
    /// # Errors
    /// The row is not on the disk; whatever it was about must not happen.
    fn write(&self, entry: AuditEntry) -> BoxFuture<'_, Result<(), AuditError>>;

    /// Makes known which ids a version of a held record has, in order, once, before its first disclosure.
    ///
    /// # Errors
    /// Not on the disk.
    fn register_version<'a>(
        &'a self,
        version: &'a str,
        patient: &'a PatientId,
        ids: Vec<String>,
    ) -> BoxFuture<'a, Result<(), AuditError>>;
}

/// The trail could not be written: no data (R125).
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The store refused or failed.
    #[error("the audit trail cannot be written: {0}")]
    Store(String),
    /// Something was given as an id that is none, and might be clinical content (R128).
    #[error("the audit trail takes ids only")]
    NoId,
    /// The writer has stopped.
    #[error("the audit writer has stopped")]
    Stopped,
}
