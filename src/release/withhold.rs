//! Takes out what must stay behind, and every trace of it.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::index::{Link, SearchIndex};
use super::indexer::{Indexed, Indexer};
use super::keys::Key;
use super::sieve::Sieve;
use crate::fhir::{Kind, PatientId, Resource, to_json};
use crate::labelling::{
    Confidentiality, ExclusionList, LabelError, Labelled, Labeller, PracticeRules, WithheldReport,
};
use crate::mapping::{Mapping, SectionGap};
use crate::record::{LossCount, OdsCode, PartialDate, SourceFamily, Standing};
use crate::tabs::catalogue::{Section, TabSet};
use crate::text::hex;

/// A resource that may leave: encoded once, with what it can be found by. Only this module makes it.
#[derive(Debug, Clone)]
pub struct ReleasedEntry {
    pub(super) kind: Kind,
    pub(super) id: Arc<str>,
    pub(super) json: Bytes,
    pub(super) sections: Vec<Section>,
    /// None for what is there only for others' sake.
    pub(super) tabs: TabSet,
    pub(super) confidentiality: Confidentiality,
    pub(super) index: SearchIndex,
    /// What it refers to by name, until the record is held.
    pub(super) links: Box<[Link]>,
    pub(super) etag: Box<str>,
    pub(super) digest: [u8; 32],
    pub(super) date: PartialDate,
    /// Everything it refers to, until the record is held.
    pub(super) refers_to: Box<[Key]>,
}

/// What is left of a record. Only [`release`] makes it.
#[derive(Debug)]
pub struct ReleasedRecord {
    pub(super) patient: PatientId,
    pub(super) practice: OdsCode,
    pub(super) family: SourceFamily,
    pub(super) standing: Standing,
    pub(super) list_applied: bool,
    pub(super) entries: Vec<ReleasedEntry>,
    /// It knows the numbers of the resources.
    pub(super) indexer: Indexer,
    pub(super) gaps: Vec<SectionGap>,
    losses: Vec<LossCount>,
    report: WithheldReport,
}

/// Nothing of the record may leave. Carries no id and no patient detail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// A resource lacks an element that FHIR asks for.
    #[error("a released {kind} cannot be written: {why}")]
    Write {
        /// Its type.
        kind: &'static str,
        /// The encoder's words: the element's name.
        why: String,
    },
    /// Mapping gave none, or more than one.
    #[error("a record has exactly one Patient")]
    Patient,
    /// Two resources of one type and id: a read by id could not tell them apart.
    #[error("two {0} have the same id")]
    SameId(&'static str),
    /// A resource that was made once more is not the one that it was.
    #[error("a {0} was not made the same once more")]
    Unlike(&'static str),
    /// Something cannot be labelled.
    #[error(transparent)]
    Label(#[from] LabelError),
}

/// Maps a record, labels it, withholds what is labelled so, with everything that it contains and everything that only it
/// needed; takes out every reference to what is gone; encodes the rest. The order of what stays is mapping's.
///
/// A restricted record leaves nothing, not even the Patient; its standing is still there for the decision.
///
/// # Errors
/// Something cannot be labelled, encoded or told apart: then nothing of the record may leave.
pub fn release(
    mut mapping: Mapping<'_>,
    list: &ExclusionList,
    practice: PracticeRules,
) -> Result<ReleasedRecord, ReleaseError> {
    let mut labeller = Labeller::new(mapping.family(), mapping.standing(), list, practice);
    let restricted = mapping.standing().restricted;
    let mut sieve = Sieve::default();
    let mut run = mapping.run();
    for part in 0..run.parts() {
        for mapped in run.part(part) {
            labeller.see(&mapped)?;
            sieve.see(&mapped, part);
            sieve.draw(labeller.label(mapped)?)?;
        }
    }
    sieve.judge(&mut |kind, id, native_id| labeller.count(kind, id, native_id));
    loop {
        let anew = sieve.decide(restricted)?;
        if anew.is_empty() {
            break;
        }
        for part in anew {
            let again: Result<Vec<Labelled>, LabelError> = run
                .again(part)
                .into_iter()
                .map(|mapped| labeller.label(mapped))
                .collect();
            sieve.draw_anew(part, again?)?;
        }
    }
    let losses = run.into_loss_counts();
    let rest = mapping.into_rest();
    let (entries, indexer) = sieve.into_entries();
    Ok(ReleasedRecord {
        patient: rest.patient,
        practice: rest.practice,
        family: rest.family,
        standing: rest.standing,
        list_applied: labeller.applies_list(),
        entries,
        indexer,
        gaps: rest.gaps,
        losses,
        report: labeller.into_report(),
    })
}

impl ReleasedEntry {
    /// Encodes it. What it refers to and where it stands is for the caller to say.
    pub(super) fn encode(
        indexer: &mut Indexer,
        (kind, id): (Kind, Arc<str>),
        resource: &Resource,
        confidentiality: Confidentiality,
        date: PartialDate,
    ) -> Result<Self, ReleaseError> {
        let json = to_json(resource).map_err(|error| ReleaseError::Write {
            kind: kind.name(),
            why: error.to_string(),
        })?;
        let digest: [u8; 32] = Sha256::digest(&json).into();
        let Indexed { index, links } = indexer.index(resource);
        Ok(Self {
            kind,
            id,
            tabs: TabSet::default(),
            sections: Vec::new(),
            confidentiality,
            index,
            links,
            etag: format!("W/\"{}\"", hex(digest.get(..8).unwrap_or_default())).into(),
            digest,
            date,
            refers_to: Box::default(),
            json: Bytes::from(json.into_boxed_slice()),
        })
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The resource as compact FHIR JSON.
    #[must_use]
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    /// The sections it stands in.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// How confidential it is labelled.
    #[must_use]
    pub fn confidentiality(&self) -> Confidentiality {
        self.confidentiality
    }

    /// What it can be found by.
    #[must_use]
    pub fn index(&self) -> &SearchIndex {
        &self.index
    }

    /// Its weak ETag, quotes included: a hash of its bytes, so it tells nothing but whether they changed.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// Its clinically relevant date.
    #[must_use]
    pub fn date(&self) -> &PartialDate {
        &self.date
    }
}

impl ReleasedRecord {
    /// What may leave, in mapping's order.
    #[must_use]
    pub fn entries(&self) -> &[ReleasedEntry] {
        &self.entries
    }

    /// May the record be shown at all, as the source says.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// What was dropped or degraded before (R204), by place and reason.
    #[must_use]
    pub fn losses(&self) -> &[LossCount] {
        &self.losses
    }

    /// What was withheld and why: for the practice; it is not kept with the record (R051).
    #[must_use]
    pub fn report(&self) -> &WithheldReport {
        &self.report
    }

    /// The family of the source.
    #[must_use]
    pub fn family(&self) -> SourceFamily {
        self.family
    }
}

/// As [`release()`], of a record that has been made and labelled as a whole.
#[cfg(test)]
pub(crate) fn withhold(
    record: crate::labelling::LabelledRecord,
) -> Result<ReleasedRecord, ReleaseError> {
    let parts = record.into_parts();
    let mut sieve = Sieve::default();
    for (n, labelled) in parts.resources.iter().enumerate() {
        sieve.see(labelled.mapped(), n);
        sieve.draw(labelled.clone())?;
    }
    let mut reasons = parts.resources.iter().map(|it| it.reasons().to_vec());
    sieve.judge(&mut |_, _, _| reasons.next().unwrap_or_default());
    loop {
        let anew = sieve.decide(parts.standing.restricted)?;
        if anew.is_empty() {
            break;
        }
        for n in anew {
            sieve.draw_anew(n, parts.resources.get(n).cloned())?;
        }
    }
    let (entries, indexer) = sieve.into_entries();
    Ok(ReleasedRecord {
        patient: parts.patient,
        practice: parts.practice,
        family: parts.family,
        standing: parts.standing,
        list_applied: parts.list_applied,
        entries,
        indexer,
        gaps: parts.gaps,
        losses: Vec::new(),
        report: parts.report,
    })
}

#[cfg(test)]
#[path = "withhold_tests.rs"]
mod tests;
