//! The national data opt-out where section 251 is the gateway (R176): the operator sends the numbers that a flow is about to the
//! national service, and loads what it answers.
//!
//! The service answers with the numbers of those who have **no** opt-out, in the form of the question: one number a line, a comma
//! behind it. So whoever is not in the answer is treated as having opted out, and so is whoever was never asked about.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::audit::{AuditEntry, Interaction, Origin, Overseen, What};
use crate::clock::new_id;
use crate::fhir::{IdKey, PatientId};
use crate::oversight::Actor;
use crate::record::NhsNumber;
use crate::register::Duty;
use crate::store::StoreError;
use crate::store::national::NationalStore;

/// Why an answer is not taken up. No text repeats a number.
#[derive(Debug, thiserror::Error)]
pub enum NationalError {
    /// Not this person.
    #[error("only the oversight group's people may load an answer of the national service")]
    NotAllowed,
    /// A line is no NHS number: the whole file is refused.
    #[error("line {0} is no NHS number: nothing was loaded")]
    Line(usize),
    /// A question about nobody.
    #[error("nobody was asked about: nothing was loaded")]
    Empty,
    /// Somebody is in the answer who was not asked about: it answers another question.
    #[error("the answer names somebody who was not asked about: nothing was loaded")]
    OtherQuestion,
    /// The answer is from the future.
    #[error("the answer is dated in the future: nothing was loaded")]
    Future,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads a question or an answer of the service.
///
/// # Errors
/// The number of the first line that is no NHS number.
pub fn parse(text: &str) -> Result<Vec<NhsNumber>, NationalError> {
    let mut numbers = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim().trim_end_matches(',').trim();
        if line.is_empty() {
            continue;
        }
        numbers.push(NhsNumber::parse(line).map_err(|_| NationalError::Line(n + 1))?);
    }
    Ok(numbers)
}

/// One question with its answer.
#[derive(Debug)]
pub struct Checked {
    /// Everybody who was asked about.
    pub asked: Vec<NhsNumber>,
    /// Those of them who have no opt-out.
    pub clear: Vec<NhsNumber>,
    /// When the service answered.
    pub at: Timestamp,
}

/// Loads an answer, with its row of the trail, which names the register in force by its hash. Gives how many patients it clears.
///
/// # Errors
/// See [`NationalError`]; nothing is loaded then.
pub async fn load(
    store: &dyn NationalStore,
    ids: &IdKey,
    actor: &Actor,
    checked: Checked,
    (now, register): (Timestamp, &str),
) -> Result<usize, NationalError> {
    if !actor.duties().any(|duty| duty == Duty::Govern) {
        return Err(NationalError::NotAllowed);
    }
    let mut entry = row(now, checked.asked.len(), checked.clear.len());
    entry.clinician = Some(actor.username().to_owned());
    entry.client = Some("command line".to_owned());
    entry.policy = Some(register.to_owned());
    take_up(store, ids, checked, now, entry).await
}

/// Loads an answer, in the name of nobody: the sandbox at its start.
///
/// # Errors
/// See [`NationalError`]; nothing is loaded then.
pub async fn take_up(
    store: &dyn NationalStore,
    ids: &IdKey,
    checked: Checked,
    now: Timestamp,
    entry: AuditEntry,
) -> Result<usize, NationalError> {
    if checked.at > now {
        return Err(NationalError::Future);
    }
    if checked.asked.is_empty() {
        return Err(NationalError::Empty);
    }
    let patients = |numbers: &[NhsNumber]| -> BTreeSet<PatientId> {
        numbers.iter().map(|number| ids.patient(number)).collect()
    };
    let (asked, clear) = (patients(&checked.asked), patients(&checked.clear));
    if !clear.is_subset(&asked) {
        return Err(NationalError::OtherQuestion);
    }
    let (asked, clear) = (asked.into_iter().collect(), clear.into_iter().collect());
    Ok(store
        .load_clearances(asked, clear, checked.at, entry)
        .await?)
}

/// The row of an answer that is not taken up: by whom, never why in words that could name somebody.
#[must_use]
pub fn refused(now: Timestamp, register: &str, actor: &Actor) -> AuditEntry {
    let mut entry = row(now, 0, 0);
    entry.clinician = Some(actor.username().to_owned());
    entry.client = Some("command line".to_owned());
    entry.policy = Some(register.to_owned());
    entry.failure = Some("not-done".to_owned());
    entry
}

/// The row of an answer: how many, never who.
#[must_use]
pub fn row(now: Timestamp, asked: usize, clear: usize) -> AuditEntry {
    let overseen = Overseen {
        interaction: Interaction {
            name: "oversight-act",
            kind: None,
            query: format!("national-data-opt-out/load asked {asked} clear {clear}"),
        },
        other_ids: Vec::new(),
    };
    let origin = Origin {
        request_id: new_id().to_string(),
        address: None,
    };
    AuditEntry::new(now, What::Oversight(overseen), origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    // R176: the form of the national service; one bad line refuses the whole file, and no text repeats a number
    #[test]
    fn an_answer_is_read_as_the_service_writes_it() {
        let read = parse("9990000018,\n9990000387,\n\n").unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(parse("9990000018,\r\n9990000387\n").unwrap().len(), 2);
        let error = parse("9990000018,\n9990000019,\n").unwrap_err().to_string();
        assert!(
            error.contains("line 2") && !error.contains("999"),
            "{error}"
        );
        let words = "The file contains one or more invalid NHS Numbers.";
        assert!(matches!(parse(words), Err(NationalError::Line(1))));
    }
}
