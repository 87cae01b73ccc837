//! Signed tree heads that were handed out, the public keys that verify them, and proofs between them (R126).

use jiff::Timestamp;
use serde_json::Value;

use super::{StoreError, Stored};
use crate::audit::consistency::Consistency;
use crate::audit::signed::SignedHead;

/// What came of keeping a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is kept.
    Kept,
    /// A key with this name and another public half signed before.
    OtherKey,
}

/// A public key that signed heads.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadKey {
    /// Public JWK.
    pub jwk: Value,
    /// When it first signed here.
    pub first_used: Timestamp,
}

/// Keeps signed heads.
pub trait HeadStore: Send + Sync {
    /// Keeps a signed head with the public half of its key.
    fn keep_head(&self, head: SignedHead, jwk: Value) -> Stored<'_, Kept>;
    /// The newest first.
    ///
    /// # Errors
    /// The store failed, or holds what is no signed head.
    fn signed_heads(&self, limit: usize) -> Result<Vec<SignedHead>, StoreError>;
    /// Every key that ever signed here, the oldest first.
    ///
    /// # Errors
    /// The store failed.
    fn head_keys(&self) -> Result<Vec<HeadKey>, StoreError>;
    /// The root that the store's own heads have for this size; `None` where no group of rows ended there.
    ///
    /// # Errors
    /// The store failed.
    fn root_at(&self, size: u64) -> Result<Option<[u8; 32]>, StoreError>;
    /// The proof that the trail's first `second` rows begin with its first `first` rows; `None` where there are not so many
    /// rows. Reads the whole trail.
    ///
    /// # Errors
    /// The store failed.
    fn consistency(&self, first: u64, second: u64) -> Result<Option<Consistency>, StoreError>;
}
