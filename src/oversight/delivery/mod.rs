//! Carries notices out of the house: a signed webhook POST, and a message in the folder of the operator's mailer.
//!
//! Each at least once, again and again with growing pauses, for three days; then it is given up, and the oversight group is
//! told. For each recipient and channel in the order in which they were stored, but one that fails holds up no later one: its
//! pauses are its own. Invariant: a message holds what its notice holds and no more: ids, codes and plain words.

mod mail;
mod routes;
mod webhook;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

pub use mail::MailOutbox;
pub use routes::{Route, RouteError, Routes, RoutesHandle, WebhookRoute};

use crate::clock::SharedClock;
use crate::store::StoreError;
use crate::store::notices::{Channel, Due, Notice, NoticeKind, NoticeStore, Recipient, Settled};

/// Between two looks at the store. What is stored by another replica is seen as soon as by this one.
const LOOK: Duration = Duration::from_secs(1);
/// How long one attempt may take before another replica may try: more than any deadline of it.
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// The pause after a first failure; doubled by each further one.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);
/// No pause is longer: a receiver that comes back is told within this.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(15);
/// Attempts, and no more: about three days, so that a receiver that is down over a weekend is told all of it.
pub const ATTEMPTS: u32 = 300;

/// Delivers notices.
pub struct Courier {
    store: Arc<dyn NoticeStore>,
    routes: RoutesHandle,
    clock: SharedClock,
    webhooks: webhook::Webhooks,
}

impl Courier {
    /// A courier; `clock` says when a retry is due.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(
        store: Arc<dyn NoticeStore>,
        routes: RoutesHandle,
        clock: SharedClock,
    ) -> Result<Self, RouteError> {
        Ok(Self {
            store,
            routes,
            clock,
            webhooks: webhook::Webhooks::new()?,
        })
    }

    /// Delivers for as long as it is polled.
    pub async fn run(self) {
        let courier = Arc::new(self);
        loop {
            match Self::round(&courier).await {
                Ok(0) => {}
                // There may be more behind what was delivered.
                Ok(_) => continue,
                Err(error) => tracing::warn!(%error, "notices cannot be read"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Tries whatever is due once, each recipient by itself; gives how many were finished.
    ///
    /// # Errors
    /// The store failed.
    pub async fn round(courier: &Arc<Self>) -> Result<usize, StoreError> {
        let due = courier.store.due_deliveries(courier.clock.now())?;
        let mut tries = JoinSet::new();
        for due in due {
            let courier = Arc::clone(courier);
            tries.spawn(async move { courier.attempt(&due).await });
        }
        let mut finished = 0;
        while let Some(tried) = tries.join_next().await {
            match tried {
                Ok(outcome) => finished += usize::from(outcome?),
                Err(error) => tracing::error!(%error, "a delivery broke off"),
            }
        }
        Ok(finished)
    }

    async fn attempt(&self, due: &Due) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let until = now.checked_add(LEASE).unwrap_or(now);
        if !self.store.claim_delivery(due, until).await? {
            return Ok(false);
        }
        let routes = self.routes.current();
        let outcome = match due.channel {
            Channel::Webhook => match routes.webhook(&due.notice.to) {
                Some(route) => Some(self.webhooks.post(route, &due.notice).await),
                None => None,
            },
            Channel::Mail => routes
                .mail(&due.notice.to)
                .map(|(outbox, to)| outbox.put(to, &due.notice)),
        };
        let settled = match outcome {
            None => Settled::NoAddress,
            Some(Ok(())) => Settled::Delivered,
            Some(Err(why)) => {
                tracing::warn!(
                    notice = %due.notice.id,
                    recipient = due.notice.to.as_str(),
                    channel = due.channel.code(),
                    attempts = due.attempts + 1,
                    why,
                    "a notice could not be delivered"
                );
                if due.attempts + 1 >= ATTEMPTS {
                    tracing::error!(
                        event = "notice-given-up",
                        notice = %due.notice.id,
                        recipient = due.notice.to.as_str(),
                        channel = due.channel.code(),
                        "a notice is given up"
                    );
                    Settled::GivenUp(why, of_giving_up(due, now).map(Box::new))
                } else {
                    let next = now.checked_add(pause(due.attempts)).unwrap_or(now);
                    Settled::Again(why, next)
                }
            }
        };
        let finished = !matches!(settled, Settled::Again(..));
        self.store
            .settle_delivery(due, settled, self.clock.now())
            .await?;
        Ok(finished)
    }
}

/// What the group is told; of its own notices it would not hear that way either.
fn of_giving_up(due: &Due, now: Timestamp) -> Option<Notice> {
    let Recipient::Organisation(ods) = &due.notice.to else {
        return None;
    };
    Some(Notice {
        body: serde_json::json!({
            "kind": due.notice.kind.code(), "channel": due.channel.code(), "attempts": due.attempts + 1,
        }),
        ..Notice::new(
            crate::clock::new_id().to_string(),
            Recipient::Group,
            NoticeKind::Undelivered,
            vec![
                format!("notice/{}", due.notice.id),
                format!("organisation/{ods}"),
            ],
            now,
        )
    })
}

/// The pause after `before` failed attempts and one more.
fn pause(before: u32) -> SignedDuration {
    let factor = 2_i32.checked_pow(before.min(30)).unwrap_or(i32::MAX);
    FIRST_PAUSE
        .checked_mul(factor)
        .unwrap_or(LONGEST_PAUSE)
        .min(LONGEST_PAUSE)
}
