//! Occasions: one point-of-care contact of one clinician with one patient, opened by explicit consent or an emergency
//! override (S2 6.2.1, 6.5), short, withdrawable, and the frame of everything that is read.

mod asked;
pub mod consent_fhir;
mod decided;
mod end;
mod facts;
mod open;
mod opener;
mod point_of_care;
mod read;
mod recheck;
mod seal;
mod standing;
mod terms;
#[cfg(test)]
mod tests;
mod trail;
mod windows;
mod words;

pub use decided::{Decided, digest_of};
pub use facts::RegisterView;
pub use open::{CLOCK_MOVED_BACK, OccasionParts, Occasions};
pub use point_of_care::{Asker, Pickable, PointOfCare, SealFailed, Standing};
pub use read::{ReadOccasion, ReadRefusal};
pub use seal::{SealError, SealKey};
pub use windows::Windows;
pub use words::override_words;

use jiff::Timestamp;

use crate::fhir::PatientId;
use crate::record::{NhsNumber, OdsCode};
use crate::register::GatewayKind;
use crate::tabs::catalogue::TabSet;

/// The clinician as the client's signed assertion names them; role and standing come from the register, never from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClinicianClaim {
    /// Username in the register: the part of `subject_id` after `#`.
    pub username: String,
    /// `subject_name` as sent, recorded only.
    pub name: Option<String>,
    /// `subject_role` as sent, recorded only (R101).
    pub claimed_role: Option<String>,
    /// Organisation that the assertion names; must be the client's.
    pub organisation: OdsCode,
    /// How the identity is known: `asserted` by the client's organisation, or `authenticated` here.
    pub assurance: &'static str,
    /// v3-ActReason codes as claimed: `TREAT`, or another use (S3).
    pub purposes: Vec<String>,
    /// The organisation's site or service that asks, where it is named (R158).
    pub site: Option<OdsCode>,
}

/// The purpose of whoever signs in on the pages, and of every request that names no other.
#[must_use]
pub fn direct_care() -> Vec<String> {
    vec!["TREAT".to_owned()]
}

/// A wish to open an occasion, from the token endpoint or the authorize pages.
#[derive(Debug, Clone)]
pub struct OccasionAsk {
    /// The client.
    pub client_id: String,
    /// Whose viewer.
    pub viewer: OdsCode,
    /// Who looks.
    pub clinician: ClinicianClaim,
    /// Whose record.
    pub nhs_number: NhsNumber,
    /// `worklist`, or anything else, which is refused as not registered.
    pub treatment: String,
    /// The clinician says that they care for the patient, whatever the worklist says of it (R105).
    pub claimed: bool,
    /// Why it may be opened.
    pub basis: AskedBasis,
    /// Asked-for tabs; `None` = as many as allowed.
    pub tabs: Option<TabSet>,
    /// Request id and address, for the audit.
    pub origin: crate::audit::Origin,
}

/// The basis that the asker gives.
#[derive(Debug, Clone)]
pub enum AskedBasis {
    /// The consent conversation as it was recorded.
    Consent(ConsentTalk),
    /// An emergency override (R090).
    Override {
        /// `unconscious`, `unable-to-consent`, `life-threatening`; another is refused.
        reason: String,
        /// In the clinician's words; too short or boilerplate is refused (R091).
        text: String,
    },
    /// Nothing beside the legal gateway of a flow that is not for direct care.
    Gateway,
}

/// What `treatment` has to be: the viewer's own worklist says who is registered for treatment (R104).
pub const WORKLIST: &str = "worklist";

/// The consent conversation (R072 to R076): `None` or `false` where an item is missing, which refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsentTalk {
    /// A direct question was asked.
    pub asked: Option<bool>,
    /// `yes`, or `no`, which makes a refusal that stands.
    pub answer: Option<String>,
    /// Told what will be viewed.
    pub told_what: Option<bool>,
    /// Told why.
    pub told_why: Option<bool>,
    /// Told that they may decline.
    pub told_may_decline: Option<bool>,
    /// Told what declining means.
    pub told_meaning_of_declining: Option<bool>,
    /// Voluntary.
    pub voluntary: Option<bool>,
    /// Has capacity.
    pub capacity: Option<bool>,
    /// Someone else answers for the patient.
    pub proxy: Option<Proxy>,
    /// The child's own view (R076).
    pub child: Option<ChildView>,
    /// The patient changed their mind after a refusal.
    pub changed_mind: Option<bool>,
    /// What the patient was asked about, where that was not their treatment: a v3-ActReason code (S3: consent to this use).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

/// Who answers for the patient.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Proxy {
    /// `parental-responsibility` or `legal-power`.
    pub basis: String,
    /// Name.
    pub name: String,
    /// Relationship.
    pub relationship: String,
}

/// Whether a child was asked, and what they said.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChildView {
    /// The child was asked or involved.
    pub asked: bool,
    /// `agrees`, `objects`, `unable`.
    pub view: String,
}

/// An open occasion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOccasion {
    /// Its id.
    pub id: String,
    /// Whose record.
    pub patient: PatientId,
    /// `Consent/<id>`, or `None` for an override and for a gateway that needs none.
    pub consent: Option<String>,
    /// What may be seen.
    pub tabs: TabSet,
    /// The window's end; no token outlives it.
    pub expires_at: Timestamp,
    /// The clinician (username in the register).
    pub clinician: String,
    /// Tabs that were asked for; `None`: none was named.
    pub asked: Option<TabSet>,
    /// All that protocol and role give.
    pub covered: TabSet,
    /// The viewer's site that asked.
    pub site: Option<OdsCode>,
    /// Purposes, v3-ActReason codes.
    pub purpose: Vec<String>,
    /// The legal gateway, where the purpose is not direct care.
    pub gateway: Option<GatewayKind>,
    /// Another patient of the viewer's worklist has the same name.
    pub same_name: bool,
    /// Nobody but the clinician says that they care for the patient (R105).
    pub claimed: bool,
}

impl OpenOccasion {
    /// Direct care, or another use (S3)?
    #[must_use]
    pub fn is_direct_care(&self) -> bool {
        self.gateway.is_none()
    }
}

/// Why no occasion was opened, in the three ways that a caller may learn it (sandbox.md, refusal table).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OccasionRefusal {
    /// Anything about the patient: one uniform answer, which leaves at the fixed floor.
    NoRecordAvailable,
    /// Something that people can mend, with its code of the error catalogue and a plain description.
    Mendable {
        /// The code.
        reason: &'static str,
        /// In plain words, without patient detail.
        description: String,
    },
    /// Trace, source, worklist or audit store did not answer: try again.
    Unavailable,
}
