//! A decision as the audit trail keeps it: its inputs and every rule, so that it can be decided again later.

use serde::{Deserialize, Serialize};

use super::basis::AgeUnknown;
use super::decide::{
    after_source, after_trace, before, fault_before, gateway_before, gateway_on_read, is_mixed,
    on_read,
};
use super::facts::{AfterSourceInputs, AfterTraceInputs, BeforeInputs, Fact, ReadInputs, TabCodes};
use super::{Decision, Rule, RuleOutcome};
use crate::register::{GatewayKind, GatewayRefusal, Law};
use crate::source::SourceRefusal;

/// The source cannot say whether the patient opted out (R065).
pub const OPT_OUT_UNKNOWN: &str = "opt-out-unknown";
/// Purposes that do not go together: one request is for one use (R160).
pub const MIXED_PURPOSES: &str = "mixed-purposes";
/// Nobody can say whether the patient is under 16.
pub const AGE_UNKNOWN: &str = "age-unknown";

/// The inputs of one of the four decisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "kebab-case")]
pub enum Inputs {
    /// Before any look-up.
    Before(BeforeInputs),
    /// After the trace.
    AfterTrace(AfterTraceInputs),
    /// After the source.
    AfterSource(AfterSourceInputs),
    /// On a read.
    OnRead(ReadInputs),
}

impl Inputs {
    /// Decides.
    #[must_use]
    pub fn decide(&self) -> Decision {
        match self {
            Self::Before(inputs) => before(inputs),
            Self::AfterTrace(inputs) => after_trace(inputs),
            Self::AfterSource(inputs) => after_source(inputs),
            Self::OnRead(inputs) => on_read(inputs),
        }
    }

    /// The code of a refusal by `rule`: finer than the rule's own where there is more to say.
    #[must_use]
    pub fn reason(&self, rule: Rule) -> &'static str {
        match (self, rule) {
            (Self::Before(inputs), Rule::ConsentOrOverride) => fault_before(inputs).code(),
            (Self::Before(inputs), Rule::PurposeDirectCare) if is_mixed(&inputs.purposes) => {
                MIXED_PURPOSES
            }
            (Self::Before(inputs), Rule::LegalGateway) => {
                gateway_before(inputs).map_or(rule.code(), GatewayRefusal::code)
            }
            (Self::OnRead(inputs), Rule::LegalGateway) => {
                gateway_on_read(inputs).map_or(rule.code(), GatewayRefusal::code)
            }
            (Self::AfterTrace(inputs), Rule::ConsentOrOverride) => {
                match inputs.basis.fault_at_age(inputs.age) {
                    Ok(Some(fault)) => fault.code(),
                    Ok(None) => rule.code(),
                    Err(AgeUnknown) => AGE_UNKNOWN,
                }
            }
            (Self::AfterSource(inputs), Rule::NotOptedOut)
                if inputs.refusal == Some(SourceRefusal::SharingNotRecorded)
                    || inputs.refusal.is_none() && inputs.sharing == Fact::Unknown =>
            {
                OPT_OUT_UNKNOWN
            }
            _ => rule.code(),
        }
    }
}

/// A decision with everything that it was decided on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// What was looked at.
    pub inputs: Inputs,
    /// Every rule with its outcome.
    pub rules: Vec<(Rule, RuleOutcome)>,
    /// Code of the refusal; `None` = nothing failed.
    pub reason: Option<String>,
    /// The protocol that covers it.
    pub protocol: Option<String>,
    /// Tabs that may be seen.
    pub tabs: TabCodes,
    /// The lawful basis of that flow (R185).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<Law>,
    /// The legal gateway of a flow that is not for direct care (R172).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayKind>,
}

impl DecisionRecord {
    /// Decides, and keeps what it was decided on.
    #[must_use]
    pub fn decide(inputs: Inputs) -> (Decision, Self) {
        let decision = inputs.decide();
        let record = Self {
            reason: decision
                .denied_by()
                .map(|rule| inputs.reason(rule).to_owned()),
            rules: decision.rules.clone(),
            protocol: decision.protocol.clone(),
            tabs: TabCodes(decision.tabs),
            law: decision.law.clone(),
            gateway: decision.gateway,
            inputs,
        };
        (decision, record)
    }

    /// Decides again on the same inputs: does it come out as it did then? A rule that is younger than the record has nothing to
    /// say of it as long as it passes.
    #[must_use]
    pub fn still_holds(&self) -> bool {
        let mut again = Self::decide(self.inputs.clone()).1;
        again.rules.retain(|(rule, outcome)| {
            *outcome != RuleOutcome::Pass || self.rules.iter().any(|(own, _)| own == rule)
        });
        again == *self
    }
}
