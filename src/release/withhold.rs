//! Takes out what must stay behind, and every trace of it.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::index::SearchIndex;
use super::indexer::Indexer;
use crate::fhir::refs::{for_each_reference, references};
use crate::fhir::{Kind, PatientId, Resource, to_json};
use crate::labelling::{Confidentiality, LabelledRecord, WithheldReport};
use crate::mapping::{Mapped, SectionGap};
use crate::record::{Loss, OdsCode, PartialDate, SourceFamily, Standing};
use crate::tabs::catalogue::{Section, TabSet};
use crate::text::hex;

/// A resource that may leave: encoded once, with what it can be found by. Only this module makes it.
#[derive(Debug, Clone)]
pub struct ReleasedEntry {
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) json: Bytes,
    pub(super) sections: Vec<Section>,
    pub(super) tabs: TabSet,
    pub(super) confidentiality: Confidentiality,
    pub(super) index: SearchIndex,
    pub(super) etag: String,
    pub(super) digest: [u8; 32],
    pub(super) date: PartialDate,
    /// `Kind/id` of everything it refers to.
    pub(super) refers_to: Vec<String>,
}

/// What is left of a record. Only [`withhold`] makes it.
#[derive(Debug)]
pub struct ReleasedRecord {
    pub(super) patient: PatientId,
    pub(super) practice: OdsCode,
    pub(super) family: SourceFamily,
    pub(super) standing: Standing,
    pub(super) list_applied: bool,
    pub(super) entries: Vec<ReleasedEntry>,
    pub(super) gaps: Vec<SectionGap>,
    losses: Vec<Loss>,
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
}

/// Withholds what is labelled so, with everything that it contains and everything that only it needed; takes out every
/// reference to what is gone; encodes the rest. The order of what stays is mapping's.
///
/// A restricted record leaves nothing, not even the Patient; its standing is still there for the decision.
///
/// # Errors
/// Something cannot be encoded or told apart: then nothing of the record may leave.
pub fn withhold(record: LabelledRecord) -> Result<ReleasedRecord, ReleaseError> {
    let parts = record.into_parts();
    let mut kept: Vec<(Mapped, Confidentiality)> = Vec::with_capacity(parts.resources.len());
    let mut gone_ids: HashSet<String> = HashSet::new();
    for labelled in parts.resources {
        if labelled.is_withheld() {
            if labelled.withholds_contents() {
                gone_ids.insert(labelled.mapped().id.clone());
            }
        } else {
            let level = labelled.confidentiality();
            kept.push((labelled.into_mapped(), level));
        }
    }
    drop_contained(&mut kept, &mut gone_ids);
    heal(&mut kept);
    super::classes::by_results(&mut kept);
    super::classes::states(&mut kept);
    let patients = kept
        .iter()
        .filter(|(it, _)| it.kind == Kind::Patient)
        .count();
    if patients > 1 || (patients == 0 && !parts.standing.restricted) {
        return Err(ReleaseError::Patient);
    }
    if patients == 0 {
        kept.clear();
    }

    let mut seen = HashSet::with_capacity(kept.len());
    for (mapped, _) in &kept {
        if !seen.insert((mapped.kind, mapped.id.as_str())) {
            return Err(ReleaseError::SameId(mapped.kind.name()));
        }
    }
    drop(seen);
    let mut indexer = Indexer::default();
    let entries = kept
        .into_iter()
        .map(|(mapped, level)| {
            ReleasedEntry::encode(
                &mut indexer,
                mapped.kind,
                mapped.id,
                &mapped.resource,
                mapped.sections,
                level,
                mapped.date,
            )
        })
        .collect::<Result<_, _>>()?;
    Ok(ReleasedRecord {
        patient: parts.patient,
        practice: parts.practice,
        family: parts.family,
        standing: parts.standing,
        list_applied: parts.list_applied,
        entries,
        gaps: parts.gaps,
        losses: parts.losses,
        report: parts.report,
    })
}

/// What a withheld resource contains goes with it, however deep, unless its name alone could not be checked. Labelling has already passed restrictions down; this is
/// the second look (governance.md 2.5: filter, label, filter again).
fn drop_contained(kept: &mut Vec<(Mapped, Confidentiality)>, gone: &mut HashSet<String>) {
    loop {
        let before = kept.len();
        kept.retain(|(mapped, _)| {
            let goes = mapped.parent.as_ref().is_some_and(|it| gone.contains(it));
            if goes {
                gone.insert(mapped.id.clone());
            }
            !goes
        });
        if kept.len() == before {
            return;
        }
    }
}

/// Until nothing changes: what stays must not refer to what is not there, and what is there only for others' sake must
/// still be referred to. A resource that cannot be whole without a lost reference goes too.
fn heal(kept: &mut Vec<(Mapped, Confidentiality)>) {
    loop {
        let before = kept.len();
        drop_unneeded(kept);
        let there: HashSet<String> = kept
            .iter()
            .map(|(it, _)| format!("{}/{}", it.kind.name(), it.id))
            .collect();
        kept.retain_mut(|(mapped, _)| {
            for_each_reference(&mut mapped.resource, &mut |reference| {
                let target = reference
                    .reference
                    .as_ref()
                    .and_then(|it| it.value.as_deref());
                target.is_none_or(|target| there.contains(target))
            })
        });
        if kept.len() == before {
            return;
        }
    }
}

/// Brackets and supporting resources stay only where something that stands in a tab needs them, directly or through others
/// of their sort.
fn drop_unneeded(kept: &mut Vec<(Mapped, Confidentiality)>) {
    let is_root = |it: &Mapped| !it.bracket && !it.kind.is_supporting();
    let at: HashMap<String, usize> = kept
        .iter()
        .enumerate()
        .map(|(n, (it, _))| (format!("{}/{}", it.kind.name(), it.id), n))
        .collect();
    let mut needed: Vec<bool> = kept.iter().map(|(it, _)| is_root(it)).collect();
    let mut open: Vec<usize> = (0..kept.len())
        .filter(|n| needed.get(*n) == Some(&true))
        .collect();
    while let Some(n) = open.pop() {
        let Some((mapped, _)) = kept.get(n) else {
            continue;
        };
        for target in references(&mapped.resource) {
            if let Some(target) = at.get(&target)
                && let Some(flag) = needed.get_mut(*target)
                && !*flag
            {
                *flag = true;
                open.push(*target);
            }
        }
    }
    let mut flags = needed.into_iter();
    kept.retain(|_| flags.next().unwrap_or(false));
}

impl ReleasedEntry {
    pub(super) fn encode(
        indexer: &mut Indexer,
        kind: Kind,
        id: String,
        resource: &Resource,
        sections: Vec<Section>,
        confidentiality: Confidentiality,
        date: PartialDate,
    ) -> Result<Self, ReleaseError> {
        let json = to_json(resource).map_err(|error| ReleaseError::Write {
            kind: kind.name(),
            why: error.to_string(),
        })?;
        let digest: [u8; 32] = Sha256::digest(&json).into();
        let etag = format!("W/\"{}\"", hex(digest.get(..8).unwrap_or_default()));
        let mut refers_to = references(resource);
        refers_to.sort_unstable();
        refers_to.dedup();
        Ok(Self {
            kind,
            id,
            tabs: sections.iter().map(|section| section.tab()).collect(),
            sections,
            confidentiality,
            index: indexer.index(kind, resource),
            etag,
            digest,
            date,
            refers_to,
            json: Bytes::from(json),
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

    /// The tabs it stands in; none for supporting kinds.
    #[must_use]
    pub fn tabs(&self) -> TabSet {
        self.tabs
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

    /// What was dropped or degraded before (R204).
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
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

#[cfg(test)]
#[path = "withhold_tests.rs"]
mod tests;
