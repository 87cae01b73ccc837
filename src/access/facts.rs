//! What a decision looks at: plain values that can be written into the audit trail and decided on again later.
//!
//! Invariant: nothing here says who a patient is or what a record holds.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::basis::Basis;
use super::identity::IdentityFindings;
use crate::record::{OdsCode, Registration, Sharing};
use crate::register::{GatewayFacts, Law, OrganisationKind, Relationship};
use crate::source::SourceRefusal;
use crate::tabs::catalogue::{Tab, TabSet};

/// One input: what is known of it. Only what is known can pass a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact<T> {
    /// Not asked yet, because something before it failed: the rule is not evaluated.
    #[default]
    NotAsked,
    /// Asked, and nobody can say: the rule fails.
    Unknown,
    /// Known.
    Known(T),
}

impl<T> Fact<T> {
    /// Known where there is a value, else unknown.
    pub fn known_or_unknown(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Self::Known)
    }

    /// The value, where it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::NotAsked | Self::Unknown => None,
        }
    }
}

/// A set of tabs that is written as a list of tab codes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TabCodes(pub TabSet);

impl Serialize for TabCodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Tab::code))
    }
}

impl<'de> Deserialize<'de> for TabCodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<String>::deserialize(deserializer)?
            .iter()
            .map(|code| Tab::from_code(code).ok_or_else(|| de::Error::custom("no such tab")))
            .collect::<Result<TabSet, _>>()
            .map(Self)
    }
}

/// What the register says of the organisation that wants to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewerFacts {
    /// Its ODS code.
    pub ods: OdsCode,
    /// What it is to the agreement.
    pub kind: OrganisationKind,
    /// A version of the agreement that counts is signed.
    pub signed: bool,
    /// A founder, or approved twice (R152, R153).
    #[serde(default = "founder")]
    pub admitted: bool,
    /// Neither suspended, withdrawn nor held.
    pub active: bool,
    /// Last day on which its assurance counts, days of grace included (R163).
    pub assurance_until: Option<Date>,
    /// The evidence that the agreement asks for is shown, or its lack does not block (R162).
    #[serde(default = "founder")]
    pub evidence: bool,
    /// What it asks of a clinician who has no part in the patient's treatment (R105).
    #[serde(default)]
    pub relationship: Relationship,
    /// Roles that count as qualified there.
    pub qualified_roles: Vec<String>,
}

/// Rows from before these rules: nobody had yet joined or owed anything.
fn founder() -> bool {
    true
}

/// Rows from before R105 had a rule: nobody had asked.
fn linked() -> Fact<bool> {
    Fact::Known(true)
}

/// What the register says of the clinician.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClinicianFacts {
    /// Username.
    pub username: String,
    /// Role, from the register (R101).
    pub role: String,
    /// Acts for the viewer, by the register and by the claim.
    pub acts_for_viewer: bool,
    /// Revoked or held (R108).
    pub revoked: bool,
    /// Last day of the training.
    pub training_until: Option<Date>,
    /// Version of the terms accepted.
    pub terms_accepted: Option<String>,
}

/// A protocol of the viewer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProtocolFacts {
    /// Its id.
    pub id: String,
    /// Its purposes.
    pub purposes: Vec<String>,
    /// First day.
    pub from: Date,
    /// Last day.
    pub until: Date,
    /// What it gives to the clinician's role.
    pub tabs: TabCodes,
    /// On what basis it is lawful for the purposes at hand (R185).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<Law>,
    /// What makes it lawful where it is not for direct care (S3; R171); `None`: it is for direct care.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayFacts>,
}

/// What the register says of the practice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PracticeFacts {
    /// Its ODS code.
    pub ods: OdsCode,
    /// It is a practice, signed a version of the agreement that counts, and is admitted.
    pub signed: bool,
    /// It has switched its sharing on, does not decline this flow, and nothing suspends it or holds it from this viewer.
    pub enabled: bool,
    /// The word of the clinician's organisation about who is looking is not enough for it.
    #[serde(default)]
    pub demands_proof: bool,
}

/// How it is known who looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// The client's organisation says so.
    #[default]
    Asserted,
    /// They signed in, here or at a trusted provider.
    Authenticated,
}

impl Proof {
    /// By its word in tokens and the trail; whatever is not proof is somebody's word.
    #[must_use]
    pub fn of(assurance: &str) -> Self {
        if assurance == AUTHENTICATED {
            Self::Authenticated
        } else {
            Self::Asserted
        }
    }
}

/// The word for [`Proof::Authenticated`].
pub const AUTHENTICATED: &str = "authenticated";
/// The word for [`Proof::Asserted`].
pub const ASSERTED: &str = "asserted";

/// Inputs of [`super::before`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeforeInputs {
    /// The day in Europe/London.
    pub today: Date,
    /// The caller's address is in the allowed ranges (R109).
    pub network_allowed: Fact<bool>,
    /// The client is registered, authenticated, and may act for the viewer.
    pub client_authenticated: Fact<bool>,
    /// The organisation that wants to look; unknown = not in the register.
    pub viewer: Fact<ViewerFacts>,
    /// Who wants to look; unknown = not in the register.
    pub clinician: Fact<ClinicianFacts>,
    /// Version of the terms in force.
    pub terms: String,
    /// Purposes, v3-ActReason codes.
    pub purposes: Vec<String>,
    /// The viewer's protocols.
    pub protocols: Vec<ProtocolFacts>,
    /// Tabs asked for; `None` = as many as allowed.
    pub asked: Option<TabCodes>,
    /// The patient is registered for treatment at the viewer (R104).
    pub treatment_registered: Fact<bool>,
    /// The viewer's own system names this clinician in the patient's treatment (R105).
    #[serde(default = "linked")]
    pub linked: Fact<bool>,
    /// The clinician says so themselves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub claimed: bool,
    /// A refusal of this use by this patient to this clinician stands (R077, R078).
    pub refusal_stands: Fact<bool>,
    /// Other uses that this patient has refused to this clinician: TREAT for care, else the purpose. No matter to whoever
    /// asks the patient; where a legal gateway asks nobody, any "no" stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_refused: Vec<String>,
    /// Consent or override.
    pub basis: Fact<Basis>,
}

/// Old enough to consent without anybody's help?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgeBand {
    /// Under 16.
    Child,
    /// 16 or over.
    Adult,
}

/// Inputs of [`super::after_trace`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterTraceInputs {
    /// The trace service knows the number and says that it is verified.
    pub traced: Fact<bool>,
    /// S-flag.
    pub sensitive: Fact<bool>,
    /// Died.
    pub deceased: Fact<bool>,
    /// The registered practice; unknown = none, or not in the register.
    pub practice: Fact<PracticeFacts>,
    /// How it is known who looks.
    #[serde(default)]
    pub proof: Proof,
    /// The patient's age.
    pub age: Fact<AgeBand>,
    /// Consent or override, whose proxy and child's view depend on the age (R075, R076).
    pub basis: Basis,
}

/// [`Sharing`], writable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SharingFact {
    /// Nothing expressly recorded.
    Implied,
    /// Express consent to share.
    Express,
    /// Opted out.
    OptedOut,
}

impl From<Sharing> for Fact<SharingFact> {
    fn from(sharing: Sharing) -> Self {
        match sharing {
            Sharing::Implied => Self::Known(SharingFact::Implied),
            Sharing::Express => Self::Known(SharingFact::Express),
            Sharing::OptedOut => Self::Known(SharingFact::OptedOut),
            Sharing::Unknown => Self::Unknown,
        }
    }
}

/// Inputs of [`super::after_source`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterSourceInputs {
    /// The practice that was asked.
    pub practice: OdsCode,
    /// The source gives no record, and why.
    pub refusal: Option<SourceRefusal>,
    /// Trace and source compared (R012).
    pub identity: Fact<IdentityFindings>,
    /// Fully registered there (R001).
    pub fully_registered: Fact<bool>,
    /// The whole record is restricted.
    pub restricted: Fact<bool>,
    /// What the source says of the opt-out; opted out, whatever it says, where a practice granted an opt-out here (R063).
    pub sharing: Fact<SharingFact>,
    /// The practice at which an opt-out is remembered (R008); unknown = the memory cannot be read.
    pub remembered_opt_out: Fact<Option<OdsCode>>,
    /// Where section 251 is the gateway: the national service has said, not long ago, that this patient has no national
    /// data opt-out (R176). `None`: another gateway, or direct care, for which nobody asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared: Option<Fact<bool>>,
}

impl AfterSourceInputs {
    /// Is this kind of registration full?
    #[must_use]
    pub fn registration(registration: &Registration) -> Fact<bool> {
        match registration {
            Registration::Full => Fact::Known(true),
            Registration::Temporary | Registration::Other(_) | Registration::Ended => {
                Fact::Known(false)
            }
            Registration::Unknown => Fact::Unknown,
        }
    }
}

/// An occasion as a read finds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OccasionFacts {
    /// Opened.
    pub opened_at: Timestamp,
    /// Window's end.
    pub ends_at: Timestamp,
    /// Withdrawn (R080).
    pub withdrawn: bool,
    /// The patient has refused this clinician since (R077).
    pub refused_since: bool,
    /// Nobody but the clinician said that they care for the patient (R105).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub claimed: bool,
    /// How it was known who opened it.
    #[serde(default)]
    pub proof: Proof,
}

/// Inputs of [`super::on_read`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadInputs {
    /// Now.
    pub now: Timestamp,
    /// The day in Europe/London.
    pub today: Date,
    /// The occasion; unknown = there is none.
    pub occasion: Fact<OccasionFacts>,
    /// The organisation that looks, as the register has it now.
    pub viewer: Fact<ViewerFacts>,
    /// Who looks, as the register has it now.
    pub clinician: Fact<ClinicianFacts>,
    /// Version of the terms in force.
    pub terms: String,
    /// Purposes of the occasion.
    pub purposes: Vec<String>,
    /// The occasion's protocol, where it still exists.
    pub protocols: Vec<ProtocolFacts>,
    /// The practice, as the register has it now.
    pub practice: Fact<PracticeFacts>,
    /// An opt-out is remembered.
    pub opted_out: Fact<bool>,
    /// A hold touches the viewer, the clinician or the practice.
    pub held: Fact<bool>,
    /// Tabs that the occasion was opened for.
    pub granted: TabCodes,
    /// Tabs that the read needs; `None` = whatever is allowed.
    pub asked: Option<TabCodes>,
}
