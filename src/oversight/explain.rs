//! Why was it decided so, would it be decided so today, and what would be decided if? All through the real, pure rules.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Deserialize;

use crate::access::{Decision, DecisionRecord, Inputs, Rule, RuleOutcome};
use crate::audit::reader::{AuditReader, Filter, StoredEvent};
use crate::occasion::{RegisterView, digest_of};
use crate::record::OdsCode;
use crate::register::use_of;
use crate::store::StoreError;
use crate::store::terms::AcceptanceRow;
use crate::tabs::catalogue::TabSet;

/// A decision taken from the trail, decided again twice.
#[derive(Debug, Clone)]
pub struct Again {
    /// As it is in the trail.
    pub record: DecisionRecord,
    /// On the recorded inputs it comes out as it did then.
    pub same: bool,
    /// With register and holds as they are now, and everything else as it was.
    pub now: DecisionRecord,
}

impl Again {
    /// The outcome would be another one today.
    #[must_use]
    pub fn differs_now(&self) -> bool {
        self.now.reason != self.record.reason || self.now.tabs != self.record.tabs
    }
}

/// Why a row cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// There is no such row.
    #[error("the trail has no row with this id")]
    NoRow,
    /// The row has no decision: nothing was decided there.
    #[error("this row has no decision: {0}")]
    NoDecision(&'static str),
    /// What the row has instead of a decision cannot be read.
    #[error("the decision of this row cannot be read: {0}")]
    Unreadable(String),
    /// The row names a decision that no row of its occasion has.
    #[error("the row names a decision that no row of its occasion has: run `openmig audit verify`")]
    Lost,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Column {
    Whole(Box<DecisionRecord>),
    Named {
        #[serde(rename = "as")]
        digest: String,
    },
    /// What stands beside the decisions of the row.
    Beside {
        #[serde(rename = "also")]
        _also: serde::de::IgnoredAny,
    },
}

/// The decisions behind a row of the trail, as they were, decided again, and decided with what `view` says now. `accepted` is
/// what the store has of the clinician's acceptances of the terms.
///
/// # Errors
/// See [`ExplainError`].
pub fn explain(
    trail: &dyn AuditReader,
    event: &StoredEvent,
    view: &RegisterView<'_>,
    accepted: &[AcceptanceRow],
) -> Result<Vec<Again>, ExplainError> {
    let mut again = Vec::new();
    // The protocol that an earlier decision of the same row chose: later ones look at the practice in that flow.
    let mut protocol = String::new();
    for column in columns(event)? {
        let record = match column {
            Column::Whole(record) => *record,
            Column::Named { digest } => named(trail, event, &digest)?,
            Column::Beside { .. } => continue,
        };
        protocol = record.protocol.clone().unwrap_or(protocol);
        let now = refreshed(&record.inputs, event, (view, accepted), &protocol);
        again.push(Again {
            same: record.still_holds(),
            now: DecisionRecord::decide(now).1,
            record,
        });
    }
    if again.is_empty() {
        return Err(ExplainError::NoDecision("nothing was decided there"));
    }
    Ok(again)
}

fn columns(event: &StoredEvent) -> Result<Vec<Column>, ExplainError> {
    let text = event
        .decision
        .as_deref()
        .ok_or(ExplainError::NoDecision("nothing was decided there"))?;
    let columns: Vec<Column> = serde_json::from_str(text).map_err(|error| {
        if text.starts_with('{') {
            ExplainError::NoDecision("it is an act of oversight")
        } else {
            ExplainError::Unreadable(error.to_string())
        }
    })?;
    Ok(columns)
}

/// The decision of this digest, from the earlier row of the occasion that has it, at the moment of this one.
fn named(
    trail: &dyn AuditReader,
    event: &StoredEvent,
    digest: &str,
) -> Result<DecisionRecord, ExplainError> {
    let filter = Filter {
        occasion: event.occasion.clone(),
        ..Filter::default()
    };
    let mut after = None;
    loop {
        let page = trail.events(&filter, 200, after)?;
        for earlier in &page.events {
            let whole = columns(earlier).unwrap_or_default().into_iter();
            let found = whole
                .filter_map(|column| match column {
                    Column::Whole(record) => Some(*record),
                    Column::Named { .. } | Column::Beside { .. } => None,
                })
                .find(|record| digest_of(&record.inputs) == digest);
            if let Some(record) = found {
                let inputs = match record.inputs {
                    Inputs::OnRead(mut read) => {
                        read.now = event.at;
                        Inputs::OnRead(read)
                    }
                    other => other,
                };
                return Ok(DecisionRecord::decide(inputs).1);
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Err(ExplainError::Lost),
        }
    }
}

/// The same inputs, with everything that register, holds and acceptances of the terms say as it is now. The patient, the conversation, the moment and
/// what others answered stay as they were.
fn refreshed(
    inputs: &Inputs,
    event: &StoredEvent,
    (view, accepted): (&RegisterView<'_>, &[AcceptanceRow]),
    protocol: &str,
) -> Inputs {
    let nobody = OdsCode(String::new());
    let viewer = event.viewer.as_ref().unwrap_or(&nobody);
    let user = event.clinician.as_deref().unwrap_or_default();
    match inputs {
        Inputs::Before(before) => {
            let mut now = before.clone();
            now.today = view.today;
            now.viewer = view.viewer(viewer);
            now.clinician = view.clinician(user, viewer, viewer, accepted);
            now.terms.clone_from(&view.register.agreement.terms);
            if let Some(client) = &event.client {
                now.client_authenticated = view.client(client, viewer);
            }
            let role = now.clinician.known().map(|one| one.role.clone());
            now.protocols = view.protocols(viewer, role.as_deref(), None, &now.purposes);
            Inputs::Before(now)
        }
        Inputs::AfterTrace(trace) => {
            let mut now = trace.clone();
            let practice = trace.practice.known().map(|practice| practice.ods.clone());
            if practice.is_some() {
                now.practice = view.practice(practice.as_ref(), viewer, protocol);
            }
            Inputs::AfterTrace(now)
        }
        Inputs::AfterSource(source) => Inputs::AfterSource(source.clone()),
        Inputs::OnRead(read) => {
            let mut now = read.clone();
            now.today = view.today;
            now.viewer = view.viewer(viewer);
            now.clinician = view.clinician(user, viewer, viewer, accepted);
            now.terms.clone_from(&view.register.agreement.terms);
            let role = now.clinician.known().map(|one| one.role.clone());
            now.protocols = read
                .protocols
                .iter()
                .flat_map(|one| {
                    view.protocols(viewer, role.as_deref(), Some(&one.id), &read.purposes)
                })
                .collect();
            let practice = read.practice.known().map(|practice| practice.ods.clone());
            if practice.is_some() {
                now.practice = view.practice(practice.as_ref(), viewer, protocol);
                now.held =
                    crate::access::Fact::Known(view.holds.touches(viewer, user, practice.as_ref()));
            }
            Inputs::OnRead(now)
        }
    }
}

/// When a decision is taken, in words.
#[must_use]
pub fn stage(inputs: &Inputs) -> &'static str {
    match inputs {
        Inputs::Before(_) => "before anybody was asked",
        Inputs::AfterTrace(_) => "after the trace",
        Inputs::AfterSource(_) => "after the practice's system had answered",
        Inputs::OnRead(_) => "on the read",
    }
}

/// Every rule of a decision with its outcome and where it comes from, a line each.
#[must_use]
pub fn rules(rules: &[(Rule, RuleOutcome)]) -> String {
    let mut out = String::new();
    for (rule, outcome) in rules {
        let word = match outcome {
            RuleOutcome::Pass => "passes",
            RuleOutcome::Fail => "FAILS",
            RuleOutcome::NotEvaluated => "not looked at",
        };
        let name = serde_json::to_value(rule).unwrap_or_default();
        let name = name.as_str().unwrap_or_else(|| rule.code());
        let _ = write!(out, "  {word:<15}{name:<24}{}", rule.source());
        if *outcome == RuleOutcome::Fail {
            let _ = write!(out, "  ({})", rule.code());
        }
        out.push('\n');
    }
    out
}

/// What has to be said beside the rules where the purpose is not direct care: they are the same rules, and pass for another reason.
#[must_use]
pub fn other_use(inputs: &Inputs) -> Option<String> {
    let purposes = match inputs {
        Inputs::Before(before) => &before.purposes,
        Inputs::OnRead(read) => &read.purposes,
        Inputs::AfterTrace(_) | Inputs::AfterSource(_) => return None,
    };
    let purpose = use_of(purposes);
    let gateway = inputs.decide().gateway?;
    Some(format!(
        "  for {purpose}, which is not direct care: `purpose-direct-care` passes where the organisation has a flow for this one use; its \
         legal gateway ({}) says whether consent is asked for\n",
        gateway.code()
    ))
}

/// How a decision came out, in words.
#[must_use]
pub fn outcome(reason: Option<&str>, tabs: TabSet) -> String {
    match reason {
        Some(reason) => format!(
            "refused: {reason}: {}",
            crate::access::catalogue::description(reason)
        ),
        None => {
            let codes: Vec<&str> = tabs.iter().map(|tab| tab.code()).collect();
            if codes.is_empty() {
                "nothing stands against it".to_owned()
            } else {
                format!("nothing stands against it: {}", codes.join(", "))
            }
        }
    }
}

/// The decisions that would be taken one after the other, as far as they go: after a refusal nobody is asked further.
#[must_use]
pub fn what_if(steps: Vec<Inputs>) -> Vec<(Inputs, Decision)> {
    let mut taken = Vec::new();
    for inputs in steps {
        let decision = inputs.decide();
        let go_on = decision.permitted();
        taken.push((inputs, decision));
        if !go_on {
            break;
        }
    }
    taken
}

/// The moment of a row in words.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    at.to_zoned(crate::record::date::london())
        .strftime("%Y-%m-%d %H:%M:%S %Z")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    // R120: each rule with its outcome and its paragraph
    #[test]
    fn rules_are_told_a_line_each() {
        let told = rules(&[
            (Rule::NetworkAllowed, RuleOutcome::Pass),
            (Rule::Alive, RuleOutcome::Fail),
            (Rule::NotOptedOut, RuleOutcome::NotEvaluated),
        ]);
        assert_eq!(
            told,
            "  passes         network-allowed         S2 7.4.4\n  FAILS          alive                   S2 5.1.1  (deceased)\n  not looked at  not-opted-out           S2 6.1.4, 5.1.3\n"
        );
    }
}
