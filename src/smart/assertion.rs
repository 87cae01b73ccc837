//! Client assertions (`private_key_jwt`): who signs, with which key, for whom, until when, once (smart.md J1 to J10).
//!
//! They stay on the machine's clock, in the sandbox too. No code path here accepts an unsigned token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use super::jwks::{ALGORITHMS, KeyError};
use super::requester::GP_CONNECT;
use crate::register::ClientAuthentication;

/// Why an assertion is refused; each text names what is wrong and repeats nothing that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// Not three base64url parts with a JSON object in the first two.
    #[error("the client assertion is not a signed JWT")]
    Malformed,
    /// A header member or claim is missing.
    #[error("the client assertion has no {0}")]
    Missing(&'static str),
    /// It has another type than its definition says.
    #[error("the client assertion has an unusable {0}")]
    Unusable(&'static str),
    /// `none`, HMAC, or anything that is not in the list (J1, J10).
    #[error("the client assertion must be signed with RS384, ES384 or RS512")]
    Algorithm,
    /// `typ` is not `JWT` (J2).
    #[error("the client assertion's typ must be JWT")]
    Type,
    /// A header that brings its own key or asks for an extension (J10).
    #[error("the client assertion's header must not have {0}")]
    Header(&'static str),
    /// `jku` is not the registered URL (J6).
    #[error("the client assertion's jku is not the registered key set URL")]
    KeySetUrl,
    /// iss, sub and client_id differ.
    #[error("the client assertion's iss and sub must both be the client_id")]
    Subject,
    /// No such client.
    #[error("the client is not registered")]
    UnknownClient,
    /// Key set or key (J5, J8).
    #[error("{0}")]
    Key(#[from] KeyError),
    /// The signature does not verify.
    #[error("the client assertion's signature does not verify")]
    Signature,
    /// Not this token endpoint or issuer, or more than one (audience injection).
    #[error(
        "the client assertion's aud must be the token endpoint or the issuer, and nothing beside it"
    )]
    Audience,
    /// J3.
    #[error("the client assertion has expired")]
    Expired,
    /// J3.
    #[error("the client assertion's exp is more than 5 minutes ahead")]
    TooLong,
    /// From the future.
    #[error("the client assertion's {0} is in the future")]
    Future(&'static str),
    /// J4.
    #[error("the client assertion's jti was used before")]
    Replayed,
}

/// Longest assertion, in bytes.
const MAX_LENGTH: usize = 16 * 1024;
/// Longest `jti`.
const MAX_JTI: usize = 255;
/// Seconds that `exp` may lie ahead.
const MAX_AHEAD: f64 = 300.0;
/// Seconds that the client's clock may run ahead of ours. One way only: an expired assertion is expired (J3).
const SKEW: f64 = 30.0;

/// An assertion that nobody has verified yet.
pub struct Unverified<'a> {
    message: &'a str,
    signature: &'a str,
    algorithm: (&'static str, Algorithm),
    kid: String,
    jku: Option<String>,
    claims: Map<String, Value>,
}

/// A verified assertion.
#[derive(Debug, Clone, PartialEq)]
pub struct Assertion {
    /// Unique among the client's assertions.
    pub jti: String,
    /// Keep the jti until then.
    pub keep_until: Timestamp,
    /// The `extensions` claim as sent.
    pub extensions: Option<Value>,
    /// The claims of GP Connect that were sent ([`super::requester`]).
    pub gp_connect: Map<String, Value>,
}

impl<'a> Unverified<'a> {
    /// Takes the JWT apart and checks everything that needs no key: form, algorithm, header, issuer.
    ///
    /// # Errors
    /// What is wrong.
    pub fn read(jwt: &'a str) -> Result<Self, AssertionError> {
        if jwt.len() > MAX_LENGTH {
            return Err(AssertionError::Malformed);
        }
        let (message, signature) = jwt.rsplit_once('.').ok_or(AssertionError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(AssertionError::Malformed)?;
        let header = object(header)?;
        let claims = object(payload)?;
        let name = text(&header, "alg")?;
        let algorithm = ALGORITHMS
            .into_iter()
            .find(|(known, _)| *known == name)
            .ok_or(AssertionError::Algorithm)?;
        for forbidden in ["jwk", "x5u", "x5c", "crit"] {
            if header.contains_key(forbidden) {
                return Err(AssertionError::Header(forbidden));
            }
        }
        if !text(&header, "typ")?.eq_ignore_ascii_case("JWT") {
            return Err(AssertionError::Type);
        }
        let kid = text(&header, "kid")?.to_owned();
        let jku = match header.get("jku") {
            None => None,
            Some(_) => Some(text(&header, "jku")?.to_owned()),
        };
        if text(&claims, "iss")? != text(&claims, "sub")? {
            return Err(AssertionError::Subject);
        }
        if signature.is_empty() {
            return Err(AssertionError::Signature);
        }
        Ok(Self {
            message,
            signature,
            algorithm,
            kid,
            jku,
            claims,
        })
    }

    /// The client that it claims to be from.
    #[must_use]
    pub fn claimed_client(&self) -> &str {
        self.claims
            .get("iss")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The key that it claims to be signed with.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm that it claims, one of [`ALGORITHMS`].
    #[must_use]
    pub fn algorithm(&self) -> (&'static str, Algorithm) {
        self.algorithm
    }

    /// A `jku` must be the registered URL; it is never fetched from where the assertion says (J6).
    ///
    /// # Errors
    /// It is another.
    pub fn check_key_set_url(&self, client: &ClientAuthentication) -> Result<(), AssertionError> {
        match (&self.jku, client) {
            (None, _) => Ok(()),
            (Some(jku), ClientAuthentication::KeysAt { url, .. }) if jku == url => Ok(()),
            (Some(_), _) => Err(AssertionError::KeySetUrl),
        }
    }

    /// Verifies signature, audience and times. `now` is the machine's clock.
    ///
    /// # Errors
    /// What is wrong.
    pub fn verify(
        self,
        key: &DecodingKey,
        audiences: &[&str],
        now: Timestamp,
    ) -> Result<Assertion, AssertionError> {
        let genuine = jsonwebtoken::crypto::verify(
            self.signature,
            self.message.as_bytes(),
            key,
            self.algorithm.1,
        );
        if !matches!(genuine, Ok(true)) {
            return Err(AssertionError::Signature);
        }
        let audience = match self.claims.get("aud") {
            None => return Err(AssertionError::Missing("aud")),
            Some(Value::String(one)) => one.as_str(),
            Some(Value::Array(list)) => match list.as_slice() {
                [Value::String(one)] => one.as_str(),
                _ => return Err(AssertionError::Audience),
            },
            Some(_) => return Err(AssertionError::Audience),
        };
        if !audiences.contains(&audience) {
            return Err(AssertionError::Audience);
        }
        // Sub-second precision does not matter here, and f64 holds any date exactly enough.
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds since 1970 fit the 53 bits"
        )]
        let now_seconds = now.as_millisecond() as f64 / 1000.0;
        let expires = self.seconds("exp")?.ok_or(AssertionError::Missing("exp"))?;
        if expires <= now_seconds {
            return Err(AssertionError::Expired);
        }
        if expires > now_seconds + MAX_AHEAD + SKEW {
            return Err(AssertionError::TooLong);
        }
        for claim in ["iat", "nbf"] {
            if self
                .seconds(claim)?
                .is_some_and(|at| at > now_seconds + SKEW)
            {
                return Err(AssertionError::Future(claim));
            }
        }
        let jti = text(&self.claims, "jti")?;
        if jti.is_empty() || jti.len() > MAX_JTI {
            return Err(AssertionError::Unusable("jti"));
        }
        // exp is at most 330 s ahead, so a constant covers every assertion's life.
        let keep_until = now
            .checked_add(SignedDuration::from_secs(10 * 60))
            .map_err(|_| AssertionError::Unusable("exp"))?;
        Ok(Assertion {
            jti: jti.to_owned(),
            keep_until,
            gp_connect: GP_CONNECT
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), self.claims.get(name)?.clone())))
                .collect(),
            extensions: self.claims.get("extensions").cloned(),
        })
    }

    fn seconds(&self, claim: &'static str) -> Result<Option<f64>, AssertionError> {
        match self.claims.get(claim) {
            None => Ok(None),
            Some(value) => value
                .as_f64()
                .filter(|at| at.is_finite())
                .map(Some)
                .ok_or(AssertionError::Unusable(claim)),
        }
    }
}

fn object(part: &str) -> Result<Map<String, Value>, AssertionError> {
    let json = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| AssertionError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| AssertionError::Malformed)
}

fn text<'a>(object: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, AssertionError> {
    match object.get(name) {
        None => Err(AssertionError::Missing(name)),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(AssertionError::Unusable(name)),
    }
}

#[cfg(test)]
#[path = "assertion_tests.rs"]
mod tests;
