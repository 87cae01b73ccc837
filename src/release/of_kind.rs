//! What the resources of one type in a held record can be found by, turned round: from the code, the date or the reference
//! to the places. Made when a type is first searched by something, and gone with the record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::bits::Bits;
use super::index::DateSpan;
use super::param::Param;
use super::withhold::ReleasedEntry;

/// Orders that were asked for: by which parameter, and whether downwards.
type Orders = HashMap<(Param, bool), Arc<[usize]>>;

/// The entries of one type.
#[derive(Debug)]
pub(super) struct OfKind {
    pub(super) places: Bits,
    finder: OnceLock<Finder>,
    orders: Mutex<Orders>,
}

/// Who has a code, by the code's system.
type BySystem = Vec<(Option<Arc<str>>, Places)>;

#[derive(Debug, Default)]
pub(super) struct Finder {
    codes: HashMap<Param, HashMap<Arc<str>, BySystem>>,
    /// Every time of every entry, in the order of the entries.
    dates: HashMap<Param, Vec<(DateSpan, usize)>>,
    /// Who refers under this name to the entry at this place.
    links: HashMap<(&'static str, usize), Vec<usize>>,
}

/// Some places, in whichever form takes less room.
#[derive(Debug)]
enum Places {
    Few(Vec<u32>),
    Many(Bits),
}

impl Places {
    fn insert(&mut self, n: usize, of: usize) {
        match self {
            Self::Many(bits) => {
                bits.insert(n);
            }
            Self::Few(few) => {
                few.extend(u32::try_from(n));
                // A bitmap takes a bit for each entry of the record, a list 32 for each that is in it.
                if few.len() * 32 > of {
                    let mut bits = Bits::none(of);
                    for n in few.iter() {
                        bits.insert(*n as usize);
                    }
                    *self = Self::Many(bits);
                }
            }
        }
    }

    fn put_into(&self, found: &mut Bits) {
        match self {
            Self::Many(bits) => found.absorb(bits),
            Self::Few(few) => {
                for n in few {
                    found.insert(*n as usize);
                }
            }
        }
    }
}

impl OfKind {
    pub(super) fn none(len: usize) -> Self {
        Self {
            places: Bits::none(len),
            finder: OnceLock::new(),
            orders: Mutex::default(),
        }
    }

    /// The finder, made where it is not there yet. `links` has each entry's resolved references.
    pub(super) fn finder(
        &self,
        entries: &[ReleasedEntry],
        links: &[Box<[(&'static str, usize)]>],
    ) -> &Finder {
        self.finder.get_or_init(|| {
            let mut finder = Finder::default();
            for n in self.places.iter() {
                if let (Some(entry), Some(links)) = (entries.get(n), links.get(n)) {
                    finder.take_in(n, entry, links, entries.len());
                }
            }
            finder
        })
    }

    /// The places by the first time that each has under the parameter; those without come last, either way.
    pub(super) fn order(
        &self,
        entries: &[ReleasedEntry],
        param: Param,
        descending: bool,
    ) -> Arc<[usize]> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let order = orders.entry((param, descending)).or_insert_with(|| {
            let mut order: Vec<usize> = self.places.iter().collect();
            order.sort_by_cached_key(|n| {
                let spans = entries.get(*n).map(|entry| entry.index.dates());
                let start = spans
                    .into_iter()
                    .flatten()
                    .find(|span| span.param == param)
                    .map(|span| span.start);
                let key = start.map(|start| match descending {
                    // What has no beginning began before all else.
                    true => start.checked_neg().unwrap_or(i64::MAX),
                    false => start,
                });
                (key.is_none(), key)
            });
            order.into()
        });
        Arc::clone(order)
    }
}

impl Finder {
    fn take_in(
        &mut self,
        n: usize,
        entry: &ReleasedEntry,
        links: &[(&'static str, usize)],
        of: usize,
    ) {
        for token in entry.index.tokens() {
            let codes = self.codes.entry(token.param).or_default();
            let said = &token.said;
            let systems = codes.entry(Arc::clone(&said.code)).or_default();
            match systems
                .iter_mut()
                .find(|(system, _)| *system == said.system)
            {
                Some((_, places)) => places.insert(n, of),
                None => {
                    let mut places = Places::Few(Vec::new());
                    places.insert(n, of);
                    systems.push((said.system.clone(), places));
                }
            }
        }
        for span in entry.index.dates() {
            let dates = self.dates.entry(span.param).or_default();
            dates.push((*span, n));
        }
        for (name, target) in links {
            self.links.entry((*name, *target)).or_default().push(n);
        }
    }

    /// Those with this code, or with any where it is `None`, in a system that fits.
    pub(super) fn by_code(
        &self,
        param: Param,
        code: Option<&str>,
        fits: impl Fn(Option<&str>) -> bool,
        found: &mut Bits,
    ) {
        let Some(codes) = self.codes.get(&param) else {
            return;
        };
        let mut take = |systems: &BySystem| {
            for (system, places) in systems {
                if fits(system.as_deref()) {
                    places.put_into(found);
                }
            }
        };
        match code {
            Some(code) => {
                if let Some(systems) = codes.get(code) {
                    take(systems);
                }
            }
            None => codes.values().for_each(take),
        }
    }

    /// Those with a time that fits.
    pub(super) fn by_date(&self, param: Param, fits: impl Fn(&DateSpan) -> bool, found: &mut Bits) {
        for (span, n) in self.dates.get(&param).into_iter().flatten() {
            if fits(span) {
                found.insert(*n);
            }
        }
    }

    /// Those that refer, under this name, to the entry at this place.
    pub(super) fn by_link(&self, name: &'static str, target: usize, found: &mut Bits) {
        for n in self.links.get(&(name, target)).into_iter().flatten() {
            found.insert(*n);
        }
    }
}

#[cfg(test)]
#[path = "of_kind_tests.rs"]
mod tests;
