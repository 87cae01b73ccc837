//! Signed tree heads (R126): the gateway says under its signature how long the trail was and what its root was, every hour and
//! whenever somebody asks. Whoever keeps one can later have it proven that nothing before was changed.
//!
//! Invariant: nothing is signed that contradicts what was signed before. A trail that is shorter than a signed head, or has
//! another root at its size, gets no signature but an alarm.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::audit::consistency::Consistency;
use crate::audit::reader::AuditReader;
use crate::audit::signed::{self, SignedHead};
use crate::audit::verify::TreeHead;
use crate::clock::SharedClock;
use crate::smart::signing::{SigningError, SigningKey};
use crate::store::StoreError;
use crate::store::heads::{HeadKey, HeadStore, Kept};

/// Between two signatures, where nobody asks.
pub const EVERY: SignedDuration = SignedDuration::from_hours(1);
/// Between two looks at the clock.
const LOOK: std::time::Duration = std::time::Duration::from_secs(30);

/// Why no head is signed.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// There is no row yet.
    #[error("the trail has no row yet")]
    Empty,
    /// The trail contradicts a head that was signed before.
    #[error(
        "the audit trail is not the one whose tree head of {0} rows was signed; nothing more is signed. `openmig audit verify` names the row"
    )]
    TwoHistories(u64),
    /// A key of the same name and with another public half signed before.
    #[error(
        "the key that signs tree heads has the name (kid) of another key that signed before; give it a name of its own"
    )]
    SameName,
    /// There are not so many rows, or none is asked for.
    #[error("the trail has no such heads: sizes are 1 to its number of rows, the older one first")]
    NoSuchSize,
    /// The library failed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The service.
pub struct TrailHeads {
    store: Arc<dyn HeadStore>,
    trail: Arc<dyn AuditReader>,
    key: SigningKey,
    issuer: String,
    clock: SharedClock,
}

impl TrailHeads {
    /// On this store, with the key that signs.
    #[must_use]
    pub fn new(
        store: Arc<dyn HeadStore>,
        trail: Arc<dyn AuditReader>,
        key: SigningKey,
        issuer: String,
        clock: SharedClock,
    ) -> Self {
        Self {
            store,
            trail,
            key,
            issuer,
            clock,
        }
    }

    /// Signs the trail's head as it is now, and keeps it.
    ///
    /// # Errors
    /// See [`HeadError`].
    pub async fn sign(&self) -> Result<SignedHead, HeadError> {
        let head = self.trail.head()?.ok_or(HeadError::Empty)?;
        self.sign_this(&head).await
    }

    /// Signs a head of the trail that an export was made under.
    ///
    /// # Errors
    /// See [`HeadError`]; also where the trail has no such head.
    pub async fn sign_this(&self, head: &TreeHead) -> Result<SignedHead, HeadError> {
        if self.store.root_at(head.size)? != Some(head.root) {
            return Err(HeadError::TwoHistories(head.size));
        }
        if let Some(before) = self.newest()?
            && self.store.root_at(before.size)? != Some(before.root)
        {
            tracing::error!(
                event = "audit-two-histories",
                rows = before.size,
                "the audit trail contradicts a tree head that was signed before"
            );
            return Err(HeadError::TwoHistories(before.size));
        }
        let signed = SignedHead::sign(&self.key, &self.issuer, head, self.clock.now())?;
        let jwk = self.key.public_jwk().clone();
        match self.store.keep_head(signed.clone(), jwk).await? {
            Kept::Kept => Ok(signed),
            Kept::OtherKey => Err(HeadError::SameName),
        }
    }

    /// The newest signed head, of whatever age.
    ///
    /// # Errors
    /// The store failed.
    pub fn newest(&self) -> Result<Option<SignedHead>, StoreError> {
        Ok(self.store.signed_heads(1)?.pop())
    }

    /// The newest signed head; signs one where there is none.
    ///
    /// # Errors
    /// See [`HeadError`].
    pub async fn newest_or_sign(&self) -> Result<SignedHead, HeadError> {
        match self.newest()? {
            Some(head) => Ok(head),
            None => self.sign().await,
        }
    }

    /// Signed heads, the newest first.
    ///
    /// # Errors
    /// The store failed.
    pub fn list(&self, limit: usize) -> Result<Vec<SignedHead>, StoreError> {
        self.store.signed_heads(limit)
    }

    /// Every key that ever signed a head here.
    ///
    /// # Errors
    /// The store failed.
    pub fn keys(&self) -> Result<Vec<HeadKey>, StoreError> {
        self.store.head_keys()
    }

    /// That the trail begins with what it was at `first` rows: up to `second` rows, or up to a head signed now.
    ///
    /// # Errors
    /// See [`HeadError`].
    pub async fn consistency(
        &self,
        first: u64,
        second: Option<u64>,
    ) -> Result<Consistency, HeadError> {
        let signed = match second {
            Some(size) => self
                .store
                .signed_heads(usize::MAX)?
                .into_iter()
                .find(|head| head.size == size),
            None => Some(self.sign().await?),
        };
        let second = second
            .or_else(|| signed.as_ref().map(|head| head.size))
            .unwrap_or_default();
        if first == 0 || first > second {
            return Err(HeadError::NoSuchSize);
        }
        let mut proof = self
            .store
            .consistency(first, second)?
            .ok_or(HeadError::NoSuchSize)?;
        proof.signed_head = signed.map(|head| head.jws);
        Ok(proof)
    }

    /// A JWS of this type over these claims, with issuer and time, by the key that signs heads.
    ///
    /// # Errors
    /// The library failed.
    pub fn vouch(&self, typ: &str, mut claims: Value) -> Result<String, SigningError> {
        claims["iss"] = self.issuer.as_str().into();
        claims["iat"] = self.clock.now().as_second().into();
        signed::vouch(&self.key, typ, &claims)
    }

    /// Signs if the newest signature is an hour old, or from a clock that was ahead; gives whether it did.
    ///
    /// # Errors
    /// See [`HeadError`].
    pub async fn sign_if_due(&self) -> Result<bool, HeadError> {
        let now = self.clock.now();
        match self.newest()? {
            Some(head) if !is_due(head.signed_at, now) => Ok(false),
            _ => match self.sign().await {
                Ok(_) => Ok(true),
                Err(HeadError::Empty) => Ok(false),
                Err(error) => Err(error),
            },
        }
    }

    /// Signs every hour, for as long as it is polled.
    pub async fn watch(&self) {
        loop {
            if let Err(error) = self.sign_if_due().await {
                tracing::error!(%error, "the head of the audit trail could not be signed");
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn is_due(signed_at: Timestamp, now: Timestamp) -> bool {
    // Signatures tell whole seconds.
    let since = now.duration_since(signed_at);
    since >= EVERY || since < SignedDuration::from_secs(-1)
}

#[cfg(test)]
#[path = "heads_tests.rs"]
mod tests;
