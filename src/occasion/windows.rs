//! How long an occasion lasts.

use jiff::{SignedDuration, Timestamp};

/// How long an occasion lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// From opening to the end.
    pub window: SignedDuration,
    /// No setting makes it longer than this.
    pub hard_limit: SignedDuration,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            window: SignedDuration::from_mins(30),
            hard_limit: SignedDuration::from_hours(8),
        }
    }
}

impl Windows {
    /// When something that begins `now` ends.
    pub(super) fn end(self, now: Timestamp) -> Timestamp {
        let length = self.window.min(self.hard_limit).max(SignedDuration::ZERO);
        // Past the end of time there is no window at all.
        now.checked_add(length).unwrap_or(now)
    }
}
