//! A released record as it is held in memory for a short time (design.md 3): encoded, indexed, with its Lists, in the order
//! in which it is shown. Never source text, never an excluded entry, never why something was withheld.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::bits::Bits;
use super::keys::{Key, Keys};
use super::of_kind::OfKind;
use super::param::Param;
use super::sheet::Sheet;
use super::sight::Views;
use super::withhold::{ReleaseError, ReleasedEntry, ReleasedRecord};
use crate::fhir::{Kind, PatientId};
use crate::labelling::Confidentiality;
use crate::mapping::SectionGap;
use crate::record::{OdsCode, SourceFamily, Standing};
use crate::tabs::lists::{self, TabWording};
use crate::text::hex;

/// What [`Held::build`] needs beside the record.
#[derive(Debug, Clone, Copy)]
pub struct HeldAsk<'a> {
    /// When the source answered: the date of every List (R010).
    pub retrieved_at: Timestamp,
    /// Titles, codes and notices.
    pub wording: &'a TabWording,
    /// The practice's name for `List.source`, where the register has it.
    pub practice_name: Option<&'a str>,
    /// First day of a registration so young that the record of the practice before may be on its way (R007).
    pub arriving: Option<Date>,
    /// Where the exclusion list in force can be read, for example `http://127.0.0.1:8080/exclusions` (R045).
    pub exclusions_url: &'a str,
    /// Address of the API, for `fullUrl`, for example `http://127.0.0.1:8080/fhir/r4`.
    pub base: &'a str,
}

/// A released record, ready to be looked at. Its entries: Patient, Lists, then everything else newest first, what is there
/// only for others' sake last (R035).
#[derive(Debug)]
pub struct Held {
    patient: PatientId,
    practice: OdsCode,
    family: SourceFamily,
    standing: Standing,
    retrieved_at: Timestamp,
    version: String,
    entries: Vec<ReleasedEntry>,
    gaps: Vec<SectionGap>,
    keys: Keys,
    at: HashMap<Key, usize>,
    by_kind: BTreeMap<Kind, OfKind>,
    sheet: Sheet,
    /// The moment of retrieval as a Bundle says it.
    last_updated: String,
    /// The same as an HTTP header says it.
    last_modified: String,
    /// For each entry, the entries that it refers to; none for a List, which is no need of what it names.
    refers_to: Vec<Box<[usize]>>,
    /// For each entry, its named references resolved: (search parameter, entry).
    links: Vec<Box<[(&'static str, usize)]>>,
    /// Entries above normal confidentiality, where a category is switched off.
    sensitive: Bits,
    /// What was worked out of it for those who look.
    views: Views,
}

impl Held {
    /// Orders the record, makes its Lists, and ties every reference to its target.
    ///
    /// # Errors
    /// A List cannot be encoded.
    pub fn build(record: ReleasedRecord, ask: &HeldAsk<'_>) -> Result<Self, ReleaseError> {
        let ReleasedRecord {
            patient,
            practice,
            family,
            standing,
            list_applied,
            entries: mut rest,
            mut indexer,
            gaps,
            ..
        } = record;
        rest.sort_by_cached_key(|entry| {
            let is_support = entry.tabs.is_empty();
            let is_patient = entry.kind == Kind::Patient;
            (!is_patient, is_support, entry.date.newest_first())
        });
        let rule = lists::Rule::of(family, list_applied);
        let version = version(&practice, rule, &rest, &gaps, ask);

        let mut lists = Vec::new();
        if !rest.is_empty() {
            let asked = lists::ListsAsk {
                patient: &patient,
                practice: &practice,
                practice_name: ask.practice_name,
                arriving: ask.arriving,
                rule,
                retrieved_at: ask.retrieved_at,
                exclusions_url: ask.exclusions_url,
                wording: ask.wording,
                gaps: &gaps,
                entries: &rest,
            };
            lists::build(&asked, &mut |list| {
                let id = indexer.keys.shared(&list.id).0;
                let mut entry = ReleasedEntry::encode(
                    &mut indexer,
                    (Kind::List, id),
                    &list.resource,
                    list.highest,
                    crate::record::PartialDate::Unknown,
                )?;
                entry.tabs = list.sections.iter().map(|section| section.tab()).collect();
                entry.sections = list.sections;
                lists.push(entry);
                Ok::<(), ReleaseError>(())
            })?;
        }
        let mut rest = rest.into_iter();
        let patient_first = rest.next().into_iter();
        let mut entries: Vec<ReleasedEntry> = patient_first.chain(lists).chain(rest).collect();

        let keys = indexer.keys;
        let mut at: HashMap<Key, usize> = HashMap::with_capacity(entries.len());
        let mut by_kind: BTreeMap<Kind, OfKind> = BTreeMap::new();
        for (n, entry) in entries.iter().enumerate() {
            at.extend(keys.find_id(entry.kind, &entry.id).map(|key| (key, n)));
            by_kind
                .entry(entry.kind)
                .or_insert_with(|| OfKind::none(entries.len()))
                .places
                .insert(n);
        }
        let refers_to = entries
            .iter_mut()
            .map(|entry| {
                let targets = std::mem::take(&mut entry.refers_to);
                let places = targets.iter().filter_map(|key| at.get(key).copied());
                places.collect()
            })
            .collect();
        let links = entries
            .iter_mut()
            .map(|entry| {
                let links = std::mem::take(&mut entry.links);
                let places = links.iter();
                places
                    .filter_map(|link| Some((link.name, *at.get(&link.target)?)))
                    .collect()
            })
            .collect();
        let mut sensitive = Bits::none(entries.len());
        for (n, entry) in entries.iter().enumerate() {
            if entry.confidentiality > Confidentiality::Normal {
                sensitive.insert(n);
            }
        }
        let sheet = Sheet::lay(
            &in_json(ask.base),
            &mut entries,
            by_kind.values().flat_map(|of_kind| of_kind.places.iter()),
        );
        Ok(Self {
            patient,
            practice,
            family,
            standing,
            retrieved_at: ask.retrieved_at,
            version,
            last_updated: crate::text::instant(ask.retrieved_at),
            last_modified: ask
                .retrieved_at
                .strftime("%a, %d %b %Y %H:%M:%S GMT")
                .to_string(),
            entries,
            gaps,
            keys,
            at,
            by_kind,
            sheet,
            refers_to,
            links,
            sensitive,
            views: Views::default(),
        })
    }

    /// Whose record.
    #[must_use]
    pub fn patient(&self) -> &PatientId {
        &self.patient
    }

    /// The practice whose record it is.
    #[must_use]
    pub fn practice(&self) -> &OdsCode {
        &self.practice
    }

    /// The family of the source.
    #[must_use]
    pub fn family(&self) -> SourceFamily {
        self.family
    }

    /// May the record be shown at all, as the source said (R060, R065).
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// When the source answered.
    #[must_use]
    pub fn retrieved_at(&self) -> Timestamp {
        self.retrieved_at
    }

    /// The same as `Bundle.meta.lastUpdated` says it.
    #[must_use]
    pub fn last_updated(&self) -> &str {
        &self.last_updated
    }

    /// The same as the HTTP header `Last-Modified` says it.
    #[must_use]
    pub fn last_modified(&self) -> &str {
        &self.last_modified
    }

    /// Which version of the record this is: a hash, in hexadecimal, of everything in it but the moment of retrieval. Two
    /// retrievals of an unchanged record have the same version, so that paging and the audit's id list outlive the hold.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Sections that could not be filled.
    #[must_use]
    pub fn gaps(&self) -> &[SectionGap] {
        &self.gaps
    }

    /// The ids of this version as `Kind/id`, in the order of the audit's bitmap.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.entries
            .iter()
            .map(|entry| format!("{}/{}", entry.kind.name(), entry.id))
            .collect()
    }

    /// How many entries it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// It has none: a restricted record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn entries(&self) -> &[ReleasedEntry] {
        &self.entries
    }

    pub(super) fn position(&self, kind: Kind, id: &str) -> Option<usize> {
        self.at.get(&self.keys.find_id(kind, id)?).copied()
    }

    pub(super) fn of_kind(&self, kind: Kind) -> Option<&OfKind> {
        self.by_kind.get(&kind)
    }

    pub(super) fn finder(&self, kind: Kind) -> Option<&super::of_kind::Finder> {
        let of_kind = self.by_kind.get(&kind)?;
        Some(of_kind.finder(&self.entries, &self.links))
    }

    pub(super) fn order(&self, kind: Kind, param: Param, descending: bool) -> Arc<[usize]> {
        self.by_kind.get(&kind).map_or_else(
            || Arc::from([]),
            |of_kind| of_kind.order(&self.entries, param, descending),
        )
    }

    pub(super) fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    pub(super) fn views(&self) -> &Views {
        &self.views
    }

    pub(super) fn refers_to(&self, n: usize) -> &[usize] {
        self.refers_to.get(n).map_or(&[], |places| places)
    }

    pub(super) fn links(&self, n: usize) -> &[(&'static str, usize)] {
        self.links.get(n).map_or(&[], |links| links)
    }

    pub(super) fn is_sensitive(&self, n: usize) -> bool {
        self.sensitive.contains(n)
    }
}

/// Hash of everything that is shown, without the moment of retrieval.
fn version(
    practice: &OdsCode,
    rule: lists::Rule,
    entries: &[ReleasedEntry],
    gaps: &[SectionGap],
    ask: &HeldAsk<'_>,
) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(practice.0.as_bytes());
    part(&[rule as u8]);
    for entry in entries {
        // Type and id are in its bytes.
        part(&entry.digest);
        for section in &entry.sections {
            part(section.code().as_bytes());
        }
    }
    for gap in gaps {
        part(gap.section.code().as_bytes());
        part(&[u8::from(gap.unavailable)]);
        part(gap.why.as_bytes());
    }
    part(ask.wording.fingerprint().as_bytes());
    part(ask.exclusions_url.as_bytes());
    part(ask.practice_name.unwrap_or_default().as_bytes());
    part(
        ask.arriving
            .map(|since| since.to_string())
            .unwrap_or_default()
            .as_bytes(),
    );
    hex(&hash.finalize())
}

/// As the inside of a JSON string.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted
        .strip_prefix('"')
        .and_then(|it| it.strip_suffix('"'))
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
#[path = "held_tests.rs"]
mod tests;
