//! The only place that time and randomness come from.
//!
//! Every stage that needs them takes them from here, so that each expiry rule has a test with a fixed clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present moment (UTC).
    fn now(&self) -> Timestamp;
}

/// A clock that is shared between stages.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the machine"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that runs with the machine's, ahead by a settable number of seconds (`POST /sandbox/clock`).
#[derive(Debug, Default)]
pub struct ShiftedClock {
    ahead_seconds: AtomicI64,
}

impl ShiftedClock {
    /// Moves this clock by `seconds`, forward where positive.
    pub fn advance(&self, seconds: i64) {
        self.ahead_seconds.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now();
        let ahead = SignedDuration::from_secs(self.ahead_seconds.load(Ordering::SeqCst));
        now.checked_add(ahead).unwrap_or(now)
    }
}

/// Notices a clock that is moved back: what has ended by it would be open again, what has lapsed would count again.
#[derive(Debug)]
pub struct LatestTime(AtomicI64);

impl LatestTime {
    /// Further than this no clock is put right in passing, and no two threads that ask it differ.
    const SLACK: SignedDuration = SignedDuration::from_secs(60);

    /// No time is known yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }

    /// Is `now` well before the latest time that this was asked with? So it stays until the clock has caught up.
    pub fn is_over(&self, now: Timestamp) -> bool {
        let micros = now.as_microsecond();
        let latest = self.0.fetch_max(micros, Ordering::SeqCst);
        latest > micros.saturating_add(Self::SLACK.as_micros().try_into().unwrap_or(i64::MAX))
    }
}

impl Default for LatestTime {
    fn default() -> Self {
        Self::new()
    }
}

/// A clock that stands where it is put, for tests and for replaying a past decision.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// `N` random bytes from the operating system's generator.
///
/// # Errors
/// The generator is not available; nothing that needs a secret may go on.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0_u8; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoEntropy)?;
    Ok(bytes)
}

/// A time-ordered unique id (UUID version 7) for rows and requests.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that makes ids"
)]
pub fn new_id() -> uuid::Uuid {
    uuid::Uuid::now_v7()
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("no random bytes are available")]
pub struct NoEntropy;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_moved_back_is_noticed_until_it_has_caught_up() {
        let at = |second: i64| Timestamp::from_second(1_000_000 + second).unwrap();
        let latest = LatestTime::default();
        for (second, over) in [
            (0, false),
            (100, false),
            (40, false),
            (39, true),
            (-5, true),
            (40, false),
            (101, false),
            (40, true),
        ] {
            assert_eq!(latest.is_over(at(second)), over, "{second}");
        }
    }
}
