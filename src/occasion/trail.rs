//! The audit rows of an occasion: who, whose, why, and every rule with its outcome; never what was said or found.

use jiff::Timestamp;

use super::OccasionRefusal;
use crate::access::{Decision, DecisionRecord, Inputs, Rule};
use crate::audit::{
    AccessStep, Also, AuditEntry, AuditLog, FLAG, Interaction, Origin, Overseen, What,
};
use crate::fhir::PatientId;
use crate::record::OdsCode;
use crate::tabs::catalogue::TabSet;

/// What the rows of one undertaking have in common, filled as it becomes known.
pub(super) struct Trail<'a> {
    pub log: &'a dyn AuditLog,
    pub origin: Origin,
    pub client: String,
    pub clinician: String,
    pub role: Option<String>,
    pub assurance: Option<String>,
    pub viewer: OdsCode,
    pub patient: Option<PatientId>,
    pub practice: Option<OdsCode>,
    pub occasion: Option<String>,
    pub purpose: Vec<String>,
    pub basis: Option<String>,
    pub tabs: TabSet,
    pub policy: String,
    pub decisions: Vec<DecisionRecord>,
    /// Digests of what was stored with the row.
    pub binds: Vec<crate::audit::merkle::Hash>,
    pub also: Also,
    /// What somebody should look at later: clinician and patient share a family name (R110), or nobody but the clinician says
    /// that they care for the patient (R105).
    pub flags: Vec<&'static str>,
}

impl Trail<'_> {
    /// Decides, and keeps the decision for the next row.
    pub fn decide(&mut self, inputs: Inputs) -> Decision {
        let (decision, record) = DecisionRecord::decide(inputs);
        self.decisions.push(record);
        decision
    }

    /// Writes one row.
    ///
    /// # Errors
    /// It is not on the disk: nothing may go on.
    pub async fn write(
        &self,
        at: Timestamp,
        what: What,
        failure: Option<&str>,
    ) -> Result<(), OccasionRefusal> {
        let entry = self.entry(at, what, failure);
        self.log.write(entry).await.map_err(|error| {
            tracing::error!(%error, request = %self.origin.request_id, "no audit row, so no access");
            OccasionRefusal::Unavailable
        })
    }

    /// One row, for whoever writes it together with a deed.
    pub fn entry(&self, at: Timestamp, what: What, failure: Option<&str>) -> AuditEntry {
        let decision = if self.decisions.is_empty() {
            None
        } else {
            serde_json::to_string(&self.decisions).ok()
        };
        AuditEntry {
            at,
            what,
            failure: failure.map(ToOwned::to_owned),
            origin: self.origin.clone(),
            client: Some(self.client.clone()),
            clinician: Some(self.clinician.clone()),
            role: self.role.clone(),
            assurance: self.assurance.clone(),
            viewer: Some(self.viewer.clone()),
            practice: self.practice.clone(),
            patient: self.patient.clone(),
            occasion: self.occasion.clone(),
            purpose: self.purpose.clone(),
            basis: self.basis.clone(),
            tabs: self.tabs,
            decision,
            policy: Some(self.policy.clone()),
            exclusions: None,
            token: None,
            binds: self.binds.clone(),
            also: self.also.clone(),
        }
    }

    /// Writes each flag. They are in the trail only; nothing is refused for them.
    ///
    /// # Errors
    /// One is not on the disk: nothing may go on.
    pub async fn write_flags(&self, at: Timestamp) -> Result<(), OccasionRefusal> {
        for flag in &self.flags {
            let overseen = Overseen {
                interaction: Interaction {
                    name: FLAG,
                    kind: None,
                    query: (*flag).to_owned(),
                },
                other_ids: Vec::new(),
            };
            self.write(at, What::Oversight(overseen), None).await?;
        }
        Ok(())
    }

    /// Writes the row of a refusal by the latest decision, and says what the caller may learn of it.
    pub async fn refuse(&self, at: Timestamp, step: AccessStep, rule: Rule) -> OccasionRefusal {
        let reason = self
            .decisions
            .last()
            .map_or(rule.code(), |record| record.inputs.reason(rule));
        match self.write(at, What::Access(step), Some(reason)).await {
            Ok(()) => told(rule, reason),
            Err(unavailable) => unavailable,
        }
    }

    /// Writes the row of something that did not answer.
    pub async fn unavailable(
        &self,
        at: Timestamp,
        step: AccessStep,
        what: &'static str,
        error: &(dyn std::fmt::Display + Sync),
    ) -> OccasionRefusal {
        tracing::warn!(%error, request = %self.origin.request_id, what, "no occasion, something did not answer");
        match self.write(at, What::Access(step), Some(what)).await {
            Ok(()) => OccasionRefusal::Unavailable,
            Err(unavailable) => unavailable,
        }
    }
}

/// What a caller may learn of a refusal: nothing of the patient, and plain words about everything else.
pub(super) fn told(rule: Rule, reason: &'static str) -> OccasionRefusal {
    let entry = crate::access::catalogue::entry(reason);
    // A rule that people can mend may still fail for a reason that is the patient's (an age that nobody knows).
    let of_patient = rule.is_about_the_patient() || entry.is_none_or(|entry| entry.audit_only);
    match entry {
        Some(entry) if !of_patient => OccasionRefusal::Mendable {
            reason,
            description: entry.description.clone(),
        },
        _ => OccasionRefusal::NoRecordAvailable,
    }
}
