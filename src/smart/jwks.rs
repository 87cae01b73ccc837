//! Clients' key sets: at hand or at a URL, kept no longer than the client says (J5, J7, J8; threats: rotation, poisoning).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use crate::register::ClientAuthentication;
use crate::source::BoxFuture;

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The client has none.
    #[error("this client does not authenticate with a key")]
    NotAKeyClient,
    /// The set cannot be fetched and none that is still good is held.
    #[error("the client's key set cannot be fetched")]
    NotFetched,
    /// Not a JSON Web Key Set, or it gives a private key away.
    #[error("the client's key set cannot be read")]
    Unreadable,
    /// None with this kid and a key type that fits the algorithm.
    #[error("no key of the client's key set has this kid and fits the algorithm")]
    None,
    /// More than one.
    #[error("more than one key of the client's key set has this kid")]
    Several,
    /// The one key says that it is for another algorithm.
    #[error("the client's key is registered for another algorithm")]
    OtherAlgorithm,
}

/// The algorithms that a client may sign with (J1): SMART's two, and NHS England's.
pub const ALGORITHMS: [(&str, Algorithm); 3] = [
    ("RS384", Algorithm::RS384),
    ("ES384", Algorithm::ES384),
    ("RS512", Algorithm::RS512),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyType {
    Rsa,
    P256,
    P384,
}

struct PublicKey {
    kid: String,
    key_type: KeyType,
    /// The key's own allow-list of one.
    algorithm: Option<String>,
    key: DecodingKey,
}

/// A client's public keys. A key's `alg` is the client's allow-list: it verifies that algorithm and no other.
#[derive(Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    json: Vec<u8>,
}

impl KeySet {
    /// Reads a JWKS. Keys of other types, uses or without kid are left out.
    ///
    /// # Errors
    /// No JWKS, or a private or symmetric key lies in it.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        let set: Value = serde_json::from_slice(json).map_err(|_| KeyError::Unreadable)?;
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeyError::Unreadable)?;
        if keys
            .iter()
            .any(|key| key.get("d").is_some() || key.get("k").is_some())
        {
            return Err(KeyError::Unreadable);
        }
        Ok(Self {
            keys: keys.iter().filter_map(PublicKey::parse).collect(),
            json: json.to_owned(),
        })
    }

    /// The set as it was published.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid == kid)
    }

    /// The one key with this kid that fits the algorithm (J5). The kid is compared as a string and used for nothing else.
    ///
    /// # Errors
    /// None, several, or one for another algorithm.
    pub fn find(&self, kid: &str, algorithm: (&str, Algorithm)) -> Result<&DecodingKey, KeyError> {
        let wanted = match algorithm.1 {
            Algorithm::ES384 => KeyType::P384,
            Algorithm::ES256 => KeyType::P256,
            _ => KeyType::Rsa,
        };
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.kid == kid && key.key_type == wanted);
        match (fitting.next(), fitting.next()) {
            (None, _) => Err(KeyError::None),
            (Some(_), Some(_)) => Err(KeyError::Several),
            (Some(key), None) if key.algorithm.as_deref().is_none_or(|a| a == algorithm.0) => {
                Ok(&key.key)
            }
            (Some(_), None) => Err(KeyError::OtherAlgorithm),
        }
    }
}

impl PublicKey {
    fn parse(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let for_signing = jwk.get("use").is_none_or(|u| u == "sig")
            && jwk.get("key_ops").is_none_or(|ops| {
                ops.as_array()
                    .is_some_and(|ops| ops.contains(&"verify".into()))
            });
        let (key_type, key) = match (text("kty")?, text("crv")) {
            ("RSA", _) => (
                KeyType::Rsa,
                DecodingKey::from_rsa_components(text("n")?, text("e")?),
            ),
            ("EC", Some("P-384")) => (
                KeyType::P384,
                DecodingKey::from_ec_components(text("x")?, text("y")?),
            ),
            ("EC", Some("P-256")) => (
                KeyType::P256,
                DecodingKey::from_ec_components(text("x")?, text("y")?),
            ),
            _ => return None,
        };
        for_signing.then_some(Self {
            kid: text("kid")?.to_owned(),
            key_type,
            algorithm: jwk
                .get("alg")
                .map(|alg| alg.as_str().unwrap_or_default().to_owned()),
            key: key.ok()?,
        })
    }
}

/// A key set as it was fetched.
#[derive(Debug, Clone)]
pub struct FetchedKeys {
    /// The body.
    pub body: Vec<u8>,
    /// How long the client lets us keep it.
    pub lifetime: SignedDuration,
}

/// Fetches key sets; see [`super::fetch`].
pub trait FetchKeys: Send + Sync {
    /// Fetches one. `local` lifts the https and private-range guards (sandbox).
    fn fetch<'a>(
        &'a self,
        url: &'a str,
        local: bool,
    ) -> BoxFuture<'a, Result<FetchedKeys, KeyError>>;
}

/// Longest time that a set is kept, whatever the client says.
const MAX_LIFETIME: SignedDuration = SignedDuration::from_hours(1);
/// Shortest time between two fetches for a kid that is not in the set, or after a failure.
const REFETCH_AFTER: SignedDuration = SignedDuration::from_secs(60);
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(5);

#[derive(Default)]
struct Held {
    set: Option<(Arc<KeySet>, Timestamp)>,
    fetched_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
}

/// Gives clients' key sets. One fetch at a time for each URL.
pub struct KeySource {
    fetcher: Arc<dyn FetchKeys>,
    held: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Held>>>>,
}

impl KeySource {
    /// With this fetcher.
    #[must_use]
    pub fn new(fetcher: Arc<dyn FetchKeys>) -> Self {
        Self {
            fetcher,
            held: Mutex::default(),
        }
    }

    /// The client's key set, fetched again where it is too old or (once a minute) does not have this kid.
    ///
    /// # Errors
    /// No key client, or no set.
    pub async fn keys(
        &self,
        client: &ClientAuthentication,
        kid: &str,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, KeyError> {
        match client {
            ClientAuthentication::Keys(json) => KeySet::parse(json.as_bytes()).map(Arc::new),
            ClientAuthentication::KeysAt { url, local } => self.at_url(url, *local, kid, now).await,
            ClientAuthentication::Public | ClientAuthentication::Secret(_) => {
                Err(KeyError::NotAKeyClient)
            }
        }
    }

    async fn at_url(
        &self,
        url: &str,
        local: bool,
        kid: &str,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, KeyError> {
        // URLs are registered ones, so this map cannot be made to grow from outside.
        let slot = {
            let mut held = match self.held.lock() {
                Ok(held) => held,
                Err(poisoned) => poisoned.into_inner(),
            };
            Arc::clone(held.entry(url.to_owned()).or_default())
        };
        let mut held = slot.lock().await;
        let elapsed = |then: Option<Timestamp>, least: SignedDuration| {
            then.is_none_or(|then| now.duration_since(then) >= least)
        };
        let good = held
            .set
            .as_ref()
            .filter(|(_, until)| now < *until)
            .map(|(set, _)| Arc::clone(set));
        let may_fetch = elapsed(held.failed_at, RETRY_AFTER)
            && match &good {
                None => true,
                Some(set) => !set.has(kid) && elapsed(held.fetched_at, REFETCH_AFTER),
            };
        if !may_fetch {
            return good.ok_or(KeyError::NotFetched);
        }
        held.fetched_at = Some(now);
        let fetched = self.fetcher.fetch(url, local).await;
        match fetched.and_then(|got| Ok((Arc::new(KeySet::parse(&got.body)?), got.lifetime))) {
            Ok((set, lifetime)) => {
                let lifetime = lifetime.clamp(SignedDuration::ZERO, MAX_LIFETIME);
                let until = now.checked_add(lifetime).unwrap_or(now);
                held.set = Some((Arc::clone(&set), until));
                held.failed_at = None;
                Ok(set)
            }
            Err(error) => {
                held.failed_at = Some(now);
                good.ok_or(error)
            }
        }
    }
}

#[cfg(test)]
#[path = "jwks_tests.rs"]
mod tests;
