//! Where the mock services take people from.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::civil::Date;

use crate::sandbox::population;
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

    /// Those who are registered for treatment at the organisation `viewer` (ODS code), in order: at most `limit` of
    /// them after the first `offset`; nobody where it has no EHR.
    fn worklist(&self, viewer: &str, offset: usize, limit: usize) -> Vec<WorklistEntry>;

    /// Is this person registered for treatment at `viewer`? Never the list: it may be very long.
    fn is_registered(&self, viewer: &str, nhs_number: &str) -> bool;

    /// Does another patient of `viewer` have this person's name? Only people who are there already are asked: ordinary ones
    /// are not made for it.
    fn has_namesake(&self, viewer: &str, nhs_number: &str) -> bool;
}

/// Ordinary people, each made when asked for: the `n` first of the series `seed`, their stories anchored to `today`.
#[derive(Debug, Clone, Copy)]
pub struct Ordinary {
    /// How many.
    pub n: u64,
    /// Of which series.
    pub seed: u64,
    /// Day that their stories are anchored to.
    pub today: Date,
}

impl Ordinary {
    /// Whose number this is.
    fn index_of(&self, nhs_number: &str) -> Option<u64> {
        population::index_of(nhs_number).filter(|index| *index < self.n)
    }

    fn person(&self, index: u64) -> Person {
        population::person(index, self.seed, self.today)
    }
}

/// The people of a sandbox: those of the contract, there from the start, and ordinary ones, made when asked for and not
/// kept. A person's story may change while the services run.
#[derive(Debug, Default)]
pub struct People {
    order: Vec<String>,
    by_number: RwLock<HashMap<String, Arc<Person>>>,
    ordinary: Option<Ordinary>,
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
            ordinary: None,
        }
    }

    /// And these ordinary people behind them.
    #[must_use]
    pub fn with_ordinary(mut self, ordinary: Ordinary) -> Self {
        self.ordinary = Some(ordinary).filter(|ordinary| ordinary.n > 0);
        self
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len() + usize::try_from(self.ordinary_count()).unwrap_or(usize::MAX)
    }

    /// Is there nobody?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many ordinary people there are.
    #[must_use]
    pub fn ordinary_count(&self) -> u64 {
        self.ordinary.map_or(0, |ordinary| ordinary.n)
    }

    /// At most `limit` people after the first `offset`: those of the contract first, then the ordinary ones, in order.
    pub fn page(&self, offset: usize, limit: usize) -> impl Iterator<Item = Arc<Person>> + '_ {
        (offset..self.len())
            .take(limit)
            .filter_map(|place| self.at(place))
    }

    /// Changes somebody's story, the sharing state for example: the next answer tells the new one (R062). Somebody who
    /// is not there is left out.
    pub fn change(&self, nhs_number: &str, change: impl FnOnce(&mut Person)) {
        let Some(mut person) = self.by_nhs_number(nhs_number) else {
            return;
        };
        change(Arc::make_mut(&mut person));
        self.by_number
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(nhs_number.to_owned(), person);
    }

    fn at(&self, place: usize) -> Option<Arc<Person>> {
        if let Some(number) = self.order.get(place) {
            return self.by_nhs_number(number);
        }
        let index = u64::try_from(place - self.order.len()).ok()?;
        let ordinary = self.ordinary.filter(|ordinary| index < ordinary.n)?;
        self.by_nhs_number(&population::nhs_number(index))
            .or_else(|| Some(Arc::new(ordinary.person(index))))
    }

    /// Somebody who was there from the start, or whose story has changed.
    fn kept(&self, nhs_number: &str) -> Option<Arc<Person>> {
        self.by_number
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(nhs_number)
            .cloned()
    }
}

impl Population for People {
    fn by_nhs_number(&self, nhs_number: &str) -> Option<Arc<Person>> {
        self.kept(nhs_number).or_else(|| {
            let ordinary = self.ordinary?;
            let index = ordinary.index_of(nhs_number)?;
            Some(Arc::new(ordinary.person(index)))
        })
    }

    fn worklist(&self, viewer: &str, offset: usize, limit: usize) -> Vec<WorklistEntry> {
        if !VIEWERS.contains(&viewer) {
            return Vec::new();
        }
        // Few are on no list, all of them among those of the contract: nobody is made only to be passed over.
        let listed: Vec<usize> = (0..self.order.len())
            .filter(|place| {
                self.at(*place)
                    .is_some_and(|person| person.registered_for_treatment)
            })
            .collect();
        listed
            .into_iter()
            .chain(self.order.len()..self.len())
            .skip(offset)
            .take(limit)
            .filter_map(|place| self.at(place))
            .filter(|person| person.registered_for_treatment)
            .map(|person| WorklistEntry::from(person.as_ref()))
            .collect()
    }

    fn has_namesake(&self, viewer: &str, nhs_number: &str) -> bool {
        let name = |person: &Person| WorklistEntry::from(person).name.to_lowercase();
        let own = self.kept(nhs_number).map(|person| name(&person));
        let kept = self
            .by_number
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        VIEWERS.contains(&viewer)
            && kept.values().any(|person| {
                person.nhs_number != nhs_number
                    && person.registered_for_treatment
                    && own.as_ref() == Some(&name(person))
            })
    }

    fn is_registered(&self, viewer: &str, nhs_number: &str) -> bool {
        VIEWERS.contains(&viewer)
            && match self.kept(nhs_number) {
                Some(person) => person.registered_for_treatment,
                // Ordinary people are on every worklist: nobody need be made to know that.
                None => self
                    .ordinary
                    .is_some_and(|ordinary| ordinary.index_of(nhs_number).is_some()),
            }
    }
}
