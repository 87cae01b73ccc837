//! The view that one request may have of a held record: tabs and scopes applied, nothing copied.

use std::sync::Arc;

use super::bits::Bits;
use super::held::Held;
use super::index::DateSpan;
use super::param::Param;
use super::withhold::ReleasedEntry;
use crate::fhir::Kind;
use crate::mapping::SectionGap;
use crate::tabs::catalogue::TabSet;

/// What one request may see. Only [`for_caller`] makes it, and [`super::Sight`], which calls it.
#[derive(Debug, Clone)]
pub struct Released {
    held: Arc<Held>,
    view: Arc<View>,
}

/// Which entries of one held record are visible.
#[derive(Debug)]
pub(super) struct View {
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
            open.push(n);
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
    Released::new(held, Arc::new(View { visible, tabs }))
}

impl Released {
    /// `view` was made of this record.
    pub(super) fn new(held: &Arc<Held>, view: Arc<View>) -> Self {
        Self {
            held: Arc::clone(held),
            view,
        }
    }

    pub(super) fn into_view(self) -> Arc<View> {
        self.view
    }

    #[cfg(test)]
    pub(super) fn shares_view(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.view, &other.view)
    }

    /// The record behind it.
    #[must_use]
    pub fn held(&self) -> &Held {
        &self.held
    }

    /// The tabs that were allowed.
    #[must_use]
    pub fn tabs(&self) -> TabSet {
        self.view.tabs
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
        self.shows(n).then(|| self.held.entries().get(n)).flatten()
    }

    /// Is the entry at this place visible?
    pub(super) fn shows(&self, n: usize) -> bool {
        self.view.visible.contains(n)
    }

    /// Everything that is visible, with its place, in the order in which it is shown.
    pub fn entries(&self) -> impl Iterator<Item = (usize, &ReleasedEntry)> {
        self.view
            .visible
            .iter()
            .filter_map(|n| Some((n, self.held.entries().get(n)?)))
    }

    /// The places of the visible ones of a type. What is shown first has the lowest place.
    #[must_use]
    pub fn of_kind(&self, kind: Kind) -> Bits {
        let mut places = match self.held.of_kind(kind) {
            Some(of_kind) => of_kind.places.clone(),
            None => Bits::none(self.held.len()),
        };
        places.keep(&self.view.visible);
        places
    }

    /// Takes in the entries of a type that have this code under a parameter, or any where it is `None`, in a system that
    /// fits. Visible or not: what is found is cut down to [`Self::of_kind`].
    pub fn find_code(
        &self,
        kind: Kind,
        param: Param,
        code: Option<&str>,
        fits: impl Fn(Option<&str>) -> bool,
        found: &mut Bits,
    ) {
        if let Some(finder) = self.held.finder(kind) {
            finder.by_code(param, code, fits, found);
        }
    }

    /// As [`Self::find_code`], by a time under the parameter.
    pub fn find_date(
        &self,
        kind: Kind,
        param: Param,
        fits: impl Fn(&DateSpan) -> bool,
        found: &mut Bits,
    ) {
        if let Some(finder) = self.held.finder(kind) {
            finder.by_date(param, fits, found);
        }
    }

    /// As [`Self::find_code`], by a reference under the parameter to the Encounter with this id. The Encounter itself need
    /// not be visible: the reference stands in the entry's own bytes.
    pub fn find_encounter(&self, kind: Kind, param: Param, id: &str, found: &mut Bits) {
        if let Some(target) = self.held.position(Kind::Encounter, id)
            && let Some(finder) = self.held.finder(kind)
        {
            finder.by_link(param.name(), target, found);
        }
    }

    /// The places of a type by the first time that each has under the parameter; those without come last. Visible or not,
    /// as with [`Self::find_code`].
    #[must_use]
    pub fn order(&self, kind: Kind, param: Param, descending: bool) -> Arc<[usize]> {
        self.held.order(kind, param, descending)
    }

    /// The visible entries that this one refers to under a search parameter's name.
    pub fn linked<'s>(&'s self, n: usize, name: &'s str) -> impl Iterator<Item = usize> + 's {
        self.held
            .links(n)
            .iter()
            .filter(move |(known, target)| *known == name && self.view.visible.contains(*target))
            .map(|(_, target)| *target)
    }

    /// Sections of allowed tabs that could not be filled.
    pub fn gaps(&self) -> impl Iterator<Item = &SectionGap> {
        self.held
            .gaps()
            .iter()
            .filter(|gap| self.view.tabs.contains(gap.section.tab()))
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

    /// Is the entry at this place visible, and more than normally confidential?
    pub(super) fn is_sensitive(&self, n: usize) -> bool {
        self.shows(n) && self.held.is_sensitive(n)
    }
}

#[cfg(test)]
#[path = "released_tests.rs"]
mod tests;
