//! SystmOne writes a problem's code twice in its event, once plain and once as the problem's header: that is one statement
//! (sources.md 4.8, 1). Nothing else is de-duplicated, and never across differing restrictions.

use std::collections::{HashMap, HashSet};

use super::loss::{Losses, reason};
use crate::record::{Body, Entry, Restriction};

/// Merges a plain entry into the problem header of the same code and event; the date of the plain one, the code row, wins.
pub fn same_code(entries: &mut Vec<Entry>, losses: &mut Losses) {
    let mut headers: HashMap<Key, Vec<usize>> = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        if entry.problem.is_some()
            && let Some(key) = key(entry)
        {
            headers.entry(key).or_default().push(at);
        }
    }
    if headers.is_empty() {
        return;
    }
    let mut merged: HashSet<usize> = HashSet::new();
    let mut gone: HashMap<String, String> = HashMap::new();
    for at in 0..entries.len() {
        let Some(plain) = entries.get(at).filter(|plain| plain.problem.is_none()) else {
            continue;
        };
        let twins = key(plain).and_then(|key| headers.get(&key));
        let header = twins.into_iter().flatten().copied().find(|twin| {
            entries.get(*twin).is_some_and(|header| {
                restrictions(plain) == restrictions(header)
                    && (value(plain) == 0 || value(header) == 0)
            })
        });
        let Some(header) = header else { continue };
        losses.entry(plain, "", reason::MERGED);
        if let Ok([plain, header]) = entries.get_disjoint_mut([at, header]) {
            gone.insert(plain.id.clone(), header.id.clone());
            absorb(header, plain);
        }
        merged.insert(at);
    }
    let mut at = 0;
    entries.retain(|_| {
        at += 1;
        !merged.contains(&(at - 1))
    });
    for entry in entries {
        for id in entry.parent.iter_mut().chain(&mut entry.linked_problems) {
            if let Some(to) = gone.get(id) {
                id.clone_from(to);
            }
        }
    }
}

/// Event, system and code.
type Key = (String, String, String);

fn key(entry: &Entry) -> Option<Key> {
    let is_observation = matches!(entry.body, Body::Observation(_));
    let coding = entry.code.codings.first().filter(|_| is_observation)?;
    let event = entry.encounter.clone()?;
    Some((event, coding.system.clone(), coding.code.clone()))
}

fn restrictions(entry: &Entry) -> Vec<&Restriction> {
    entry.restrictions.iter().collect()
}

fn value(entry: &Entry) -> usize {
    match &entry.body {
        Body::Observation(o) => usize::from(o.value.is_some()),
        _ => 0,
    }
}

fn absorb(header: &mut Entry, plain: &mut Entry) {
    if plain.date.earliest().is_some() {
        header.date = std::mem::take(&mut plain.date);
    }
    if let (Body::Observation(into), Body::Observation(from)) = (&mut header.body, &mut plain.body)
        && into.value.is_none()
    {
        *into = std::mem::take(from);
    }
    for coding in plain.code.codings.drain(..) {
        if !header.code.codings.contains(&coding) {
            header.code.codings.push(coding);
        }
    }
    header.code.text = header.code.text.take().or(plain.code.text.take());
    header.parent = header.parent.take().or(plain.parent.take());
    header.recorded = header.recorded.or(plain.recorded);
    header.clinician = header.clinician.take().or(plain.clinician.take());
    header.episodicity = header.episodicity.take().or(plain.episodicity.take());
    for link in plain.linked_problems.drain(..) {
        if !header.linked_problems.contains(&link) {
            header.linked_problems.push(link);
        }
    }
}
