//! Where the mock services take people from.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

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

/// A population that is all there from the start. A person's story may change while the services run.
#[derive(Debug, Default)]
pub struct People {
    order: Vec<String>,
    by_number: RwLock<HashMap<String, Arc<Person>>>,
}

impl People {
    /// Takes these people, in this order; the last of two with one number wins.
    #[must_use]
    pub fn new(people: Vec<Person>) -> Self {
        let mut order = Vec::with_capacity(people.len());
        let mut by_number = HashMap::with_capacity(people.len());
        for person in people {
            let number = person.nhs_number.clone();
            if by_number.insert(number.clone(), Arc::new(person)).is_none() {
                order.push(number);
            }
        }
        Self {
            order,
            by_number: RwLock::new(by_number),
        }
    }

    /// Everyone, in order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Person>> {
        self.order
            .iter()
            .filter_map(|number| self.by_nhs_number(number))
            .collect()
    }

    /// Changes somebody's story, the sharing state for example: the next answer tells the new one (R062). Somebody who
    /// is not there is left out.
    pub fn change(&self, nhs_number: &str, change: impl FnOnce(&mut Person)) {
        let mut people = self
            .by_number
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(person) = people.get_mut(nhs_number) {
            change(Arc::make_mut(person));
        }
    }
}

impl Population for People {
    fn by_nhs_number(&self, nhs_number: &str) -> Option<Arc<Person>> {
        let people = self
            .by_number
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        people.get(nhs_number).cloned()
    }

    fn worklist(&self, viewer: &str) -> Vec<WorklistEntry> {
        if !VIEWERS.contains(&viewer) {
            return Vec::new();
        }
        self.all()
            .iter()
            .filter(|person| person.registered_for_treatment)
            .map(|person| WorklistEntry::from(person.as_ref()))
            .collect()
    }

    fn is_registered(&self, viewer: &str, nhs_number: &str) -> bool {
        VIEWERS.contains(&viewer)
            && self
                .by_nhs_number(nhs_number)
                .is_some_and(|person| person.registered_for_treatment)
    }
}
