//! JWTs of trusted providers: who signed, for whom, when, how somebody signed in. One set of rules for id tokens and for
//! access tokens (OpenID Connect Core section 3.1.3.7, RFC 9068 section 4, RFC 8725).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use super::Provider;
use crate::smart::jwks::KeyError;

/// Why a token is refused; each text names what is wrong and repeats nothing that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three base64url parts with a JSON object in the first two.
    #[error("is not a signed JWT")]
    Malformed,
    /// A header member or claim is missing.
    #[error("has no {0}")]
    Missing(&'static str),
    /// It has another type than its definition says.
    #[error("has an unusable {0}")]
    Unusable(&'static str),
    /// `none`, HMAC, or anything that this provider does not sign with.
    #[error("is not signed with an algorithm of its issuer")]
    Algorithm,
    /// Another kind of token.
    #[error("is another kind of token")]
    Type,
    /// A header that brings its own key or asks for an extension.
    #[error("has a header with {0}")]
    Header(&'static str),
    /// Nobody who is trusted for this.
    #[error("is of no trusted issuer")]
    Issuer,
    /// The issuer's keys.
    #[error("cannot be verified: no key of its issuer fits")]
    Key,
    /// The issuer's keys cannot be had just now.
    #[error("cannot be verified: the issuer's keys cannot be fetched")]
    KeysUnavailable,
    /// The signature does not verify.
    #[error("has a signature that does not verify")]
    Signature,
    /// Meant for somebody else, or for somebody else too.
    #[error("is not for this audience alone")]
    Audience,
    /// `azp` is another party than its audience.
    #[error("was issued to another party")]
    Party,
    /// Over.
    #[error("has expired")]
    Expired,
    /// From the future.
    #[error("has an {0} in the future")]
    Future(&'static str),
    /// The sign-in that it tells of is too long ago.
    #[error("is of a sign-in too long ago")]
    TooOld,
    /// The way of signing in is not good enough.
    #[error("does not say that the sign-in was as strong as is required")]
    Level,
    /// A nonce of another sign-in.
    #[error("is of another sign-in")]
    Nonce,
}

/// Longest token, in bytes.
pub const MAX_LENGTH: usize = 16 * 1024;
/// Seconds that the provider's clock may run ahead of ours. One way only: what has expired has expired.
const SKEW: f64 = 30.0;
/// Longest `sub` (OpenID Connect Core section 2).
const MAX_SUBJECT: usize = 255;

/// The algorithms that a provider may be configured for.
pub const ALGORITHMS: [(&str, Algorithm); 5] = [
    ("RS256", Algorithm::RS256),
    ("ES256", Algorithm::ES256),
    ("RS384", Algorithm::RS384),
    ("ES384", Algorithm::ES384),
    ("RS512", Algorithm::RS512),
];

/// What kind of token is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `typ` is `JWT` or left out.
    IdToken,
    /// `typ` is `at+jwt` (RFC 9068).
    AccessToken,
}

/// A token that nobody has verified yet.
pub struct Unverified<'a> {
    message: &'a str,
    signature: &'a str,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl<'a> Unverified<'a> {
    /// Takes a JWT apart.
    ///
    /// # Errors
    /// It is none.
    pub fn read(jwt: &'a str) -> Result<Self, TokenError> {
        if jwt.len() > MAX_LENGTH {
            return Err(TokenError::Malformed);
        }
        let (message, signature) = jwt.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
        Ok(Self {
            message,
            signature,
            header: object(header)?,
            claims: object(payload)?,
        })
    }

    /// Who it claims to be from.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    /// What it claims.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The key that it claims to be signed with.
    ///
    /// # Errors
    /// It names none.
    pub fn kid(&self) -> Result<&str, TokenError> {
        text(&self.header, "kid")
    }

    /// Checks what needs no key: issuer, algorithm, header, kind.
    ///
    /// # Errors
    /// What is wrong.
    pub fn algorithm(
        &self,
        provider: &Provider,
        kind: Kind,
    ) -> Result<(&'static str, Algorithm), TokenError> {
        if self.issuer() != Some(provider.issuer.as_str()) {
            return Err(TokenError::Issuer);
        }
        let name = text(&self.header, "alg")?;
        let algorithm = provider
            .algorithms
            .iter()
            .find(|(known, _)| *known == name)
            .copied()
            .ok_or(TokenError::Algorithm)?;
        for forbidden in ["jwk", "x5u", "x5c", "jku", "crit"] {
            if self.header.contains_key(forbidden) {
                return Err(TokenError::Header(forbidden));
            }
        }
        let typ = match self.header.get("typ") {
            None => None,
            Some(_) => Some(text(&self.header, "typ")?.to_ascii_lowercase()),
        };
        let fits = match kind {
            Kind::IdToken => matches!(typ.as_deref(), None | Some("jwt")),
            Kind::AccessToken => {
                matches!(typ.as_deref(), Some("at+jwt" | "application/at+jwt"))
            }
        };
        // A logout token may have the same typ and audience as an id token.
        if !fits || self.claims.contains_key("events") {
            return Err(TokenError::Type);
        }
        if self.signature.is_empty() {
            return Err(TokenError::Signature);
        }
        Ok(algorithm)
    }

    /// Verifies signature, audience, times and the strength of the sign-in. `now` is the machine's clock.
    ///
    /// # Errors
    /// What is wrong.
    pub fn verify(
        self,
        provider: &Provider,
        kind: Kind,
        key: &DecodingKey,
        audience: &str,
        now: Timestamp,
    ) -> Result<Map<String, Value>, TokenError> {
        let (_, algorithm) = self.algorithm(provider, kind)?;
        let genuine =
            jsonwebtoken::crypto::verify(self.signature, self.message.as_bytes(), key, algorithm);
        if !matches!(genuine, Ok(true)) {
            return Err(TokenError::Signature);
        }
        let claims = self.claims;
        check(provider, kind, &claims, audience, now)?;
        Ok(claims)
    }
}

/// The rules about claims, whoever verified the signature.
///
/// # Errors
/// What is wrong.
pub fn check(
    provider: &Provider,
    kind: Kind,
    claims: &Map<String, Value>,
    audience: &str,
    now: Timestamp,
) -> Result<(), TokenError> {
    let alone = match claims.get("aud") {
        None => return Err(TokenError::Missing("aud")),
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(list)) => {
            matches!(list.as_slice(), [Value::String(one)] if one == audience)
        }
        Some(_) => false,
    };
    if !alone {
        return Err(TokenError::Audience);
    }
    let party = match kind {
        Kind::IdToken => audience,
        Kind::AccessToken => text(claims, "client_id")?,
    };
    if claims.contains_key("azp") && text(claims, "azp")? != party {
        return Err(TokenError::Party);
    }
    let subject = text(claims, "sub")?;
    if subject.is_empty() || subject.len() > MAX_SUBJECT {
        return Err(TokenError::Unusable("sub"));
    }
    // Sub-second precision does not matter here, and f64 holds any date exactly enough.
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 fit the 53 bits"
    )]
    let now = now.as_millisecond() as f64 / 1000.0;
    if seconds(claims, "exp")?.ok_or(TokenError::Missing("exp"))? <= now {
        return Err(TokenError::Expired);
    }
    for claim in ["iat", "nbf", "auth_time"] {
        if seconds(claims, claim)?.is_some_and(|at| at > now + SKEW) {
            return Err(TokenError::Future(claim));
        }
    }
    let issued = seconds(claims, "iat")?.ok_or(TokenError::Missing("iat"))?;
    let signed_in = seconds(claims, "auth_time")?.unwrap_or(issued);
    if now - signed_in > f64::from(provider.max_age_seconds) {
        return Err(TokenError::TooOld);
    }
    for (claim, accepted) in &provider.required {
        let said = claims.get(claim).and_then(|value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        });
        if !said.is_some_and(|said| accepted.contains(&said)) {
            return Err(TokenError::Level);
        }
    }
    Ok(())
}

impl From<KeyError> for TokenError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::NotFetched | KeyError::Unreadable => Self::KeysUnavailable,
            KeyError::NotAKeyClient
            | KeyError::None
            | KeyError::Several
            | KeyError::OtherAlgorithm => Self::Key,
        }
    }
}

fn object(part: &str) -> Result<Map<String, Value>, TokenError> {
    let json = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)
}

pub(super) fn text<'a>(
    object: &'a Map<String, Value>,
    name: &'static str,
) -> Result<&'a str, TokenError> {
    match object.get(name) {
        None => Err(TokenError::Missing(name)),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(TokenError::Unusable(name)),
    }
}

/// A moment as a number of seconds.
pub(in crate::smart) fn seconds(
    claims: &Map<String, Value>,
    claim: &'static str,
) -> Result<Option<f64>, TokenError> {
    match claims.get(claim) {
        None => Ok(None),
        Some(value) => value
            .as_f64()
            .filter(|at| at.is_finite())
            .map(Some)
            .ok_or(TokenError::Unusable(claim)),
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
