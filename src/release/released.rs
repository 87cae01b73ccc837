//! The view that one request may have of a held record: tabs and scopes applied, nothing copied.

use std::sync::Arc;

use super::bits::Bits;
use super::held::Held;
use super::param::Param;
use super::withhold::ReleasedEntry;
use crate::fhir::Kind;
use crate::mapping::SectionGap;
use crate::tabs::catalogue::TabSet;

/// What one request may see. Only [`for_caller`] makes it.
#[derive(Debug, Clone)]
pub struct Released {
    held: Arc<Held>,
    visible: Bits,
    tabs: TabSet,
}

/// Applies a decision to a held record (R034). An entry is visible when one of its tabs is allowed, one that is there only
/// for others' sake when a visible entry needs it, the Patient always; and each only when `may_see` agrees, which is where
/// the token's scopes come in (types, and granular `category` restrictions by [`super::SearchIndex::has`]).
#[must_use]
pub fn for_caller(
    held: &Arc<Held>,
    tabs: TabSet,
    may_see: &dyn Fn(&ReleasedEntry) -> bool,
) -> Released {
    let entries = held.entries();
    let mut visible = Bits::none(entries.len());
    let mut open = Vec::new();
    for (n, entry) in entries.iter().enumerate() {
        let in_tab = !entry.tabs.and(tabs).is_empty() || entry.kind == Kind::Patient;
        if in_tab && may_see(entry) {
            visible.insert(n);
            // Lists are no need of their own: what they name is in their tab.
            if entry.kind != Kind::List {
                open.push(n);
            }
        }
    }
    while let Some(n) = open.pop() {
        for target in held.refers_to(n) {
            let Some(entry) = entries.get(*target) else {
                continue;
            };
            if entry.tabs.is_empty() && may_see(entry) && visible.insert(*target) {
                open.push(*target);
            }
        }
    }
    Released {
        held: Arc::clone(held),
        visible,
        tabs,
    }
}

impl Released {
    /// The record behind it.
    #[must_use]
    pub fn held(&self) -> &Held {
        &self.held
    }

    /// The tabs that were allowed.
    #[must_use]
    pub fn tabs(&self) -> TabSet {
        self.tabs
    }

    /// Reads by type and id; `None` for what is unknown, withheld or not allowed, all alike. With its place, for the audit.
    #[must_use]
    pub fn read(&self, kind: Kind, id: &str) -> Option<(usize, &ReleasedEntry)> {
        let n = self.held.position(kind, id)?;
        Some((n, self.entry(n)?))
    }

    /// The entry at a place; `None` where it is not visible.
    #[must_use]
    pub fn entry(&self, n: usize) -> Option<&ReleasedEntry> {
        self.visible
            .contains(n)
            .then(|| self.held.entries().get(n))
            .flatten()
    }

    /// Everything that is visible, with its place, in the order in which it is shown.
    pub fn entries(&self) -> impl Iterator<Item = (usize, &ReleasedEntry)> {
        self.visible
            .iter()
            .filter_map(|n| Some((n, self.held.entries().get(n)?)))
    }

    /// The visible ones of a type, in the order in which they are shown.
    pub fn of_kind(&self, kind: Kind) -> impl DoubleEndedIterator<Item = (usize, &ReleasedEntry)> {
        self.held
            .of_kind(kind)
            .iter()
            .filter_map(|n| Some((*n, self.entry(*n)?)))
    }

    /// The visible entries that this one refers to under a search parameter's name.
    pub fn linked<'s>(&'s self, n: usize, name: &'s str) -> impl Iterator<Item = usize> + 's {
        self.held
            .links(n)
            .iter()
            .filter(move |(known, target)| *known == name && self.visible.contains(*target))
            .map(|(_, target)| *target)
    }

    /// Does this entry refer, under that parameter, to the resource with this id? The target need not be visible: the
    /// reference stands in the entry's own bytes.
    #[must_use]
    pub fn refers(&self, n: usize, param: Param, id: &str) -> bool {
        self.held.links(n).iter().any(|(name, target)| {
            *name == param.name()
                && self
                    .held
                    .entries()
                    .get(*target)
                    .is_some_and(|entry| entry.id == id)
        })
    }

    /// Sections of allowed tabs that could not be filled.
    pub fn gaps(&self) -> impl Iterator<Item = &SectionGap> {
        self.held
            .gaps()
            .iter()
            .filter(|gap| self.tabs.contains(gap.section.tab()))
    }

    /// These entries as the audit's bitmap.
    #[must_use]
    pub fn bitmap<'n>(&self, entries: impl IntoIterator<Item = &'n usize>) -> Vec<u8> {
        let mut bits = Bits::none(self.held.len());
        for n in entries {
            bits.insert(*n);
        }
        bits.to_bytes()
    }

    pub(super) fn is_sensitive(&self, n: usize) -> bool {
        self.held.is_sensitive(n)
    }
}
