//! A record in the making. Messages name things by id before or after they come, so links are noted while reading and
//! drawn at the end.

use std::collections::{HashMap, HashSet};

use crate::record::{
    Body, Encounter, Entry, GpRecord, Missing, OdsCode, Organisation, PatientDetails, Problem,
    Restriction, SourceFamily, Staff, Standing,
};
use crate::source::emis::identifying;
use crate::source::emis::losses::{Losses, Spot};
use crate::source::xml::Becomes;

/// An id as we keep it: GUIDs without braces and in lower case, so that both formats spell them alike.
pub(super) fn native(id: &str) -> String {
    let bare = id.trim().trim_start_matches('{').trim_end_matches('}');
    let guid = bare.len() == 36 && bare.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if guid {
        bare.to_ascii_lowercase()
    } else {
        bare.to_owned()
    }
}

/// Is this EMIS's way to write "no id"?
pub(super) fn is_null(id: &str) -> bool {
    id.is_empty() || id.bytes().all(|b| matches!(b, b'0' | b'-' | b'{' | b'}'))
}

/// Bytes of an entry with its ids and what is needed to draw its links, long words apart.
pub(super) const ENTRY: usize = 1_250;
/// Bytes of a link or a small thing with an id.
pub(super) const SMALL: usize = 200;

/// A problem row on its way to its entry.
pub(super) struct ProblemRow {
    pub event: String,
    pub problem: Problem,
    pub spot: Spot,
}

/// See the module's text.
#[derive(Default)]
pub(super) struct Draft {
    pub patient: PatientDetails,
    pub standing: Standing,
    pub staff: Vec<Staff>,
    pub organisations: Vec<Organisation>,
    pub encounters: Vec<Encounter>,
    pub entries: Vec<Entry>,
    pub losses: Losses,
    /// Parts that could not be read though the rest could.
    pub missing: Vec<Missing>,
    /// How many resources the entries may become.
    pub resources: usize,
    /// Entries that say nothing.
    hollow: usize,
    /// Rows of `parts` that were counted, and how often the parent of one was not that of the row before.
    parents: (usize, usize),
    /// Policies that the message lists.
    pub policies: HashSet<String>,
    /// Other names of the same thing (EMIS Open `RefID`) to its id.
    pub aliases: HashMap<String, String>,
    /// Entries that something other than they themselves hides: their place in a consultation, their problem.
    pub hidden: HashSet<String>,
    /// Entries that the source sends only because others refer to them.
    pub reference_only: HashSet<usize>,
    /// Encounter, entry, heading.
    pub members: Vec<(String, String, Option<String>)>,
    /// Parent, child, and how far out the parent stands (a battery before its report): the innermost container wins.
    pub parts: Vec<(String, String, u8)>,
    /// Problem, entry.
    pub problem_links: Vec<(String, String)>,
    /// Problems that came apart from their entries.
    pub problems: Vec<ProblemRow>,
}

impl Draft {
    /// Bytes that are kept so far, words apart.
    pub fn weight(&self) -> usize {
        let links = self.members.len() + self.parts.len() + self.problem_links.len();
        let things = self.staff.len()
            + self.organisations.len()
            + self.aliases.len()
            + self.policies.len()
            + self.missing.len();
        self.entries.len() * ENTRY
            + (self.encounters.len() + self.problems.len()) * ENTRY / 2
            + self.losses.weight()
            + (links + things) * SMALL
    }

    /// Takes an entry.
    pub fn push(&mut self, entry: Entry) {
        if says_nothing(&entry) {
            self.hollow += 1;
        } else {
            self.resources += entry.resources();
        }
        entry.push_to(&mut self.entries);
    }

    /// Resources and contacts that the record may become.
    pub fn becomes(&mut self) -> Becomes {
        let (rows, parents) = &mut self.parents;
        while let Some((parent, _, _)) = self.parts.get(*rows) {
            let before = rows.checked_sub(1).and_then(|n| self.parts.get(n));
            *parents += usize::from(before.is_none_or(|(before, _, _)| before != parent));
            *rows += 1;
        }
        Becomes {
            // What says nothing is only left as the header of its parts.
            resources: self.resources
                + self.hollow.min(self.parents.1)
                + self.problems.len()
                + self.staff.len()
                + self.organisations.len(),
            contacts: self.encounters.len(),
        }
    }

    /// Draws the links and gives the record.
    pub fn finish(mut self, practice: &OdsCode) -> GpRecord {
        self.resolve_aliases();
        for entry in &mut self.entries {
            if self.hidden.contains(&entry.id) {
                restrict(&mut entry.restrictions, &[Restriction::Private]);
            }
        }
        self.one_of_each();
        let index = self.index();
        self.draw_problems(&index);
        self.draw_encounters(&index);
        self.draw_parts(&index);
        self.break_circles(&index);
        self.inherit_encounters(&index);
        self.drop_empty();
        self.unique_encounters();
        self.mark_restrictions();
        self.check_links();
        self.entries.shrink_to_fit();
        self.encounters.shrink_to_fit();
        GpRecord {
            family: SourceFamily::Emis,
            practice: practice.clone(),
            patient: self.patient,
            standing: self.standing,
            staff: self.staff,
            organisations: self.organisations,
            encounters: self.encounters,
            entries: self.entries,
            missing: self.missing,
            losses: self.losses.into_list(),
        }
    }

    fn resolve_aliases(&mut self) {
        if self.aliases.is_empty() {
            return;
        }
        let aliases = std::mem::take(&mut self.aliases);
        let put = |id: &mut String| {
            if let Some(real) = aliases.get(id.as_str()).filter(|real| !real.is_empty()) {
                id.clone_from(real);
            }
        };
        let put_option = |id: &mut Option<String>| {
            if let Some(id) = id {
                put(id);
            }
        };
        for entry in &mut self.entries {
            for id in [
                &mut entry.clinician,
                &mut entry.recorder,
                &mut entry.organisation,
                &mut entry.encounter,
                &mut entry.parent,
            ] {
                put_option(id);
            }
            entry.linked_problems.iter_mut().for_each(put);
            if let Some((parent, _)) = entry.problem.as_mut().and_then(|p| p.parent.as_mut()) {
                put(parent);
            }
            match &mut entry.body {
                Body::Issue(issue) => put_option(&mut issue.course),
                Body::Referral(referral) => {
                    put_option(&mut referral.to);
                    put_option(&mut referral.from);
                }
                _ => {}
            }
        }
        for encounter in &mut self.encounters {
            put_option(&mut encounter.clinician);
            put_option(&mut encounter.organisation);
        }
        put_option(&mut self.patient.usual_gp);
        put_option(&mut self.patient.registered_gp);
        put_option(&mut self.patient.organisation);
        for (problem, entry) in &mut self.problem_links {
            put(problem);
            put(entry);
        }
        for (parent, child, _) in &mut self.parts {
            put(parent);
            put(child);
        }
        for row in &mut self.problems {
            put(&mut row.event);
        }
        for (encounter, entry, _) in &mut self.members {
            put(encounter);
            put(entry);
        }
    }

    /// The same id twice: the same statement repeated is merged, another statement gets an id of its own.
    fn one_of_each(&mut self) {
        let mut ids: HashSet<&str> = HashSet::with_capacity(self.entries.len());
        if self.reference_only.is_empty() && self.entries.iter().all(|e| ids.insert(&e.id)) {
            return;
        }
        drop(ids);
        let mut first: HashMap<String, usize> = HashMap::new();
        let mut used: HashSet<String> = self.entries.iter().map(|e| e.id.clone()).collect();
        let real: HashSet<String> = self
            .entries
            .iter()
            .enumerate()
            .filter(|(at, _)| !self.reference_only.contains(at))
            .map(|(_, e)| e.id.clone())
            .collect();
        let mut strict: HashMap<String, Vec<Restriction>> = HashMap::new();
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut entries = std::mem::take(&mut self.entries);
        // So many of the first are kept. What stays moves down in its place: a second list of all would take as much again.
        let mut kept = 0;
        for at in 0..entries.len() {
            let Some((before, [entry, ..])) = entries.split_at_mut_checked(at) else {
                break;
            };
            if self.reference_only.contains(&at) && real.contains(&entry.id) {
                let spot = Spot::new(entry.path.clone(), Some(&entry.id)).coded(&entry.code);
                self.losses.add(&spot, "", "reference-only");
                strict
                    .entry(std::mem::take(&mut entry.id))
                    .or_default()
                    .append(&mut entry.restrictions);
                continue;
            }
            if let Some(&earlier) = first.get(&entry.id) {
                let spot = Spot::new(entry.path.clone(), Some(&entry.id)).coded(&entry.code);
                let Some(other) = before.get_mut(earlier) else {
                    continue;
                };
                if same(other, entry) {
                    restrict(&mut other.restrictions, &entry.restrictions);
                    other.encounter = other.encounter.take().or(entry.encounter.take());
                    other.parent = other.parent.take().or(entry.parent.take());
                    other.problem = other.problem.take().or(entry.problem.take());
                    other.linked_problems.append(&mut entry.linked_problems);
                    self.losses.add(&spot, "", "duplicate");
                    continue;
                }
                // Which of the two a policy or a consultation means is not known: both are as confidential as the stricter.
                restrict(&mut entry.restrictions, &other.restrictions);
                restrict(&mut other.restrictions, &entry.restrictions);
                self.losses.add(&spot, "", "duplicate-id");
                entry.id = number(entry.id.clone(), &mut numbers, &used);
                used.insert(entry.id.clone());
            } else {
                first.insert(entry.id.clone(), kept);
            }
            if let Some(place) = before.get_mut(kept) {
                std::mem::swap(place, entry);
            }
            kept += 1;
        }
        entries.truncate(kept);
        for (id, restrictions) in strict {
            if let Some(entry) = first.get(&id).and_then(|at| entries.get_mut(*at)) {
                restrict(&mut entry.restrictions, &restrictions);
            }
        }
        self.entries = entries;
    }

    /// Another name of an id. A name that two things have is none.
    pub fn alias(&mut self, name: String, id: &str) {
        match self.aliases.get_mut(&name) {
            Some(other) if other != id => other.clear(),
            Some(_) => {}
            None => {
                self.aliases.insert(name, id.to_owned());
            }
        }
    }

    fn index(&self) -> HashMap<String, usize> {
        let ids = self.entries.iter().enumerate();
        ids.map(|(at, entry)| (entry.id.clone(), at)).collect()
    }

    fn entry(&mut self, index: &HashMap<String, usize>, id: &str) -> Option<&mut Entry> {
        self.entries.get_mut(*index.get(id)?)
    }

    fn draw_problems(&mut self, index: &HashMap<String, usize>) {
        for row in std::mem::take(&mut self.problems) {
            match self.entry(index, &row.event) {
                Some(entry) => entry.problem = Some(Box::new(row.problem)),
                None => self.losses.add(&row.spot, "", "dangling-link"),
            }
        }
        for (problem, entry) in std::mem::take(&mut self.problem_links) {
            let known = index
                .get(&problem)
                .and_then(|at| self.entries.get(*at))
                .is_some_and(|e| e.problem.is_some());
            match self.entry(index, &entry) {
                Some(entry) if known => {
                    if !entry.linked_problems.contains(&problem) {
                        entry.linked_problems.push(problem);
                    }
                }
                _ => self.losses.add(
                    &Spot::new("problem-link", Some(&problem)),
                    "",
                    "dangling-link",
                ),
            }
        }
    }

    fn draw_encounters(&mut self, index: &HashMap<String, usize>) {
        let restricted: HashMap<String, Vec<Restriction>> = self
            .encounters
            .iter()
            .filter(|e| !e.restrictions.is_empty())
            .map(|e| (e.id.clone(), e.restrictions.clone()))
            .collect();
        for (encounter, id, heading) in std::mem::take(&mut self.members) {
            let Some(entry) = self.entry(index, &id) else {
                let spot = Spot::new("encounter/component", Some(&encounter));
                self.losses.add(&spot, "event", "dangling-link");
                continue;
            };
            entry.category = entry.category.take().or(heading);
            match &entry.encounter {
                None => entry.encounter = Some(encounter),
                // In two encounters: it belongs to the first, and is as confidential as the strictest.
                Some(first) if *first != encounter => {
                    if let Some(more) = restricted.get(&encounter) {
                        restrict(&mut entry.restrictions, more);
                    }
                    let spot = Spot::new("encounter/component", Some(&id));
                    self.losses.add(&spot, "event", "no-place");
                }
                Some(_) => {}
            }
        }
    }

    fn draw_parts(&mut self, index: &HashMap<String, usize>) {
        let mut parts = std::mem::take(&mut self.parts);
        parts.sort_by_key(|(_, _, distance)| *distance);
        for (parent, child, _) in parts {
            if parent == child {
                continue;
            }
            if !index.contains_key(&parent) {
                let spot = Spot::new("part", Some(&child));
                self.losses.add(&spot, "", "dangling-link");
                continue;
            }
            match self.entry(index, &child) {
                Some(entry) => {
                    entry.parent.get_or_insert(parent);
                }
                None => {
                    let spot = Spot::new("part", Some(&parent));
                    self.losses.add(&spot, "", "dangling-link");
                }
            }
        }
    }

    /// A part that contains itself would send whoever walks up the parents round for ever.
    fn break_circles(&mut self, index: &HashMap<String, usize>) {
        let mut sound: HashSet<usize> = HashSet::new();
        for start in 0..self.entries.len() {
            let mut way: HashSet<usize> = HashSet::new();
            let mut here = start;
            loop {
                if sound.contains(&here) {
                    break;
                }
                way.insert(here);
                let next = self
                    .entries
                    .get(here)
                    .and_then(|e| e.parent.as_ref())
                    .and_then(|p| index.get(p).copied());
                match next {
                    None => break,
                    Some(next) if way.contains(&next) => {
                        if let Some(entry) = self.entries.get_mut(here) {
                            entry.parent = None;
                            let spot = Spot::new(entry.path.clone(), Some(&entry.id));
                            self.losses.add(&spot, "", "cyclic-link");
                        }
                        break;
                    }
                    Some(next) => here = next,
                }
            }
            sound.extend(way);
        }
    }

    /// A part belongs to the encounter of the whole, unless it names its own.
    fn inherit_encounters(&mut self, index: &HashMap<String, usize>) {
        for start in 0..self.entries.len() {
            let mut here = self.entries.get(start);
            let mut found = None;
            while let Some(entry) = here {
                if entry.encounter.is_some() {
                    found.clone_from(&entry.encounter);
                    break;
                }
                let parent = entry.parent.as_ref().and_then(|p| index.get(p));
                here = parent.and_then(|at| self.entries.get(*at));
            }
            if let Some(entry) = self.entries.get_mut(start) {
                entry.encounter = found;
            }
        }
    }

    /// Text in a consultation comes as an entry with neither code nor term (pitfall 15). Its text never leaves, so nothing
    /// of it is left.
    fn drop_empty(&mut self) {
        let parents: HashSet<String> = self
            .entries
            .iter()
            .filter_map(|e| e.parent.clone())
            .collect();
        let losses = &mut self.losses;
        self.entries.retain(|entry| {
            let empty =
                says_nothing(entry) && entry.problem.is_none() && !parents.contains(&entry.id);
            if empty {
                let spot = Spot::new(entry.path.clone(), Some(&entry.id));
                losses.add(&spot, "", "free-text");
            }
            !empty
        });
    }

    fn unique_encounters(&mut self) {
        let mut seen: HashSet<String> = HashSet::new();
        let mut first: HashMap<String, usize> = HashMap::new();
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut again = Vec::new();
        for encounter in std::mem::take(&mut self.encounters) {
            if seen.insert(encounter.id.clone()) {
                first.insert(encounter.id.clone(), self.encounters.len());
                self.encounters.push(encounter);
            } else {
                again.push(encounter);
            }
        }
        for mut encounter in again {
            let spot = Spot::new("encounter", Some(&encounter.id));
            self.losses.add(&spot, "", "duplicate-id");
            // Its entries name the first of the two: as confidential as the strictest.
            let earlier = first.get(&encounter.id).copied();
            if let Some(first) = earlier.and_then(|at| self.encounters.get_mut(at)) {
                restrict(&mut first.restrictions, &encounter.restrictions);
            }
            let base = std::mem::take(&mut encounter.id);
            encounter.id = number(base, &mut numbers, &seen);
            seen.insert(encounter.id.clone());
            self.encounters.push(encounter);
        }
    }

    /// Which policies the message lists is known only at its end. An id that it does not list is restricted all the same.
    fn mark_restrictions(&mut self) {
        let policies = &self.policies;
        let mark = |restrictions: &mut Vec<Restriction>| {
            for restriction in restrictions {
                if let Restriction::Policy { id, known } = restriction {
                    *known = policies.contains(id);
                }
            }
        };
        for encounter in &mut self.encounters {
            mark(&mut encounter.restrictions);
        }
        for entry in &mut self.entries {
            mark(&mut entry.restrictions);
            if identifying::is_identifying(&entry.code) {
                entry.restrictions.push(Restriction::Identifying);
            }
        }
    }

    /// Names of people, organisations, encounters and entries that are not in the message are taken out.
    fn check_links(&mut self) {
        let staff: HashSet<String> = self.staff.iter().map(|s| s.id.clone()).collect();
        let organisations: HashSet<String> =
            self.organisations.iter().map(|o| o.id.clone()).collect();
        let encounters: HashSet<String> = self.encounters.iter().map(|e| e.id.clone()).collect();
        let ids: HashSet<String> = self.entries.iter().map(|e| e.id.clone()).collect();
        let losses = &mut self.losses;
        let mut check = |link: &mut Option<String>, known: bool, spot: &Spot, name: &str| {
            if link.is_some() && !known {
                *link = None;
                losses.add(spot, name, "dangling-link");
            }
        };
        let has = |set: &HashSet<String>, link: &Option<String>| {
            link.as_deref().is_some_and(|id| set.contains(id))
        };
        for encounter in &mut self.encounters {
            let spot = Spot::new("encounter", Some(&encounter.id));
            let known = has(&staff, &encounter.clinician);
            check(&mut encounter.clinician, known, &spot, "clinician");
            let known = has(&organisations, &encounter.organisation);
            check(&mut encounter.organisation, known, &spot, "organisation");
        }
        for entry in &mut self.entries {
            let spot = Spot::new(entry.path.clone(), Some(&entry.id));
            let known = has(&staff, &entry.clinician);
            check(&mut entry.clinician, known, &spot, "clinician");
            let known = has(&staff, &entry.recorder);
            check(&mut entry.recorder, known, &spot, "recorder");
            let known = has(&organisations, &entry.organisation);
            check(&mut entry.organisation, known, &spot, "organisation");
            let known = has(&encounters, &entry.encounter);
            check(&mut entry.encounter, known, &spot, "encounter");
            let known = entry.parent.as_ref().is_some_and(|id| ids.contains(id));
            check(&mut entry.parent, known, &spot, "parent");
            match &mut entry.body {
                Body::Issue(issue) => {
                    let known = issue.course.as_ref().is_some_and(|id| ids.contains(id));
                    check(&mut issue.course, known, &spot, "medication");
                }
                Body::Referral(referral) => {
                    let known = has(&organisations, &referral.to);
                    check(&mut referral.to, known, &spot, "targetOrganisation");
                    let known = has(&staff, &referral.to_person);
                    check(&mut referral.to_person, known, &spot, "targetUserInRole");
                    let known = has(&organisations, &referral.from);
                    check(&mut referral.from, known, &spot, "sourceOrganisation");
                }
                _ => {}
            }
        }
        let spot = Spot::new("patient", None);
        let patient = &mut self.patient;
        let known = has(&staff, &patient.usual_gp);
        check(&mut patient.usual_gp, known, &spot, "usualGP");
        let known = has(&staff, &patient.registered_gp);
        check(&mut patient.registered_gp, known, &spot, "registeredGP");
        let known = has(&organisations, &patient.organisation);
        check(&mut patient.organisation, known, &spot, "organisation");
    }
}

/// The next id of this base that is not used. `numbers` remembers where to go on: very many of one base cost no more each.
fn number(base: String, numbers: &mut HashMap<String, u32>, used: &HashSet<String>) -> String {
    let last = numbers.entry(base.clone()).or_insert(1);
    loop {
        *last += 1;
        let id = format!("{base}-{last}");
        if !used.contains(&id) {
            return id;
        }
    }
}

/// Neither a code nor a term, and no value.
fn says_nothing(entry: &Entry) -> bool {
    let hollow = match &entry.body {
        Body::Observation(o) => {
            o.value.is_none() && entry.qualifiers.is_empty() && o.ranges.is_empty()
        }
        Body::TestRequest | Body::FamilyHistory | Body::Diary => true,
        _ => false,
    };
    hollow && entry.code.is_empty()
}

/// Adds what is not there yet.
fn restrict(restrictions: &mut Vec<Restriction>, more: &[Restriction]) {
    for restriction in more {
        if !restrictions.contains(restriction) {
            restrictions.push(restriction.clone());
        }
    }
}

/// The same statement, sent twice?
fn same(a: &Entry, b: &Entry) -> bool {
    a.code == b.code
        && a.date == b.date
        && a.recorded == b.recorded
        && format!("{:?}", a.body) == format!("{:?}", b.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_are_spelled_one_way() {
        let id = "{E93841BE-BD3D-469E-A2B3-03F6EEA7CD9A}";
        assert_eq!(native(id), "e93841be-bd3d-469e-a2b3-03f6eea7cd9a");
        assert_eq!(native(" A-1 "), "A-1");
        assert!(is_null("{00000000-0000-0000-0000-000000000000}"));
        assert!(is_null(""));
        assert!(!is_null("-1"));
    }
}
