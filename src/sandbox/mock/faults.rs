//! Faults on demand (`POST /sandbox/faults`): the next so many requests to a service misbehave.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use super::state::Source;

/// How a service misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Answers rightly, after three seconds.
    Slow,
    /// Holds the connection until well beyond any deadline.
    Stall,
    /// Closes the connection without an answer.
    Drop,
    /// Closes the connection in the middle of the answer.
    Truncate,
    /// Answers with bytes that are no message.
    Garbage,
    /// Answers with HTTP status 500; over TCP with an error reply.
    Http500,
    /// Answers with somebody else's record. Worklist answers name no patient, so there it changes nothing.
    WrongPatient,
    /// Answers with more bytes than any cap allows.
    Oversize,
}

impl FaultKind {
    /// All.
    pub const ALL: [Self; 8] = [
        Self::Slow,
        Self::Stall,
        Self::Drop,
        Self::Truncate,
        Self::Garbage,
        Self::Http500,
        Self::WrongPatient,
        Self::Oversize,
    ];

    /// The name in `POST /sandbox/faults`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Stall => "stall",
            Self::Drop => "drop",
            Self::Truncate => "truncate",
            Self::Garbage => "garbage",
            Self::Http500 => "http500",
            Self::WrongPatient => "wrong-patient",
            Self::Oversize => "oversize",
        }
    }
}

impl FromStr for FaultKind {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or(UnknownFault::Kind)
    }
}

/// A name that is no fault or no service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnknownFault {
    /// No such service.
    #[error("no such source: emis, systmone, systmone-tcp, trace and ehr are known")]
    Source,
    /// No such kind.
    #[error(
        "no such kind of fault: slow, stall, drop, truncate, garbage, http500, wrong-patient and oversize are known"
    )]
    Kind,
}

/// The faults to come, by service.
#[derive(Debug, Default)]
pub struct Faults(Mutex<HashMap<Source, (FaultKind, u32)>>);

impl Faults {
    /// The next `count` requests to `source` misbehave so; this replaces what was set before, nought ends it.
    pub fn set(&self, source: Source, kind: FaultKind, count: u32) {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if count == 0 {
            faults.remove(&source);
        } else {
            faults.insert(source, (kind, count));
        }
    }

    /// The same by the names of the contract.
    ///
    /// # Errors
    /// A name is not known; nothing is set.
    pub fn set_named(&self, source: &str, kind: &str, count: u32) -> Result<(), UnknownFault> {
        self.set(source.parse()?, kind.parse()?, count);
        Ok(())
    }

    /// The fault of this request, one fewer being left after it.
    pub(super) fn take(&self, source: Source) -> Option<FaultKind> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (kind, left) = faults.get_mut(&source)?;
        let kind = *kind;
        *left -= 1;
        if *left == 0 {
            faults.remove(&source);
        }
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_lasts_as_many_requests_as_it_was_set_for() {
        let faults = Faults::default();
        faults.set_named("emis", "drop", 2).unwrap();
        assert_eq!(faults.take(Source::Trace), None);
        assert_eq!(faults.take(Source::Emis), Some(FaultKind::Drop));
        assert_eq!(faults.take(Source::Emis), Some(FaultKind::Drop));
        assert_eq!(faults.take(Source::Emis), None);
        faults.set(Source::Emis, FaultKind::Slow, 9);
        faults.set(Source::Emis, FaultKind::Slow, 0);
        assert_eq!(faults.take(Source::Emis), None);
    }

    #[test]
    fn every_name_of_the_contract_is_known_and_no_other() {
        let faults = Faults::default();
        for source in ["emis", "systmone", "systmone-tcp", "trace", "ehr"] {
            for kind in [
                "slow",
                "stall",
                "drop",
                "truncate",
                "garbage",
                "http500",
                "wrong-patient",
                "oversize",
            ] {
                assert_eq!(faults.set_named(source, kind, 1), Ok(()));
            }
        }
        assert_eq!(
            faults.set_named("vision", "drop", 1),
            Err(UnknownFault::Source)
        );
        assert_eq!(
            faults.set_named("emis", "explode", 1),
            Err(UnknownFault::Kind)
        );
    }
}
