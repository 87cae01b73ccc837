//! SystmOne writes a problem's code twice in its event, once plain and once as the problem's header: that is one statement
//! (sources.md 4.8, 1). Nothing else is de-duplicated, and never across differing restrictions.

use super::loss::{Losses, reason};
use crate::record::{Body, Coding, Entry, Restriction};

/// Merges a plain entry into the problem header of the same code and event; the date of the plain one, the code row, wins.
pub fn same_code(entries: &mut Vec<Entry>, losses: &mut Losses) {
    let mut gone: Vec<(String, String)> = Vec::new();
    let mut at = 0;
    while at < entries.len() {
        let twin = entries.get(at).and_then(|plain| {
            let header = |other: &Entry| {
                other.problem.is_some()
                    && same(plain, other)
                    && (value(plain) == 0 || value(other) == 0)
            };
            let is_plain = plain.problem.is_none() && key(plain).is_some();
            is_plain.then(|| entries.iter().position(header)).flatten()
        });
        let Some(twin) = twin else {
            at += 1;
            continue;
        };
        let plain = entries.remove(at);
        let twin = if twin > at { twin - 1 } else { twin };
        if let Some(header) = entries.get_mut(twin) {
            losses.entry(&plain, "", reason::MERGED);
            gone.push((plain.id.clone(), header.id.clone()));
            absorb(header, plain);
        }
    }
    for entry in entries {
        for (from, to) in &gone {
            let links = entry.parent.iter_mut().chain(&mut entry.linked_problems);
            links
                .filter(|id| *id == from)
                .for_each(|id| id.clone_from(to));
        }
    }
}

type Key<'a> = (&'a str, &'a Coding);

fn key(entry: &Entry) -> Option<Key<'_>> {
    let is_observation = matches!(entry.body, Body::Observation(_));
    let coding = entry.code.codings.first().filter(|_| is_observation)?;
    Some((entry.encounter.as_deref()?, coding))
}

fn same(a: &Entry, b: &Entry) -> bool {
    let code =
        |e: &Entry| key(e).map(|(event, c)| (event.to_owned(), c.system.clone(), c.code.clone()));
    code(a).is_some() && code(a) == code(b) && restrictions(a) == restrictions(b)
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

fn absorb(header: &mut Entry, plain: Entry) {
    if plain.date.earliest().is_some() {
        header.date = plain.date;
    }
    if let (Body::Observation(into), Body::Observation(from)) = (&mut header.body, plain.body)
        && into.value.is_none()
    {
        *into = from;
    }
    for coding in plain.code.codings {
        if !header.code.codings.contains(&coding) {
            header.code.codings.push(coding);
        }
    }
    header.code.text = header.code.text.take().or(plain.code.text);
    header.parent = header.parent.take().or(plain.parent);
    header.recorded = header.recorded.or(plain.recorded);
    header.clinician = header.clinician.take().or(plain.clinician);
    header.episodicity = header.episodicity.take().or(plain.episodicity);
    for link in plain.linked_problems {
        if !header.linked_problems.contains(&link) {
            header.linked_problems.push(link);
        }
    }
}
