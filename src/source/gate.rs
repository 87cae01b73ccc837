//! The gate in front of each source: so many questions at once, and a rest after repeated failures.
//!
//! Every transport goes through it. Two rules keep one patient from closing a practice for the others: answers that are
//! late count once for each patient, however often somebody asks again; and any answer in time wipes the count.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;

use crate::clock::SharedClock;
use crate::record::NhsNumber;
use crate::source::{SourceError, SourceLimits};

/// So many failures in a row, and the source rests.
const FAILURES_BEFORE_REST: usize = 5;
/// So long it rests.
const REST: SignedDuration = SignedDuration::from_secs(5);

/// Whom a question is about, for counting only: a keyed hash, with a key that lives as long as the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct About(u64);

/// The gates of all sources, by address.
pub struct Gates {
    clock: SharedClock,
    gates: Mutex<HashMap<String, Arc<Gate>>>,
    key: RandomState,
}

/// What one source may be asked just now.
struct Gate {
    places: Semaphore,
    health: Mutex<Health>,
}

/// What went wrong since the last answer.
#[derive(Default)]
struct Health {
    /// Connections that did not stand or broke, and answers of a server that is not there.
    broken: usize,
    /// Patients whose answer was late.
    late: HashSet<About>,
    rests_until: Option<Timestamp>,
}

/// How a question fared, as far as the source's health goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fared {
    /// It answered: a refusal, a fault and a record too large are answers.
    Answered,
    /// It was not there, or broke off.
    Broken,
    /// It was there, and no answer came in time.
    Late,
}

impl Gates {
    /// No gates yet.
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            gates: Mutex::new(HashMap::new()),
            key: RandomState::new(),
        }
    }

    /// Whom a question is about.
    #[must_use]
    pub fn about(&self, patient: &NhsNumber) -> About {
        About(self.key.hash_one(patient))
    }

    /// Asks a source: waits at most `wait` for a place, then for the answer within the deadline of `limits`.
    ///
    /// A question that is given up by its caller leaves its place and counts for nothing.
    ///
    /// # Errors
    /// [`SourceError::Resting`] where there is no place or the source rests, [`SourceError::Timeout`], or the question's own.
    pub async fn pass<T>(
        &self,
        source: &str,
        about: Option<About>,
        limits: &SourceLimits,
        wait: Duration,
        question: impl Future<Output = Result<T, SourceError>>,
        fared: impl FnOnce(&Result<T, SourceError>) -> Fared,
    ) -> Result<T, SourceError> {
        let gate = self.gate(source, limits.max_concurrent);
        // Those who would only wait for a source that rests are sent away at once.
        gate.rests(self.clock.now())?;
        let Ok(Ok(_place)) = tokio::time::timeout(wait, gate.places.acquire()).await else {
            return Err(SourceError::Resting);
        };
        gate.enter(self.clock.now())?;
        let result = tokio::time::timeout(limits.deadline, question)
            .await
            .unwrap_or(Err(SourceError::Timeout(limits.deadline)));
        gate.leave(fared(&result), about, self.clock.now());
        result
    }

    /// Every source that was asked so far, by its address, and whether it rests now.
    #[must_use]
    pub fn resting(&self) -> Vec<(String, bool)> {
        let now = self.clock.now();
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<(String, bool)> = gates
            .iter()
            .map(|(source, gate)| (source.clone(), gate.rests(now).is_err()))
            .collect();
        all.sort();
        all
    }

    fn gate(&self, source: &str, places: usize) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates.entry(source.to_owned()).or_insert_with(|| {
            Arc::new(Gate {
                places: Semaphore::new(places.max(1)),
                health: Mutex::new(Health::default()),
            })
        });
        Arc::clone(gate)
    }
}

impl Gate {
    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rests(&self, now: Timestamp) -> Result<(), SourceError> {
        match self.health().rests_until {
            Some(until) if now < until => Err(SourceError::Resting),
            _ => Ok(()),
        }
    }

    /// Lets a question through, or not. After a rest one goes ahead; the others wait for how it fares.
    fn enter(&self, now: Timestamp) -> Result<(), SourceError> {
        let mut health = self.health();
        if let Some(until) = health.rests_until {
            if now < until {
                return Err(SourceError::Resting);
            }
            health.rests_until = now.checked_add(REST).ok();
        }
        Ok(())
    }

    fn leave(&self, fared: Fared, about: Option<About>, now: Timestamp) {
        let mut health = self.health();
        match (fared, about) {
            (Fared::Answered, _) => *health = Health::default(),
            (Fared::Late, Some(about)) => {
                // Kept small: beyond the limit it rests anyway.
                if health.late.len() < FAILURES_BEFORE_REST {
                    health.late.insert(about);
                }
            }
            (Fared::Late, None) | (Fared::Broken, _) => {
                health.broken = health.broken.saturating_add(1);
            }
        }
        if health.broken.saturating_add(health.late.len()) >= FAILURES_BEFORE_REST {
            health.rests_until = now.checked_add(REST).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ShiftedClock;

    fn gates() -> (Arc<ShiftedClock>, Gates) {
        let clock = Arc::new(ShiftedClock::default());
        (clock.clone(), Gates::new(clock))
    }

    fn limits() -> SourceLimits {
        SourceLimits {
            deadline: Duration::from_millis(20),
            max_bytes: 1000,
            max_concurrent: 2,
        }
    }

    fn patient(gates: &Gates, number: &str) -> Option<About> {
        Some(gates.about(&NhsNumber::parse(number).unwrap()))
    }

    fn fared(result: &Result<(), SourceError>) -> Fared {
        match result {
            Ok(()) => Fared::Answered,
            Err(SourceError::Timeout(_)) => Fared::Late,
            Err(_) => Fared::Broken,
        }
    }

    async fn late(gates: &Gates, about: Option<About>) -> Result<(), SourceError> {
        let never = std::future::pending();
        gates
            .pass("s", about, &limits(), Duration::ZERO, never, fared)
            .await
    }

    async fn answered(gates: &Gates) -> Result<(), SourceError> {
        let at_once = async { Ok(()) };
        gates
            .pass("s", None, &limits(), Duration::ZERO, at_once, fared)
            .await
    }

    async fn broken(gates: &Gates) -> Result<(), SourceError> {
        let at_once = async { Err(SourceError::Unreachable("no".to_owned())) };
        gates
            .pass("s", None, &limits(), Duration::ZERO, at_once, fared)
            .await
    }

    const FIVE: [&str; 5] = [
        "9990000018",
        "9990000387",
        "9990001499",
        "9990001863",
        "9990005567",
    ];

    // design.md 3: one slow patient, however often asked for, does not close the practice for others
    #[tokio::test]
    async fn one_patient_whose_record_is_late_counts_once() {
        let (_, gates) = gates();
        for _ in 0..20 {
            let result = late(&gates, patient(&gates, FIVE[0])).await;
            assert!(matches!(result, Err(SourceError::Timeout(_))));
        }
        answered(&gates).await.unwrap();
    }

    // … but a source that is late for everybody is given a rest, and asked again by one after it
    #[tokio::test]
    async fn a_source_that_is_late_for_five_patients_rests() {
        let (clock, gates) = gates();
        for number in FIVE {
            let _ = late(&gates, patient(&gates, number)).await;
        }
        assert!(matches!(answered(&gates).await, Err(SourceError::Resting)));
        clock.advance(6);
        let result = late(&gates, patient(&gates, FIVE[0])).await;
        assert!(matches!(result, Err(SourceError::Timeout(_))));
        assert!(matches!(answered(&gates).await, Err(SourceError::Resting)));
        clock.advance(6);
        answered(&gates).await.unwrap();
        answered(&gates).await.unwrap();
    }

    #[tokio::test]
    async fn an_answer_wipes_the_count() {
        let (_, gates) = gates();
        for _ in 0..3 {
            for _ in 0..4 {
                assert!(matches!(
                    broken(&gates).await,
                    Err(SourceError::Unreachable(_))
                ));
            }
            answered(&gates).await.unwrap();
        }
    }

    #[tokio::test]
    async fn sources_do_not_share_a_gate_and_a_place_comes_free() {
        let (_, gates) = gates();
        for _ in 0..5 {
            let _ = broken(&gates).await;
        }
        gates
            .pass(
                "t",
                None,
                &limits(),
                Duration::ZERO,
                async { Ok(()) },
                fared,
            )
            .await
            .unwrap();
        // Two places: a third question waits for one, and gets it.
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok(())
        };
        let wait = Duration::from_secs(5);
        let limits = SourceLimits {
            deadline: Duration::from_secs(5),
            ..limits()
        };
        let one = || gates.pass("u", None, &limits, wait, slow(), fared);
        let (a, b, c) = tokio::join!(one(), one(), one());
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
    }

    // A caller who goes away leaves the place behind
    #[tokio::test]
    async fn a_question_given_up_leaves_its_place() {
        let (_, gates) = gates();
        let limits = SourceLimits {
            deadline: Duration::from_secs(60),
            max_concurrent: 1,
            ..limits()
        };
        let asked = gates.pass(
            "v",
            None,
            &limits,
            Duration::ZERO,
            std::future::pending(),
            fared,
        );
        let given_up = tokio::time::timeout(Duration::from_millis(10), asked).await;
        assert!(given_up.is_err());
        let next = gates.pass("v", None, &limits, Duration::ZERO, async { Ok(()) }, fared);
        next.await.unwrap();
    }
}
