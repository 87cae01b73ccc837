//! The story's facts as the writers need them: by key, by contact, by what contains them.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::DateTime;

use crate::sandbox::story::{Contact, Fact, Kind, Person, When};

/// Look-ups into one person's story.
pub struct Index<'p> {
    /// The person.
    pub person: &'p Person,
    by_key: HashMap<u32, &'p Fact>,
    contacts: HashMap<u32, &'p Contact>,
    within: HashMap<u32, Vec<&'p Fact>>,
    in_contact: HashMap<u32, Vec<&'p Fact>>,
    for_problem: HashMap<u32, Vec<&'p Fact>>,
    issues: HashMap<u32, Vec<&'p Fact>>,
    together: BTreeMap<u32, Vec<&'p Fact>>,
}

impl<'p> Index<'p> {
    /// Builds the look-ups.
    pub fn new(person: &'p Person) -> Self {
        let mut index = Self {
            person,
            by_key: HashMap::with_capacity(person.facts.len()),
            contacts: person.contacts.iter().map(|c| (c.key, c)).collect(),
            within: HashMap::new(),
            in_contact: HashMap::new(),
            for_problem: HashMap::new(),
            issues: HashMap::new(),
            together: BTreeMap::new(),
        };
        for fact in &person.facts {
            index.by_key.insert(fact.key, fact);
            if let Some(outer) = fact.within {
                index.within.entry(outer).or_default().push(fact);
            }
            if let Some(contact) = fact.contact {
                index.in_contact.entry(contact).or_default().push(fact);
            }
            for problem in &fact.for_problems {
                index.for_problem.entry(*problem).or_default().push(fact);
            }
            match &fact.kind {
                Kind::Issue { course } => index.issues.entry(*course).or_default().push(fact),
                Kind::Measurement {
                    together: Some(key),
                    ..
                } => index.together.entry(*key).or_default().push(fact),
                _ => {}
            }
        }
        index
    }

    /// The fact with this key.
    pub fn fact(&self, key: u32) -> Option<&'p Fact> {
        self.by_key.get(&key).copied()
    }

    /// The contact of this fact.
    pub fn contact_of(&self, fact: &Fact) -> Option<&'p Contact> {
        fact.contact
            .and_then(|key| self.contacts.get(&key).copied())
    }

    /// The contact with this key.
    pub fn contact(&self, key: u32) -> Option<&'p Contact> {
        self.contacts.get(&key).copied()
    }

    /// The report around this fact, or around what is around it; the fact itself where nothing is.
    pub fn outermost<'f>(&self, fact: &'f Fact) -> &'f Fact
    where
        'p: 'f,
    {
        let mut outer = fact;
        // Stories nest report, battery, result; the bound keeps one that contains itself from running for ever.
        for _ in 0..8 {
            match outer.within.and_then(|key| self.fact(key)) {
                Some(next) => outer = next,
                None => break,
            }
        }
        outer
    }

    /// Facts of this contact, and what is within them, in the order of the story.
    pub fn standing_in(&self, contact: u32) -> Vec<&'p Fact> {
        let mut facts = Vec::new();
        for fact in self.in_contact(contact) {
            if self.outermost(fact).key == fact.key {
                facts.push(*fact);
                facts.extend_from_slice(self.within(fact.key));
            }
        }
        facts
    }

    /// Facts that say they are within this one.
    pub fn within(&self, key: u32) -> &[&'p Fact] {
        self.within.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Facts recorded in this contact.
    pub fn in_contact(&self, key: u32) -> &[&'p Fact] {
        self.in_contact.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Facts linked to this problem.
    pub fn for_problem(&self, key: u32) -> &[&'p Fact] {
        self.for_problem.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Issues of this course, oldest first.
    pub fn issues(&self, course: u32) -> &[&'p Fact] {
        self.issues.get(&course).map_or(&[], Vec::as_slice)
    }

    /// The blood pressure that this measurement is part of: readings taken together, all in mmHg, at least two.
    pub fn blood_pressure(&self, fact: &Fact) -> Option<(u32, &[&'p Fact])> {
        let Kind::Measurement {
            together: Some(key),
            ..
        } = &fact.kind
        else {
            return None;
        };
        let readings = self.together.get(key)?;
        let all = readings.len() > 1
            && readings.iter().all(|one| {
                matches!(&one.kind, Kind::Measurement { unit, .. } if unit.replace(' ', "") == "mmHg")
            });
        all.then_some((*key, readings.as_slice()))
    }
}

/// A moment padded from what is known, for fields that take full moments only; `None` where nothing is known.
pub fn padded(when: When) -> Option<DateTime> {
    match when {
        When::At(at) => Some(at),
        When::Day(day) => Some(day.at(0, 0, 0, 0)),
        When::Month(year, month) => DateTime::new(year, month, 1, 0, 0, 0, 0).ok(),
        When::Year(year) => DateTime::new(year, 1, 1, 0, 0, 0, 0).ok(),
        When::Unknown => None,
    }
}

/// `YYYY-MM-DDTHH:MM:SS`.
pub fn moment(at: DateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}
