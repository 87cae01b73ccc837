//! Where the mock services take people from.

use std::collections::HashMap;
use std::sync::Arc;

use crate::sandbox::story::Person;

/// Organisations whose EHR the mock plays (`sandbox.md`, organisations).
const VIEWERS: [&str; 3] = ["Z9H01", "Z9O01", "Z9S01"];

/// One line of a viewer's worklist.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WorklistEntry {
    /// NHS number, ten digits.
    pub nhs_number: String,
    /// Given names and surname.
    pub name: String,
    /// `YYYY-MM-DD`.
    pub birth_date: String,
}

impl From<&Person> for WorklistEntry {
    fn from(person: &Person) -> Self {
        Self {
            nhs_number: person.nhs_number.clone(),
            name: format!("{} {}", person.given.join(" "), person.family),
            birth_date: person.birth_date.to_string(),
        }
    }
}

/// The people that all mock services tell of. People may be made when they are asked for.
pub trait Population: Send + Sync {
    /// The person with this NHS number, where there is one.
    fn by_nhs_number(&self, nhs_number: &str) -> Option<Arc<Person>>;

    /// Everyone who is registered for treatment at the organisation `viewer` (ODS code); nobody where it has no EHR.
    fn worklist(&self, viewer: &str) -> Vec<WorklistEntry>;

    /// Is this person registered for treatment at `viewer`? To be overridden where a look-up is cheaper than the list.
    fn is_registered(&self, viewer: &str, nhs_number: &str) -> bool {
        self.worklist(viewer)
            .iter()
            .any(|entry| entry.nhs_number == nhs_number)
    }
}

/// A population that is all there from the start.
#[derive(Debug, Default)]
pub struct People {
    order: Vec<Arc<Person>>,
    by_number: HashMap<String, Arc<Person>>,
}

impl People {
    /// Takes these people, in this order; the first of two with one number wins.
    #[must_use]
    pub fn new(people: Vec<Person>) -> Self {
        let mut all = Self::default();
        for person in people {
            let person = Arc::new(person);
            if all.by_number.contains_key(&person.nhs_number) {
                continue;
            }
            all.by_number
                .insert(person.nhs_number.clone(), Arc::clone(&person));
            all.order.push(person);
        }
        all
    }

    /// Everyone, in order.
    #[must_use]
    pub fn all(&self) -> &[Arc<Person>] {
        &self.order
    }
}

impl Population for People {
    fn by_nhs_number(&self, nhs_number: &str) -> Option<Arc<Person>> {
        self.by_number.get(nhs_number).cloned()
    }

    fn worklist(&self, viewer: &str) -> Vec<WorklistEntry> {
        if !VIEWERS.contains(&viewer) {
            return Vec::new();
        }
        self.order
            .iter()
            .filter(|person| person.registered_for_treatment)
            .map(|person| WorklistEntry::from(person.as_ref()))
            .collect()
    }

    fn is_registered(&self, viewer: &str, nhs_number: &str) -> bool {
        VIEWERS.contains(&viewer)
            && self
                .by_number
                .get(nhs_number)
                .is_some_and(|person| person.registered_for_treatment)
    }
}
