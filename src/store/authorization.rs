//! What SMART app launch keeps: journeys through the authorize pages, launch handles, grants with codes and refresh
//! tokens, failed sign-ins. Secrets come here as hashes only.

use jiff::{SignedDuration, Timestamp};

use super::{StoreError, Stored, TokenRow};
use crate::fhir::PatientId;
use crate::record::OdsCode;

/// SHA-256 of a secret.
pub type Hash = [u8; 32];

/// A patient with the NHS number sealed (AES-256-GCM), bound to the id of the row that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedPatient {
    /// FHIR id.
    pub patient: PatientId,
    /// The sealed number.
    pub sealed_nhs: Vec<u8>,
}

/// One passage through the authorize pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JourneyRow {
    /// Its id, which stands in the address of its pages.
    pub id: String,
    /// Hash of the browser's cookie; `None` until a browser has opened it.
    pub browser: Option<Hash>,
    /// What the app asked, as JSON.
    pub asked: String,
    /// Who signed in.
    pub username: Option<String>,
    /// When.
    pub signed_in_at: Option<Timestamp>,
    /// For which organisation.
    pub viewer: Option<OdsCode>,
    /// Whose record.
    pub patient: Option<SealedPatient>,
    /// Over from then on.
    pub expires_at: Timestamp,
}

/// What an EHR registered for one launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchRow {
    /// Hash of the handle.
    pub hash: Hash,
    /// The app that it is for.
    pub client: String,
    /// The clinician that it is for.
    pub username: String,
    /// Whose record.
    pub patient: SealedPatient,
    /// Launch context, as JSON.
    pub context: String,
    /// Worthless from then on.
    pub expires_at: Timestamp,
}

/// What a clinician approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// Its id: the family of all its tokens.
    pub id: String,
    /// Hash of the authorization code.
    pub code_hash: Hash,
    /// The code is worthless from then on.
    pub code_expires_at: Timestamp,
    /// The app.
    pub client: String,
    /// Where the code was sent, character for character.
    pub redirect_uri: String,
    /// S256 challenge.
    pub challenge: String,
    /// OIDC nonce.
    pub nonce: Option<String>,
    /// The clinician.
    pub username: String,
    /// The organisation that looks.
    pub viewer: OdsCode,
    /// The occasion; `None` where only who signed in was asked.
    pub occasion: Option<String>,
    /// The patient, with the occasion.
    pub patient: Option<PatientId>,
    /// Granted scopes, space separated.
    pub scopes: String,
    /// Scopes as the app first asked for them.
    pub asked: String,
    /// Refresh tokens are given.
    pub refreshable: bool,
    /// Launch context, as JSON.
    pub context: String,
    /// When the clinician signed in.
    pub signed_in_at: Timestamp,
    /// No token of the family outlives this.
    pub ends_at: Timestamp,
}

/// What the store says of a code or refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundGrant {
    /// The grant.
    pub grant: GrantRow,
    /// The code was exchanged, or the refresh token rotated.
    pub used: bool,
    /// The family is dead.
    pub revoked: bool,
}

/// What came of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The new pair is kept.
    Done,
    /// The same pair as before: the access token as it was kept then.
    Repeated(Box<TokenRow>),
    /// Asked again inside the grace, but for other scopes: nothing has changed.
    OtherScopes,
    /// Used again after the grace, or after the new pair was used: the family is dead now.
    Reused,
    /// No such living refresh token.
    Dead,
}

/// Journeys, launch handles, grants.
pub trait AuthorizationStore: Send + Sync {
    /// Keeps a new journey.
    fn insert_journey(&self, row: JourneyRow) -> Stored<'_, ()>;
    /// A journey that is not over.
    ///
    /// # Errors
    /// The store failed.
    fn find_journey(&self, id: &str, now: Timestamp) -> Result<Option<JourneyRow>, StoreError>;
    /// Puts a journey in place of itself, where it still belongs to `browser` and nobody is at work on it.
    fn save_journey(&self, row: JourneyRow, browser: Option<Hash>) -> Stored<'_, bool>;
    /// Takes a journey for one approval; `false` where another has it or it belongs to another browser.
    fn claim_journey<'a>(&'a self, id: &'a str, browser: Hash) -> Stored<'a, bool>;
    /// Gives a claimed journey back.
    fn release_journey<'a>(&'a self, id: &'a str) -> Stored<'a, ()>;
    /// Ends a journey.
    fn end_journey<'a>(&'a self, id: &'a str) -> Stored<'a, ()>;

    /// Keeps a launch handle.
    fn insert_launch(&self, row: LaunchRow) -> Stored<'_, ()>;
    /// A handle that is neither used nor over.
    ///
    /// # Errors
    /// The store failed.
    fn find_launch(&self, hash: &Hash, now: Timestamp) -> Result<Option<LaunchRow>, StoreError>;

    /// Keeps a grant with its code, and uses up the launch handle it came from; `false`, and nothing is kept, where the
    /// handle was used meanwhile.
    fn insert_grant(&self, row: GrantRow, launch: Option<Hash>, now: Timestamp)
    -> Stored<'_, bool>;
    /// The grant of a code, used or not, expired or not.
    ///
    /// # Errors
    /// The store failed.
    fn find_code(&self, hash: &Hash) -> Result<Option<FoundGrant>, StoreError>;
    /// Exchanges a code for its first tokens: `true` for exactly one of all who try.
    fn redeem_code(
        &self,
        code: Hash,
        now: Timestamp,
        token: TokenRow,
        refresh: Option<Hash>,
    ) -> Stored<'_, bool>;
    /// The grant of a refresh token, rotated or not.
    ///
    /// # Errors
    /// The store failed.
    fn find_refresh(&self, hash: &Hash) -> Result<Option<FoundGrant>, StoreError>;
    /// Rotates a refresh token: keeps the pair, or says what became of the one it was given before.
    fn rotate(
        &self,
        old: Hash,
        now: Timestamp,
        grace: SignedDuration,
        token: TokenRow,
        refresh: Hash,
    ) -> Stored<'_, Rotation>;
    /// The grant of an access token, where it has one.
    ///
    /// # Errors
    /// The store failed.
    fn find_grant_of(&self, token: &Hash) -> Result<Option<GrantRow>, StoreError>;
    /// Notes that an access token was used, which ends the grace of the refresh that gave it.
    fn note_use<'a>(&'a self, token: &'a Hash, now: Timestamp) -> Stored<'a, ()>;
    /// Kills a family: its code, its access tokens, its refresh tokens.
    fn revoke_grant<'a>(&'a self, id: &'a str, at: Timestamp) -> Stored<'a, ()>;

    /// Counts a sign-in as failed before the password is looked at, so that many at once are many. `Some` holds the
    /// seconds to wait where there were too many; then it is not counted.
    fn begin_sign_in(&self, account: Hash, now: Timestamp) -> Stored<'_, Option<u64>>;
    /// The password was right: forgets the failures.
    fn sign_in_succeeded(&self, account: Hash) -> Stored<'_, ()>;
}

/// Failures in a row that cost nothing.
pub const FREE_FAILURES: u32 = 5;

/// How long an account rests after so many failures in a row: 30 s, doubled each time, at most 15 minutes.
#[must_use]
pub fn rest_after(failures: u32) -> SignedDuration {
    let over = failures.saturating_sub(FREE_FAILURES);
    if failures < FREE_FAILURES {
        SignedDuration::ZERO
    } else {
        SignedDuration::from_secs((30_i64 << over.min(6)).min(900))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // smart.md 7, brute force: the rest grows, and nobody is locked out for good
    #[test]
    fn the_rest_grows_to_a_quarter_of_an_hour() {
        let rests: Vec<i64> = (3..14).map(|n| rest_after(n).as_secs()).collect();
        assert_eq!(rests, [0, 0, 30, 60, 120, 240, 480, 900, 900, 900, 900]);
        assert_eq!(rest_after(u32::MAX).as_secs(), 900);
    }
}
