//! What may leave of a record, decided on facts about its resources: the resources themselves come one after the other
//! and are gone again, since all of them at once take several times the room of their JSON.
//!
//! A resource is drawn (encoded) when it comes, as if nothing around it were withheld. What turns out to need another label,
//! another state or a reference less is made once more, and drawn anew.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::classes;
use super::indexer::Indexer;
use super::keys::Key;
use super::withhold::{ReleaseError, ReleasedEntry};
use crate::fhir::refs::for_each_reference;
use crate::fhir::{Kind, Resource};
use crate::labelling::{Labelled, Reason};
use crate::mapping::{Header, Mapped};
use crate::tabs::catalogue::Section;

/// What is known of one resource.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) key: Key,
    pub(super) id: Arc<str>,
    /// Of which part of the record it was made.
    part: usize,
    /// For the practice's report, till it is judged.
    native_id: Box<str>,
    /// The number of the id of what contains it.
    pub(super) parent: Option<u32>,
    bracket: bool,
    pub(super) header: Header,
    pub(super) sections: Vec<Section>,
    pub(super) state_by_results: bool,
    /// Its state, where it is one of those whose state others have.
    pub(super) state: Option<Arc<str>>,
    /// What it refers to; `None` stands for all that is not a resource of ours.
    refers_to: Box<[Option<Key>]>,
    /// Must it stay behind, and all in it too?
    withheld: bool,
    withholds_contents: bool,
    /// It cannot be whole without something that is gone.
    broken: bool,
    /// It may leave, as far as is known.
    pub(super) stays: bool,
    /// As it would leave.
    pub(super) drawn: Option<Box<ReleasedEntry>>,
    /// Why it was labelled so when it was drawn.
    drawn_for: Vec<Reason>,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    facts: Vec<Fact>,
    /// What leaves, as far as is known.
    there: HashSet<Key>,
    pub(super) indexer: Indexer,
}

impl Sieve {
    /// Takes note of a resource of this part of the record.
    pub(super) fn see(&mut self, mapped: &Mapped, part: usize) {
        let keys = &mut self.indexer.keys;
        let (id, number) = keys.shared(&mapped.id);
        let parent = mapped.parent.as_deref().map(|parent| keys.id(parent));
        let refers_to = self.indexer.targets(&mapped.resource);
        self.facts.push(Fact {
            key: Key {
                kind: mapped.kind,
                id: number,
            },
            id,
            part,
            native_id: Box::default(),
            parent,
            bracket: mapped.bracket,
            header: mapped.header,
            sections: mapped.sections.clone(),
            state_by_results: mapped.state_by_results,
            state: state(&mapped.resource).map(|state| self.indexer.word(state)),
            refers_to,
            withheld: false,
            withholds_contents: false,
            broken: false,
            stays: true,
            drawn: None,
            drawn_for: Vec::new(),
        });
    }

    /// Draws the resource seen last, unless it must stay behind by what is known so far.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub(super) fn draw(&mut self, labelled: Labelled) -> Result<(), ReleaseError> {
        let Some(fact) = self.facts.last_mut() else {
            return Ok(());
        };
        // What comes later may still withhold it: what contains it, or another resource of its id.
        fact.native_id = labelled.mapped().native_id.as_str().into();
        if labelled.is_withheld() {
            return Ok(());
        }
        fact.drawn_for = labelled.reasons().to_vec();
        fact.drawn = Some(encode(&mut self.indexer, Arc::clone(&fact.id), labelled)?);
        Ok(())
    }

    /// Says of every resource, in turn, why it is more than normally confidential: `why` gets type, id and native id.
    pub(super) fn judge(&mut self, why: &mut dyn FnMut(Kind, &str, &str) -> Vec<Reason>) {
        for fact in &mut self.facts {
            let native_id = std::mem::take(&mut fact.native_id);
            let reasons = why(fact.key.kind, &fact.id, &native_id);
            fact.withheld = reasons.iter().any(Reason::withholds);
            fact.withholds_contents = reasons.iter().any(Reason::flows_down);
            // What must stay behind was not drawn, or for other reasons than these.
            if std::mem::take(&mut fact.drawn_for) != reasons {
                fact.drawn = None;
            }
        }
    }

    /// Decides what may leave, and answers the parts of which something has to be drawn anew, in turn.
    ///
    /// # Errors
    /// It cannot be told apart; or the record has not exactly one Patient. `restricted`: it may have none.
    pub(super) fn decide(&mut self, restricted: bool) -> Result<Vec<usize>, ReleaseError> {
        for fact in &mut self.facts {
            fact.stays = !fact.withheld && !fact.broken;
        }
        self.drop_contained();
        self.drop_unneeded();
        classes::by_results(&mut self.facts);
        classes::states(&mut self.facts);
        let staying = || self.facts.iter().filter(|it| it.stays);
        let patients = staying().filter(|it| it.key.kind == Kind::Patient).count();
        if patients > 1 || (patients == 0 && !restricted) {
            return Err(ReleaseError::Patient);
        }
        if patients == 0 {
            self.facts.clear();
            return Ok(Vec::new());
        }
        let mut there = std::mem::take(&mut self.there);
        there.clear();
        for fact in staying() {
            if !there.insert(fact.key) {
                return Err(ReleaseError::SameId(fact.key.kind.name()));
            }
        }
        let mut anew: Vec<usize> = Vec::new();
        for fact in &mut self.facts {
            let whole = |to: &Option<Key>| to.is_some_and(|to| there.contains(&to));
            if !fact.stays || !fact.refers_to.iter().all(whole) {
                fact.drawn = None;
            }
            if fact.stays && fact.drawn.is_none() && anew.last() != Some(&fact.part) {
                anew.push(fact.part);
            }
        }
        self.there = there;
        Ok(anew)
    }

    /// Draws anew what has to be of this part, out of its resources in the order in which they were seen.
    ///
    /// # Errors
    /// One cannot be encoded, or is not what it was.
    pub(super) fn draw_anew(
        &mut self,
        part: usize,
        resources: impl IntoIterator<Item = Labelled>,
    ) -> Result<(), ReleaseError> {
        let first = self.facts.partition_point(|fact| fact.part < part);
        for (n, labelled) in resources.into_iter().enumerate() {
            self.draw_one(first + n, labelled)?;
        }
        let of_part = self.facts.iter().skip(first);
        let missed = |it: &&Fact| it.stays && !it.broken && it.drawn.is_none();
        match of_part.take_while(|it| it.part == part).find(missed) {
            Some(fact) => Err(ReleaseError::Unlike(fact.key.kind.name())),
            None => Ok(()),
        }
    }

    fn draw_one(&mut self, n: usize, mut labelled: Labelled) -> Result<(), ReleaseError> {
        let wanted =
            |fact: &&Fact| fact.stays && fact.drawn.is_none() && *fact.id == *labelled.mapped().id;
        if labelled.is_withheld() {
            return Ok(());
        }
        let Some(fact) = self.facts.get(n).filter(wanted) else {
            return Ok(());
        };
        let state = fact.state.clone().filter(|_| fact.state_by_results);
        let (keys, there) = (&self.indexer.keys, &self.there);
        let resource = labelled.resource_mut();
        let whole = for_each_reference(resource, &mut |reference| {
            let target = reference
                .reference
                .as_ref()
                .and_then(|it| it.value.as_deref());
            let is_there = |key| there.contains(&key);
            target.is_none_or(|target| keys.find(target).is_some_and(is_there))
        });
        match (resource, state) {
            (Resource::Observation(it), Some(state)) => it.status = (*state).into(),
            (Resource::DiagnosticReport(it), Some(state)) => it.status = (*state).into(),
            _ => {}
        }
        let refers_to = self.indexer.targets(&labelled.mapped().resource);
        let Some(fact) = self.facts.get_mut(n) else {
            return Ok(());
        };
        // What went with a lost reference may have been the last to need something else.
        fact.refers_to = refers_to;
        fact.broken = !whole;
        if whole {
            fact.drawn = Some(encode(&mut self.indexer, Arc::clone(&fact.id), labelled)?);
        }
        Ok(())
    }

    /// What leaves, in the order in which it was seen.
    pub(super) fn into_entries(self) -> (Vec<ReleasedEntry>, Indexer) {
        let mut entries = Vec::with_capacity(self.facts.iter().filter(|it| it.stays).count());
        for fact in self.facts {
            let Some(mut entry) = fact.drawn.filter(|_| fact.stays) else {
                continue;
            };
            entry.tabs = fact.sections.iter().map(|section| section.tab()).collect();
            entry.sections = fact.sections;
            entry.refers_to = fact.refers_to.into_iter().flatten().collect();
            entries.push(*entry);
        }
        (entries, self.indexer)
    }

    /// What a withheld resource contains goes with it, however deep, unless its name alone could not be checked. Labelling
    /// has already passed restrictions down; this is the second look (governance.md 2.5: filter, label, filter again).
    fn drop_contained(&mut self) {
        let mut gone: HashSet<u32> = self
            .facts
            .iter()
            .filter(|it| it.withholds_contents)
            .map(|it| it.key.id)
            .collect();
        loop {
            let mut more = false;
            for fact in self.facts.iter_mut().filter(|it| it.stays) {
                if fact.parent.is_some_and(|it| gone.contains(&it)) {
                    fact.stays = false;
                    gone.insert(fact.key.id);
                    more = true;
                }
            }
            if !more {
                return;
            }
        }
    }

    /// Brackets and supporting resources stay only where something that stands in a tab needs them, directly or through
    /// others of their sort.
    fn drop_unneeded(&mut self) {
        let at: HashMap<Key, usize> = self
            .facts
            .iter()
            .enumerate()
            .filter(|(_, it)| it.stays)
            .map(|(n, it)| (it.key, n))
            .collect();
        let is_root = |it: &Fact| it.stays && !it.bracket && !it.key.kind.is_supporting();
        let mut needed: Vec<bool> = self.facts.iter().map(is_root).collect();
        let mut open: Vec<usize> = (0..needed.len())
            .filter(|n| needed.get(*n) == Some(&true))
            .collect();
        while let Some(n) = open.pop() {
            let Some(fact) = self.facts.get(n) else {
                continue;
            };
            for target in fact.refers_to.iter().flatten() {
                if let Some(target) = at.get(target)
                    && let Some(flag) = needed.get_mut(*target)
                    && !*flag
                {
                    *flag = true;
                    open.push(*target);
                }
            }
        }
        for (fact, needed) in self.facts.iter_mut().zip(needed) {
            fact.stays &= needed;
        }
    }

    #[cfg(test)]
    pub(super) fn facts_mut(&mut self) -> &mut [Fact] {
        &mut self.facts
    }
}

/// The state of a result or of a header over results.
fn state(resource: &Resource) -> Option<&str> {
    let code = match resource {
        Resource::Observation(it) => &it.status,
        Resource::DiagnosticReport(it) => &it.status,
        _ => return None,
    };
    code.value.as_deref()
}

fn encode(
    indexer: &mut Indexer,
    id: Arc<str>,
    labelled: Labelled,
) -> Result<Box<ReleasedEntry>, ReleaseError> {
    let level = labelled.confidentiality();
    let Mapped {
        kind,
        resource,
        date,
        ..
    } = labelled.into_mapped();
    let entry = ReleasedEntry::encode(indexer, (kind, id), &resource, level, date)?;
    Ok(Box::new(entry))
}

#[cfg(test)]
#[path = "sieve_tests.rs"]
mod tests;
