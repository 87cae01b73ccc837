//! Cases: breaches, investigations, complaints, reports and published notices, each a file of its own beside this one.
//!
//! Invariants: a case is folded from its steps and nothing else, so its history cannot say one thing and its state another;
//! who may take a step is asked before, and a step that does not fit is refused; a step, those it tells and its audit row are
//! one transaction (R125, R126: the row holds the step's digest).

pub mod breach;
pub mod complaint;
pub mod investigation;
pub mod publication;
pub mod report;
mod text;

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

pub use text::{Text, TextError};

use super::{About, Actor, NotAllowed};
use crate::audit::AuditEntry;
use crate::clock::new_id;
use crate::occasion::SealKey;
use crate::record::OdsCode;
use crate::register::Register;
use crate::store::StoreError;
use crate::store::cases::{CaseKind, CaseStep, CaseStore};
use crate::store::notices::{Notice, NoticeKind, Recipient};
use crate::text::hex;

/// Why a step is not taken.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// Not this person, or not for this organisation.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// Unknown, or not this person's to see: one answer for both.
    #[error("there is no such case")]
    NotFound,
    /// The request makes no sense, whatever the state of the case.
    #[error("{0}")]
    Invalid(&'static str),
    /// The case is not where this step can be taken; the words say what is missing.
    #[error("{0}")]
    NotNow(&'static str),
    /// Others acted at the same time, again and again.
    #[error("others changed the case at the same time")]
    Overtaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The trail is not writable or no random bytes.
    #[error("the step cannot be written down")]
    Unwritten,
}

/// A step with its circumstances.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken<S> {
    /// What was done.
    pub step: S,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// For which organisation; `None` is the group.
    pub organisation: Option<OdsCode>,
}

/// What a step may lean on besides the case.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// Who acts.
    pub actor: &'a Actor,
    /// For which organisation; `None` is the group.
    pub organisation: Option<&'a OdsCode>,
    /// The register in force.
    pub register: &'a Register,
    /// Now.
    pub now: Timestamp,
}

/// A kind of case.
pub trait Case: Clone + Serialize + Sized {
    /// Which.
    const KIND: CaseKind;
    /// Its steps.
    type Step: Clone + Serialize + DeserializeOwned;

    /// May this person take this step, and does it make sense to the register? `before` is `None` where it opens the case.
    ///
    /// # Errors
    /// They may not, or it does not.
    fn may(before: Option<&Self>, step: &Self::Step, around: Around<'_>) -> Result<(), CaseError>;

    /// The case after the step; pure, so that every state can be folded again from its steps.
    ///
    /// # Errors
    /// The step does not fit the state.
    fn after(before: Option<Self>, taken: Taken<Self::Step>) -> Result<Self, CaseError>;

    /// Who is told of the step, and of what kind the notice is.
    fn tells(after: &Self, step: &Self::Step) -> Vec<(Recipient, NoticeKind)>;

    /// May this person see the case?
    fn is_open_to(&self, around: Around<'_>) -> bool;

    /// Practice and patient that it concerns, for the audit row.
    fn about(&self) -> About;
}

/// A case with its id and its history.
#[derive(Debug, Clone, Serialize)]
pub struct File<C: Case> {
    /// Id.
    pub id: String,
    /// As it is now.
    #[serde(flatten)]
    pub case: C,
    /// Every step: when, who, for whom, what.
    pub history: Vec<Line<C::Step>>,
}

/// A line of the history.
#[derive(Debug, Clone, Serialize)]
pub struct Line<S> {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// For which organisation; `null` is the oversight group.
    pub organisation: Option<OdsCode>,
    /// What.
    #[serde(flatten)]
    pub step: S,
}

/// The service.
#[derive(Clone)]
pub struct Cases {
    store: Arc<dyn CaseStore>,
    seal: Arc<SealKey>,
}

/// How often a step is tried again when somebody else was first.
const TRIES: usize = 4;

impl Cases {
    /// On this store, with the key that seals what people said.
    #[must_use]
    pub fn new(store: Arc<dyn CaseStore>, seal: Arc<SealKey>) -> Self {
        Self { store, seal }
    }

    /// Takes a step; without an id it opens a case. `entry` makes the audit row of the call.
    ///
    /// # Errors
    /// It may not, cannot or could not be taken; nothing is kept then.
    pub async fn take<C: Case>(
        &self,
        id: Option<&str>,
        step: C::Step,
        around: Around<'_>,
        entry: &(dyn Fn(&About) -> AuditEntry + Sync),
    ) -> Result<File<C>, CaseError> {
        let new = new_id().to_string();
        for _ in 0..TRIES {
            let case_id = id.unwrap_or(&new);
            let steps = match id {
                Some(id) => self.store.steps_of(C::KIND, id)?,
                None => Vec::new(),
            };
            let before = self.fold::<C>(case_id, &steps)?;
            match (&before, id) {
                (None, Some(_)) => return Err(CaseError::NotFound),
                (Some(file), _) if !file.case.is_open_to(around) => {
                    return Err(CaseError::NotFound);
                }
                _ => {}
            }
            C::may(before.as_ref().map(|file| &file.case), &step, around)?;
            let taken = Taken {
                step: step.clone(),
                at: around.now,
                by: around.actor.username().to_owned(),
                organisation: around.organisation.cloned(),
            };
            let after = C::after(before.map(|file| file.case), taken)?;
            let n = u32::try_from(steps.len())
                .unwrap_or(u32::MAX)
                .saturating_add(1);
            let text = serde_json::to_string(&step).map_err(|_| CaseError::Unwritten)?;
            let written = CaseStep {
                case: case_id.to_owned(),
                n,
                kind: C::KIND,
                at: around.now,
                by: around.actor.username().to_owned(),
                organisation: around.organisation.cloned(),
                step: self
                    .seal
                    .seal_text(&place(case_id, n), &text)
                    .map_err(|_| CaseError::Unwritten)?,
            };
            let notices = notices::<C>(&after, &step, case_id, around.now);
            let mut about = after.about();
            about.ids = vec![format!("{}/{case_id}", kind_name(C::KIND))];
            let mut row = entry(&about);
            row.decision = Some(sealed(&written));
            if self
                .store
                .append_step(written.clone(), notices, row)
                .await?
            {
                let mut steps = steps;
                steps.push(written);
                return self.fold::<C>(case_id, &steps)?.ok_or(CaseError::NotFound);
            }
        }
        Err(CaseError::Overtaken)
    }

    /// One case.
    ///
    /// # Errors
    /// Unknown or not theirs to see; the store failed.
    pub fn one<C: Case>(&self, id: &str, around: Around<'_>) -> Result<File<C>, CaseError> {
        self.fold::<C>(id, &self.store.steps_of(C::KIND, id)?)?
            .filter(|file| file.case.is_open_to(around))
            .ok_or(CaseError::NotFound)
    }

    /// Every case that this person may see, oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub fn all<C: Case>(&self, around: Around<'_>) -> Result<Vec<File<C>>, CaseError> {
        let mut files = self.whole::<C>()?;
        files.retain(|file| file.case.is_open_to(around));
        Ok(files)
    }

    /// Every case: for reports that count, never for showing.
    ///
    /// # Errors
    /// The store failed.
    pub fn whole<C: Case>(&self) -> Result<Vec<File<C>>, CaseError> {
        let steps = self.store.steps(C::KIND)?;
        steps
            .chunk_by(|one, next| one.case == next.case)
            .filter_map(|steps| {
                let id = &steps.first()?.case;
                self.fold::<C>(id, steps).transpose()
            })
            .collect()
    }

    /// The case that these steps make.
    fn fold<C: Case>(&self, id: &str, steps: &[CaseStep]) -> Result<Option<File<C>>, CaseError> {
        let unreadable = || StoreError("a step of a case cannot be read".to_owned());
        let mut case = None;
        let mut history = Vec::with_capacity(steps.len());
        for stored in steps {
            let text = self
                .seal
                .open_text(&place(id, stored.n), &stored.step)
                .map_err(|_| unreadable())?;
            let step: C::Step = serde_json::from_str(&text).map_err(|_| unreadable())?;
            history.push(Line {
                at: stored.at,
                by: stored.by.clone(),
                organisation: stored.organisation.clone(),
                step: step.clone(),
            });
            let taken = Taken {
                step,
                at: stored.at,
                by: stored.by.clone(),
                organisation: stored.organisation.clone(),
            };
            case = Some(C::after(case, taken).map_err(|_| unreadable())?);
        }
        Ok(case.map(|case| File {
            id: id.to_owned(),
            case,
            history,
        }))
    }
}

fn notices<C: Case>(after: &C, step: &C::Step, id: &str, now: Timestamp) -> Vec<Notice> {
    C::tells(after, step)
        .into_iter()
        .map(|(to, kind)| {
            let about = vec![format!("{}/{id}", C::KIND.code())];
            Notice::new(new_id().to_string(), to, kind, about, now)
        })
        .collect()
}

/// An id in the trail has letters alone before the slash.
#[must_use]
pub fn kind_name(kind: CaseKind) -> &'static str {
    match kind {
        CaseKind::Breach => "Breach",
        CaseKind::Investigation => "Investigation",
        CaseKind::Complaint => "Complaint",
        CaseKind::Report => "Report",
        CaseKind::Publication => "Publication",
    }
}

/// What ties a step to the trail: case, place and SHA-256 of the step as it is stored, which is sealed.
fn sealed(step: &CaseStep) -> String {
    let digest = hex(&Sha256::digest(step.step.as_bytes()));
    serde_json::json!({"case": step.case, "step": step.n, "sha256": digest}).to_string()
}

/// Where a step is sealed: it opens there and nowhere else.
fn place(case: &str, n: u32) -> String {
    format!("case/{case}/{n}")
}

/// Everybody once.
fn each_once(mut told: Vec<(Recipient, NoticeKind)>) -> Vec<(Recipient, NoticeKind)> {
    told.sort();
    told.dedup();
    told
}

#[cfg(test)]
pub(crate) mod tests;
