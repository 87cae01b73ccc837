//! The exclusion list in force, replaced as a whole: a new list needs no new program (R042).

use std::sync::{Arc, PoisonError, RwLock};

use super::ExclusionList;

/// The list in force. A clone sees every replacement; what was taken with [`ExclusionsHandle::current`] stays as it was.
#[derive(Debug, Clone)]
pub struct ExclusionsHandle(Arc<RwLock<Arc<ExclusionList>>>);

impl ExclusionsHandle {
    /// Puts a list in force. There is always one (R049).
    #[must_use]
    pub fn new(list: ExclusionList) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(list))))
    }

    /// The list in force now: take it once and use it for a whole look-up.
    #[must_use]
    pub fn current(&self) -> Arc<ExclusionList> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another list in force, as a whole.
    pub fn replace(&self, list: ExclusionList) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
    }
}
