//! What sign-ins at OpenID providers leave behind: states that wait for their answer, id tokens that were exchanged.

use jiff::Timestamp;

use super::authorization::Hash;
use super::{StoreError, Stored, TokenRow};

/// A browser that was sent to a provider and has not come back yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSignIn {
    /// Hash of `state`.
    pub state: Hash,
    /// The journey that it belongs to.
    pub journey: String,
    /// The provider.
    pub provider: String,
    /// Worthless from then on.
    pub expires_at: Timestamp,
}

/// Sign-ins under way, exchanged id tokens.
pub trait ProviderStore: Send + Sync {
    /// Keeps a new one.
    fn insert_provider_sign_in(&self, row: ProviderSignIn) -> Stored<'_, ()>;
    /// One that is neither answered nor over.
    ///
    /// # Errors
    /// The store failed.
    fn find_provider_sign_in(
        &self,
        state: &Hash,
        now: Timestamp,
    ) -> Result<Option<ProviderSignIn>, StoreError>;
    /// Uses it up: gives it to exactly one of all who ask, if it is this journey's and not over.
    fn take_provider_sign_in<'a>(
        &'a self,
        state: Hash,
        journey: &'a str,
        now: Timestamp,
    ) -> Stored<'a, Option<ProviderSignIn>>;
    /// Binds an id token to the client that presents it first, until then: `false` for every other client.
    fn bind_subject_token<'a>(
        &'a self,
        token: Hash,
        client: &'a str,
        until: Timestamp,
    ) -> Stored<'a, bool>;
    /// Was this access token of an external issuer ever bound to an occasion?
    ///
    /// # Errors
    /// The store failed.
    fn is_bound(&self, token: &Hash) -> Result<bool, StoreError>;
    /// Binds an access token of an external issuer to its one occasion: `false` where it was bound before.
    fn bind_token(&self, row: TokenRow) -> Stored<'_, bool>;
}
