//! May they look? Two pure decisions, before and after the look-up (design.md 7).
//!
//! Invariant: no I/O, no clock. Every input is a parameter, so that any past decision can be replayed.

pub mod basis;
pub mod catalogue;
mod decide;
mod facts;
pub mod identity;
mod network;
mod record;
mod rule;
#[cfg(test)]
mod tests;
pub mod words;

pub use decide::{DIRECT_CARE, after_source, after_trace, before, on_read, rests_on_claim};
pub use facts::{
    ASSERTED, AUTHENTICATED, AfterSourceInputs, AfterTraceInputs, AgeBand, BeforeInputs,
    ClinicianFacts, Fact, OccasionFacts, PracticeFacts, Proof, ProtocolFacts, ReadInputs,
    SharingFact, TabCodes, ViewerFacts,
};
pub use network::{AddressRanges, RangeError};
pub use record::{DecisionRecord, Inputs};

use crate::register::{GatewayKind, Law};
use crate::tabs::catalogue::TabSet;

/// The outcome of one decision: first failing rule wins, but every rule that could be evaluated is here for the audit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Decision {
    /// Every rule in its order, with how it came out.
    pub rules: Vec<(Rule, RuleOutcome)>,
    /// What may be seen: protocol, role and asked-for tabs together. Meaningless unless permitted.
    #[serde(skip)]
    pub tabs: TabSet,
    /// The protocol that covers it.
    pub protocol: Option<String>,
    /// The lawful basis of that flow (R185).
    pub law: Option<Law>,
    /// All that protocol and role give, whatever was asked for. Meaningless unless permitted.
    #[serde(skip)]
    pub covered: TabSet,
    /// The legal gateway of the flow that was looked at, where that is not for direct care (R172).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayKind>,
}

impl Decision {
    /// The first rule that failed; `None` when permitted.
    #[must_use]
    pub fn denied_by(&self) -> Option<Rule> {
        self.rules
            .iter()
            .find(|(_, outcome)| *outcome == RuleOutcome::Fail)
            .map(|(rule, _)| *rule)
    }

    /// Every rule passed.
    #[must_use]
    pub fn permitted(&self) -> bool {
        !self.rules.is_empty()
            && self
                .rules
                .iter()
                .all(|(_, outcome)| *outcome == RuleOutcome::Pass)
    }
}

/// How a rule came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleOutcome {
    /// It held.
    Pass,
    /// It did not, or its input was unknown.
    Fail,
    /// It could not be looked at, because something that it needs failed before.
    NotEvaluated,
}

/// The rules of design.md 7, in their order. The code of each is in the error catalogue and in the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "each variant is the rule of design.md 7 that its name says; `source()` has the paragraph"
)]
pub enum Rule {
    // before any look-up
    NetworkAllowed,
    ClientAuthenticated,
    OrganisationSigned,
    OrganisationAdmitted,
    OrganisationActive,
    AssuranceInDate,
    EvidenceShared,
    ClinicianKnown,
    RoleQualified,
    TrainingInDate,
    TermsAccepted,
    PurposeDirectCare,
    LegalGateway,
    ProtocolCoversRole,
    ProtocolCoversTabs,
    TreatmentRegistered,
    LegitimateRelationship,
    NoStandingRefusal,
    ConsentOrOverride,
    // after the trace
    NumberTraced,
    NotSensitive,
    Alive,
    PracticeSigned,
    PracticeEnabled,
    ClinicianAuthenticated,
    // after the source
    IdentityMatches,
    FullyRegistered,
    NotRestricted,
    NotOptedOut,
    NationalOptOut,
    // on every read
    OccasionOpen,
    NoHold,
    TabInDataSet,
}
