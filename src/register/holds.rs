//! The register in force, replaced as a whole, and what has been taken away at run time.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use super::Register;
use crate::record::OdsCode;

/// What was taken away at run time (R154 to R156). Nothing here can give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    /// Organisations that may neither look nor be looked at.
    pub organisations: BTreeSet<OdsCode>,
    /// Users that may no longer look (R108).
    pub users: BTreeSet<String>,
    /// (practice, viewer): this practice shows nothing to this viewer (R155).
    pub pairs: BTreeSet<(OdsCode, OdsCode)>,
    /// Practices that show nothing to anybody, and still see their own trail (R005).
    pub practices_off: BTreeSet<OdsCode>,
    /// Nobody looks at anything (R157).
    pub everything: bool,
}

impl Holds {
    /// This organisation takes no part just now.
    #[must_use]
    pub fn stops(&self, ods: &OdsCode) -> bool {
        self.everything || self.organisations.contains(ods)
    }

    /// This practice shows nothing to this viewer just now.
    #[must_use]
    pub fn closes(&self, practice: &OdsCode, viewer: &OdsCode) -> bool {
        self.stops(practice)
            || self.practices_off.contains(practice)
            || self.pairs.contains(&(practice.clone(), viewer.clone()))
    }

    /// Something of this is held.
    #[must_use]
    pub fn touches(&self, viewer: &OdsCode, user: &str, practice: Option<&OdsCode>) -> bool {
        self.stops(viewer)
            || self.users.contains(user)
            || practice.is_some_and(|practice| self.closes(practice, viewer))
    }
}

/// The register in force. A clone sees every replacement; what was taken with [`RegisterHandle::current`] stays as it was.
#[derive(Debug, Clone, Default)]
pub struct RegisterHandle {
    register: Arc<RwLock<Arc<Register>>>,
    holds: Arc<RwLock<Arc<Holds>>>,
}

impl RegisterHandle {
    /// Puts a register in force.
    #[must_use]
    pub fn new(register: Register) -> Self {
        let handle = Self::default();
        handle.replace(register);
        handle
    }

    /// The register in force now: take it once and use it for a whole decision.
    #[must_use]
    pub fn current(&self) -> Arc<Register> {
        get(&self.register)
    }

    /// Puts another register in force, as a whole.
    pub fn replace(&self, register: Register) {
        set(&self.register, register);
    }

    /// The holds in force now.
    #[must_use]
    pub fn holds(&self) -> Arc<Holds> {
        get(&self.holds)
    }

    /// Puts other holds in force, as a whole.
    pub fn replace_holds(&self, holds: Holds) {
        set(&self.holds, holds);
    }
}

// A poisoned lock only means that a writer panicked: it swaps one pointer, so the value is whole either way.
fn get<T>(slot: &RwLock<Arc<T>>) -> Arc<T> {
    Arc::clone(&slot.read().unwrap_or_else(PoisonError::into_inner))
}

fn set<T>(slot: &RwLock<Arc<T>>, value: T) {
    *slot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
}
