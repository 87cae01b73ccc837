//! Who has signed, which protocol covers whom: files that say who may, validated as a whole (R150 to R168).
//!
//! Invariant: nothing widens access at run time; a hold only takes away. What a person adds is their own acceptance of the terms
//! that these files show, and it opens nothing that the files do not give.

mod agreement;
mod clients;
pub mod edit;
mod gateway;
mod holds;
mod load;
mod organisation;
mod organisation_check;
mod oversight;
mod protocol;
mod raw;
mod reminders;
mod terms;
#[cfg(test)]
mod tests;
mod warnings;
pub mod watch;

pub use agreement::{Agreement, Approval, FormerGroup, Instruction, QUESTIONS, Review, Rules};
pub use gateway::{
    CARE, GATEWAY_KINDS, GATEWAY_REFUSALS, GatewayAsk, GatewayFacts, GatewayKind, GatewayRefusal,
    LegalGateway, OTHER_PURPOSES, Output, PatientChoice, decide as decide_gateway, use_of,
};
pub use holds::{Holds, RegisterHandle};
pub use load::{AGREEMENT, CLIENTS, ORGANISATIONS, PROTOCOLS, TERMS, USERS};
pub use load::{RegisterError, RegisterErrors, RegisterFiles};
pub use organisation::{
    Appointment, Assurance, AssuranceStatus, Contact, Decline, Evidence, Joining, Objection,
    Office, Organisation, OrganisationKind, PracticeSource, Relationship, Signature, Stop, Switch,
};
pub use oversight::{ComplaintsFirst, INCIDENT_SCHEME, OversightRules};
pub use protocol::{Law, Protocol};
pub use terms::{Subject, Terms, TermsSection};
pub use warnings::Warning;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::record::OdsCode;

/// The whole register, as one consistent set of files.
#[derive(Debug, Clone, Default)]
pub struct Register {
    /// By ODS code.
    pub organisations: BTreeMap<OdsCode, Organisation>,
    /// By username.
    pub users: BTreeMap<String, User>,
    /// By client id.
    pub clients: BTreeMap<String, Client>,
    /// Every protocol, by its id.
    pub protocols: BTreeMap<String, Protocol>,
    /// What the agreement in force says.
    pub agreement: Agreement,
    /// The terms of use as they are shown to whoever has to accept them; `None`: they can be accepted in the register alone.
    pub terms: Option<Terms>,
    /// SHA-256 of all files, hex: in every decision and audit row.
    pub hash: String,
}

/// A role of the register.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// In words.
    pub title: String,
    /// A qualified clinician in the sense of S2 6.2.2 can have it; an organisation still has to name it.
    pub clinical: bool,
    /// What it may do besides looking. A clinical role has none: nobody reviews their own looking.
    #[serde(default)]
    pub duties: BTreeSet<Duty>,
}

/// What a person without clinical access may do. Every duty but [`Duty::Govern`] reaches the person's own organisations only.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Duty {
    /// A viewer's privacy officer: reviews overrides (R093) and audits access (R123).
    ReviewAccess,
    /// A practice's manager, or an IG office that acts for it: opt-out requests (R063, R066), what was viewed (R121), sharing
    /// on and off (R005), subject access (R182).
    RunPractice,
    /// A practice's data protection officer: sees all that the practice sees but no clinical content (R183).
    OverseePractice,
    /// The oversight group: register, reports, suspensions of everybody (S2 4.7, 12).
    Govern,
}

/// A person who may sign in or be named.
#[derive(Debug, Clone)]
pub struct User {
    /// Username; `subject_id` of an assertion is `<issuer's user base>#<username>`.
    pub username: String,
    /// Name as shown.
    pub name: String,
    /// Organisations that the user acts for.
    pub organisations: Vec<OdsCode>,
    /// Role code: `consultant`, `gp`, `nurse`, `receptionist`, `privacy-officer` …
    pub role: String,
    /// Last day of the IG training (R102).
    pub training_until: Option<Date>,
    /// Version of the terms accepted, and when (R103).
    pub terms_accepted: Option<(String, Date)>,
    /// Revoked (R108).
    pub revoked: bool,
    /// Argon2id hash (PHC string) of the password; `None` where the user does not sign in here by password.
    pub password: Option<String>,
    /// Who they are to a trusted OpenID provider: its id in the configuration → what its claim says.
    pub identities: BTreeMap<String, String>,
    /// Ids of their national role profiles, each with the organisation that it is for.
    pub role_profiles: BTreeMap<String, OdsCode>,
}

/// A registered OAuth client.
#[derive(Debug, Clone)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// What it is called on the pages that a clinician sees; the id where it has no name.
    pub name: Option<String>,
    /// Clients that it may launch: it is an EHR's, and its word binds a launch to a clinician and a patient.
    pub launches: Vec<String>,
    /// How it authenticates.
    pub authentication: ClientAuthentication,
    /// The organisation it belongs to; `None` serves users of any organisation.
    pub organisation: Option<OdsCode>,
    /// `client_credentials` needs a named clinician in the assertion.
    pub named_clinician: bool,
    /// It reads the audit trail of this practice's own patients, and nothing else.
    pub audit_of: Option<OdsCode>,
    /// Whose people it may name for oversight (`scope=oversight`); `None`: nobody's.
    pub oversight: Option<OversightOf>,
    /// It may introspect tokens.
    pub may_introspect: bool,
    /// Registered redirect URIs, exact.
    pub redirect_uris: Vec<String>,
}

/// Whose people a client may name for oversight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OversightOf {
    /// Those of the client's own organisation, and for that organisation only.
    Organisation,
    /// The oversight group's (S2 4.7); such a client belongs to no organisation and never reads a record.
    Group,
}

/// Stands where an organisation's code would for what the oversight group does. Lower case, so no ODS code is ever the same.
pub const GROUP: &str = "group";

/// How a client authenticates.
#[derive(Debug, Clone)]
pub enum ClientAuthentication {
    /// Public: PKCE only.
    Public,
    /// `client_secret_basic`: SHA-256 of the generated secret, hex.
    Secret(String),
    /// `private_key_jwt` with a key set at hand: JWKS JSON.
    Keys(String),
    /// `private_key_jwt` with the key set at a URL.
    KeysAt {
        /// The JWKS URL.
        url: String,
        /// The sandbox's exemption from the https and private-range guards.
        local: bool,
    },
}
