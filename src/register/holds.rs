//! The register in force, replaced as a whole, and what has been taken away at run time.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use jiff::Timestamp;

use super::Register;
use crate::record::OdsCode;
use crate::store::StoreError;
use crate::store::holds::{Held, HoldRow, HoldStore};

/// What was taken away at run time (R154 to R156). Nothing here can give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    /// Organisations that may neither look nor be looked at.
    pub organisations: BTreeSet<OdsCode>,
    /// Users that may no longer look (R108).
    pub users: BTreeSet<String>,
    /// OAuth clients that get no token.
    pub clients: BTreeSet<String>,
    /// (practice, viewer): this practice shows nothing to this viewer (R155).
    pub pairs: BTreeSet<(OdsCode, OdsCode)>,
    /// Practices that show nothing to anybody, and still see their own trail (R005).
    pub practices_off: BTreeSet<OdsCode>,
    /// Nobody looks at anything (R157).
    pub everything: bool,
}

impl Holds {
    /// What these rows hold at `now`.
    #[must_use]
    pub fn of(rows: &[HoldRow], now: Timestamp) -> Self {
        let mut holds = Self::default();
        let standing = rows
            .iter()
            .filter(|row| row.lift.is_none() && row.starts_at <= now);
        for row in standing {
            match &row.held {
                Held::Organisation(ods) | Held::Withdrawal(ods) => {
                    holds.organisations.insert(ods.clone());
                }
                Held::Practice(ods) => {
                    holds.practices_off.insert(ods.clone());
                }
                Held::Pair { practice, viewer } => {
                    holds.pairs.insert((practice.clone(), viewer.clone()));
                }
                Held::User(username) => {
                    holds.users.insert(username.clone());
                }
                Held::Client(id) => {
                    holds.clients.insert(id.clone());
                }
                Held::Everything | Held::ProgrammeEnd => holds.everything = true,
            }
        }
        holds
    }

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
#[derive(Clone, Default)]
pub struct RegisterHandle {
    register: Arc<RwLock<Arc<Register>>>,
    remembered: Arc<RwLock<Remembered>>,
    store: Arc<OnceLock<Arc<dyn HoldStore>>>,
    fault: Arc<RwLock<Option<String>>>,
}

impl std::fmt::Debug for RegisterHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegisterHandle")
            .field("hash", &self.current().hash)
            .finish_non_exhaustive()
    }
}

/// The holds as the store had them at a generation.
#[derive(Default)]
struct Remembered {
    generation: u64,
    /// The rows of the store, of which some may begin later.
    rows: Vec<HoldRow>,
    /// What was in force when they were last looked at.
    holds: Arc<Holds>,
    /// Something of it begins then.
    next: Option<Timestamp>,
    /// Read from the store at least once.
    read: bool,
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
        Arc::clone(&self.register.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another register in force, as a whole.
    pub fn replace(&self, register: Register) {
        *self
            .register
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(register);
    }

    /// Why the register in its folder is not the one in force; `None` = it is.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.fault
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Says why the register in its folder was not taken up.
    pub fn set_fault(&self, fault: Option<String>) {
        *self.fault.write().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Takes holds from this store from now on. Only the first call counts.
    pub fn take_holds_from(&self, store: Arc<dyn HoldStore>) {
        let _already = self.store.set(store);
    }

    /// The holds in force now. Asks the store for its generation, and for the holds only where that has changed: so a hold is
    /// there at the next request of every replica.
    ///
    /// # Errors
    /// The store does not answer: nothing that a hold may forbid can go on.
    pub fn holds(&self, now: Timestamp) -> Result<Arc<Holds>, StoreError> {
        match self.store.get() {
            Some(store) => self.holds_of(store.hold_generation()?, now),
            None => Ok(Arc::clone(&self.remembered().holds)),
        }
    }

    /// The holds in force now, where the generation has just been read together with something else.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn holds_of(&self, generation: u64, now: Timestamp) -> Result<Arc<Holds>, StoreError> {
        let stale = {
            let remembered = self.remembered();
            let begins = remembered.next.is_some_and(|next| next <= now);
            if remembered.read && remembered.generation == generation && !begins {
                return Ok(Arc::clone(&remembered.holds));
            }
            !remembered.read || remembered.generation != generation
        };
        let fresh = match self.store.get() {
            Some(store) if stale => Some(store.standing_holds()?),
            _ => None,
        };
        let mut remembered = self
            .remembered
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // Another request may have read a later generation meanwhile.
        if let Some((generation, rows)) = fresh
            && (!remembered.read || remembered.generation <= generation)
        {
            remembered.generation = generation;
            remembered.rows = rows;
            remembered.read = true;
        }
        remembered.holds = Arc::new(Holds::of(&remembered.rows, now));
        remembered.next = remembered
            .rows
            .iter()
            .map(|row| row.starts_at)
            .filter(|starts| *starts > now)
            .min();
        Ok(Arc::clone(&remembered.holds))
    }

    /// Puts holds in force that are in no store, until the store's change.
    pub fn replace_holds(&self, holds: Holds) {
        self.remembered
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .holds = Arc::new(holds);
    }

    // A poisoned lock only means that a writer panicked: each value is replaced as a whole.
    fn remembered(&self) -> std::sync::RwLockReadGuard<'_, Remembered> {
        self.remembered
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
