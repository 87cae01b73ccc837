//! What all mock services share: people, clock, faults, counters.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::faults::{Faults, UnknownFault};
use super::people::Population;
use crate::clock::SharedClock;
use crate::sandbox::story::Person;

/// One mock service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// EMIS-style SOAP.
    Emis,
    /// SystmOne-style over HTTP.
    Systmone,
    /// SystmOne-style over TCP.
    SystmoneTcp,
    /// Trace service.
    Trace,
    /// EHR of the viewing organisations: worklists.
    Ehr,
}

impl Source {
    /// All, in the order of their counters.
    pub const ALL: [Self; 5] = [
        Self::Emis,
        Self::Systmone,
        Self::SystmoneTcp,
        Self::Trace,
        Self::Ehr,
    ];

    /// The name in `POST /sandbox/faults`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emis => "emis",
            Self::Systmone => "systmone",
            Self::SystmoneTcp => "systmone-tcp",
            Self::Trace => "trace",
            Self::Ehr => "ehr",
        }
    }
}

impl FromStr for Source {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        Self::ALL
            .into_iter()
            .find(|source| source.name() == name)
            .ok_or(UnknownFault::Source)
    }
}

/// How many of a worklist are looked through for somebody else: more than there are in the contract.
const SOME: usize = 64;

/// Shared by all mock services of one sandbox.
pub struct MockState {
    population: Arc<dyn Population>,
    clock: SharedClock,
    faults: Faults,
    asked: [AtomicU64; Source::ALL.len()],
    gateway: String,
    /// Patients (NHS number) with clinicians (username) who have no part in their treatment; all others have.
    strangers: Mutex<HashSet<(String, String)>>,
}

impl MockState {
    /// Starts with no faults and all counters at nought. `clock` dates the answers.
    #[must_use]
    pub fn new(population: Arc<dyn Population>, clock: SharedClock) -> Self {
        Self {
            population,
            clock,
            faults: Faults::default(),
            asked: std::array::from_fn(|_| AtomicU64::new(0)),
            gateway: String::new(),
            strangers: Mutex::default(),
        }
    }

    /// The gateway that the mock EHR launches apps at (`http://127.0.0.1:8080`).
    #[must_use]
    pub fn with_gateway(mut self, gateway: String) -> Self {
        self.gateway = gateway;
        self
    }

    /// The gateway's address; empty where there is none.
    #[must_use]
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// The faults to come (`POST /sandbox/faults`).
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Says whether this clinician has a part in the treatment of this patient (`POST /sandbox/episode`).
    pub fn link(&self, nhs_number: &str, username: &str, linked: bool) {
        let pair = (nhs_number.to_owned(), username.to_owned());
        let mut strangers = self
            .strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if linked {
            strangers.remove(&pair);
        } else {
            strangers.insert(pair);
        }
    }

    /// Has this clinician a part in it? All have, of whom nothing else was said.
    pub(super) fn is_linked(&self, nhs_number: &str, username: &str) -> bool {
        let pair = (nhs_number.to_owned(), username.to_owned());
        let strangers = self
            .strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        !strangers.contains(&pair)
    }

    /// How many requests this service has had since the start, well-formed or not.
    #[must_use]
    pub fn look_ups(&self, source: Source) -> u64 {
        self.counter(source)
            .map_or(0, |counter| counter.load(Ordering::SeqCst))
    }

    /// The people.
    #[must_use]
    pub fn population(&self) -> &dyn Population {
        self.population.as_ref()
    }

    /// Counts one request.
    pub(super) fn count(&self, source: Source) {
        if let Some(counter) = self.counter(source) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The person, where the practice `ods` is one of `served` and holds the record.
    pub(super) fn held_at(
        &self,
        nhs_number: &str,
        ods: &str,
        served: &[&str],
    ) -> Option<Arc<Person>> {
        self.population
            .by_nhs_number(nhs_number)
            .filter(|person| person.practice == ods && served.contains(&ods))
    }

    /// Somebody else whose record one of `served` holds, for the fault `wrong-patient`.
    pub(super) fn somebody_else(&self, nhs_number: &str, served: &[&str]) -> Option<Arc<Person>> {
        use crate::sandbox::story::Behaviour;
        ["Z9H01", "Z9O01"]
            .into_iter()
            .flat_map(|viewer| self.population.worklist(viewer, 0, SOME))
            .filter(|entry| entry.nhs_number != nhs_number)
            .filter_map(|entry| self.population.by_nhs_number(&entry.nhs_number))
            .find(|person| {
                person.behaviour == Behaviour::Answers && served.contains(&person.practice)
            })
    }

    /// The local time of a GP system now: London, without offset.
    pub(super) fn local_now(&self) -> DateTime {
        let zone = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
        zone.to_datetime(self.clock.now())
    }

    fn counter(&self, source: Source) -> Option<&AtomicU64> {
        let place = Source::ALL.into_iter().position(|one| one == source)?;
        self.asked.get(place)
    }
}
