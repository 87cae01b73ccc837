//! Who signed in, as an OIDC id token (T12); [`super::ring`] signs it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::launch_scope::holds;
use crate::fhir::{IdKey, PatientId};
use crate::record::NhsNumber;
use crate::register::User;
use crate::store::authorization::GrantRow;

/// An id token is for the moment of signing in.
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);

/// Names users towards apps.
#[derive(Debug, Clone)]
pub struct UserNames {
    issuer: String,
    ids: IdKey,
}

impl UserNames {
    /// For this issuer.
    #[must_use]
    pub fn new(issuer: &str, ids: IdKey) -> Self {
        Self {
            issuer: issuer.to_owned(),
            ids,
        }
    }

    /// The id of the user's Practitioner, which is also `sub`: stable, and it says nothing.
    #[must_use]
    pub fn id(&self, username: &str) -> String {
        self.ids.user(username)
    }

    /// The FHIR id of a patient.
    #[must_use]
    pub fn patient(&self, number: &NhsNumber) -> PatientId {
        self.ids.patient(number)
    }

    /// `fhirUser`: the Practitioner's address.
    #[must_use]
    pub fn fhir_user(&self, username: &str) -> String {
        format!("{}/Practitioner/{}", self.issuer, self.id(username))
    }

    /// The claims of an id token.
    #[must_use]
    pub fn claims(&self, grant: &GrantRow, user: &User, now: Timestamp) -> Value {
        let mut claims = json!({
            "iss": self.issuer,
            "sub": self.id(&user.username),
            "aud": grant.client,
            "iat": now.as_second(),
            "exp": now.as_second() + LIFETIME.as_secs(),
            "auth_time": grant.signed_in_at.as_second(),
        });
        if let Some(nonce) = &grant.nonce {
            claims["nonce"] = nonce.as_str().into();
        }
        let profile = holds(&grant.scopes, "profile");
        if profile || holds(&grant.scopes, "fhirUser") {
            claims["fhirUser"] = self.fhir_user(&user.username).into();
        }
        if profile {
            claims["name"] = user.name.as_str().into();
            claims["preferred_username"] = user.username.as_str().into();
        }
        claims
    }
}
