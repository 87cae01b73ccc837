//! A record that was fetched afresh inside the window is decided on afresh: the patient may have moved, opted out or
//! died since, or the source may have answered with somebody else (R003, R006, R008, R012).

use jiff::Timestamp;

use super::facts::{RegisterView, day_of};
use super::open::{trace_inputs, verdict, warn_operator};
use super::{Occasions, ReadRefusal};
use crate::access::basis::{Basis, OverrideReason, Words};
use crate::access::{DecisionRecord, Inputs, Proof, Rule};
use crate::lookup::Found;
use crate::store::OccasionRow;

impl Occasions {
    /// May what the source answered at `retrieved_at` still be shown in this occasion? Traces again and decides on trace
    /// and source as at the opening, once for each answer; the answer that the occasion was opened on needs no second
    /// decision. To be asked before a held record is shown.
    ///
    /// # Errors
    /// The rule that failed, always a matter of the patient: what is held of the record must be let go. Or something did
    /// not answer. With it the decisions that were made, for the row of the refusal (R120).
    pub async fn recheck(
        &self,
        row: &OccasionRow,
        retrieved_at: Timestamp,
        found: &Found,
    ) -> Result<(), (ReadRefusal, Vec<DecisionRecord>)> {
        if retrieved_at <= row.opened_at || self.rechecked.get(&row.id).await == Some(retrieved_at)
        {
            return Ok(());
        }
        let unavailable = |what: &'static str, error: &dyn std::fmt::Display| {
            tracing::warn!(%error, occasion = %row.id, what, "a fresh answer could not be decided on");
            (ReadRefusal::Unavailable, Vec::new())
        };
        let number = self
            .nhs_number(row)
            .map_err(|error| unavailable("seal", &error))?;
        let answer = self
            .parts
            .finder
            .trace(&number)
            .await
            .map_err(|error| unavailable("trace", &error))?;
        let basis = self
            .row_basis(row)
            .ok_or((ReadRefusal::Unavailable, Vec::new()))?;
        let register = self.parts.register.current();
        let holds = self
            .parts
            .register
            .holds(self.now())
            .map_err(|error| unavailable("holds", &error))?;
        let view = RegisterView {
            register: &register,
            holds: &holds,
            today: day_of(self.now()),
        };
        let (inputs, traced) = trace_inputs(
            answer,
            &row.viewer,
            &row.protocol,
            (basis, Proof::of(&row.assurance)),
            &view,
        );
        let mut records = Vec::new();
        let mut decide = |inputs: Inputs| {
            let (decision, record) = DecisionRecord::decide(inputs);
            records.push(record);
            verdict(&decision)
        };
        if let Err(rule) = decide(Inputs::AfterTrace(inputs)) {
            return Err((ReadRefusal::Rule(rule), records));
        }
        // Registered elsewhere now: this practice's record is no longer the patient's record (R006, R007).
        let Some(traced) = traced.filter(|traced| traced.practice.as_ref() == Some(&row.practice))
        else {
            return Err((ReadRefusal::Rule(Rule::FullyRegistered), records));
        };
        let inputs = self
            .source_inputs(&row.patient, &row.practice, &traced, found, row.gateway)
            .await
            .map_err(|error| unavailable("store", &error))?;
        if let Err(rule) = decide(Inputs::AfterSource(inputs)) {
            warn_operator(rule, &row.practice, &row.id);
            return Err((ReadRefusal::Rule(rule), records));
        }
        self.rechecked.insert(row.id.clone(), retrieved_at).await;
        Ok(())
    }

    /// The basis that the occasion was opened on; `None` where the row cannot be read.
    fn row_basis(&self, row: &OccasionRow) -> Option<Basis> {
        match (self.talk(row).ok()?, &row.override_reason) {
            (Some(talk), None) => Some(Basis::Consent(talk.facts(&row.purpose))),
            (None, None) if row.gateway.is_some() => Some(Basis::Gateway),
            // Its words were weighed at the opening.
            (None, Some((reason, _))) => Some(Basis::Override {
                reason: Some(OverrideReason::from_code(reason)?),
                words: Words::Fair,
            }),
            _ => None,
        }
    }
}
