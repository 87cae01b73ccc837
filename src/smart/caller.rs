//! Who calls the FHIR API: a bearer token in the header, found by its hash (RFC 6750; R108, R112).

use jiff::Timestamp;

use super::launch_scope::holds;
use super::scope::ScopeSet;
use super::token::{token_hash, token_id};
use crate::fhir::PatientId;
use crate::record::OdsCode;
use crate::store::{StoreError, TokenRow, TokenStore};

/// An authenticated caller. What it may see still needs its occasion to be open and no hold to lie on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// OAuth client.
    pub client: String,
    /// Organisation on whose behalf.
    pub organisation: OdsCode,
    /// Clinician (username); `None` for a practice's audit client.
    pub clinician: Option<String>,
    /// `asserted` or `authenticated`.
    pub assurance: Option<String>,
    /// Occasion; `None` for a practice's audit client.
    pub occasion: Option<String>,
    /// The one patient.
    pub patient: Option<PatientId>,
    /// Practice whose audit trail it reads.
    pub audit_of: Option<OdsCode>,
    /// What it may read and search.
    pub scopes: ScopeSet,
    /// It may read who signed in (`fhirUser`).
    pub knows_user: bool,
    /// SHA-256 of the token.
    pub token_hash: [u8; 32],
    /// Issued.
    pub issued_at: Timestamp,
    /// Dead from then on.
    pub expires_at: Timestamp,
}

impl Caller {
    /// What stands for the token in the audit trail.
    #[must_use]
    pub fn token_id(&self) -> String {
        token_id(&self.token_hash)
    }
}

impl From<TokenRow> for Caller {
    fn from(row: TokenRow) -> Self {
        Self {
            client: row.client,
            organisation: row.organisation,
            clinician: row.clinician,
            assurance: row.assurance,
            occasion: row.occasion,
            patient: row.patient,
            audit_of: row.audit_of,
            scopes: ScopeSet::parse_granted(&row.scopes),
            token_hash: row.hash,
            knows_user: ["fhirUser", "profile"]
                .iter()
                .any(|scope| holds(&row.scopes, scope)),
            issued_at: row.issued_at,
            expires_at: row.expires_at,
        }
    }
}

/// Why a caller is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Unauthorized {
    /// No token was sent: 401 with `Bearer` and nothing more.
    #[error("no access token was sent")]
    Missing,
    /// Not a bearer token, unknown, expired or revoked: 401 with `error="invalid_token"`. One answer for all of these.
    #[error("the access token is not valid")]
    Invalid,
    /// The store cannot say: 503.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Longest token that is looked up: those of an external issuer are JWTs.
const MAX_TOKEN: usize = super::provider::token::MAX_LENGTH;

/// The token of an `Authorization` header.
///
/// # Errors
/// No header, or not a bearer token (RFC 6750 section 2.1).
pub fn bearer(header: Option<&str>) -> Result<&str, Unauthorized> {
    let header = header.ok_or(Unauthorized::Missing)?;
    let (scheme, token) = header.split_once(' ').ok_or(Unauthorized::Invalid)?;
    let token = token.trim_start_matches(' ');
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if scheme.eq_ignore_ascii_case("Bearer")
        && !token.is_empty()
        && token.len() <= MAX_TOKEN
        && token.bytes().all(allowed)
    {
        Ok(token)
    } else {
        Err(Unauthorized::Invalid)
    }
}

/// Who sends this `Authorization` header?
///
/// # Errors
/// Nobody, or the store failed.
pub fn authenticate(
    header: Option<&str>,
    store: &dyn TokenStore,
    now: Timestamp,
) -> Result<Caller, Unauthorized> {
    let hash = token_hash(bearer(header)?);
    store
        .find_token(&hash, now)?
        .filter(|row| row.expires_at > now)
        .map(Caller::from)
        .ok_or(Unauthorized::Invalid)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::fhir::Kind;
    use crate::smart::fakes::{FakeStore, row};

    #[test]
    fn a_token_is_found_by_its_hash_until_it_expires() {
        let store = FakeStore::default();
        let now = Timestamp::UNIX_EPOCH;
        let later = |s| now.checked_add(SignedDuration::from_secs(s)).unwrap();
        let row = row("secret-token", "sandbox-backend", later(300));
        store.rows.lock().unwrap().insert(row.hash, row);
        let caller = authenticate(Some("bearer  secret-token"), &store, later(299)).unwrap();
        assert_eq!(caller.clinician.as_deref(), Some("hospital-doctor"));
        assert!(caller.scopes.allows_read(Kind::Patient));
        assert!(!format!("{caller:?}").contains("secret-token"));
        assert!(matches!(
            authenticate(None, &store, now),
            Err(Unauthorized::Missing)
        ));
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Basic secret-token",
            "Bearer secret-tokem",
            "Bearer secret-token x",
            "Bearer s\u{e9}cret",
            // BS-31: an unsigned NHS JWT is no bearer token
            "Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiIxIn0.",
        ] {
            assert!(
                matches!(
                    authenticate(Some(bad), &store, now),
                    Err(Unauthorized::Invalid)
                ),
                "{bad}"
            );
        }
        assert!(authenticate(Some("Bearer secret-token"), &store, later(300)).is_err());
        let broken = FakeStore {
            broken: true,
            ..FakeStore::default()
        };
        assert!(matches!(
            authenticate(Some("Bearer secret-token"), &broken, now),
            Err(Unauthorized::Store(_))
        ));
    }
}
