//! Signed tree heads: what the gateway vouches for. A head is a compact JWS (RFC 7515) with a `typ` of its own, so that no
//! other signature of the gateway can pass for one (RFC 8725 3.11), and none of these for a token.
//!
//! ```text
//! {"alg":"ES384","kid":"…","typ":"openmig-tree-head+jwt"} . {"iss":"…","iat":…,"size":1234,"root":"…64 hex…"}
//! ```
//!
//! Whoever keeps one can hold the gateway to it: it said, at that time, that the trail had so many rows and this root.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::merkle::Hash;
use super::verify::TreeHead;
use crate::smart::jwks::KeySet;
use crate::smart::signing::{SigningError, SigningKey};
use crate::text::{hex, unhex};

/// The JWS header's `typ`.
pub const TYP: &str = "openmig-tree-head+jwt";
/// What a head may be signed with: RS256 as id tokens are, or ES384.
const ALGORITHMS: [(&str, Algorithm); 2] =
    [("RS256", Algorithm::RS256), ("ES384", Algorithm::ES384)];
/// No signed head is longer.
const LONGEST: usize = 4096;

/// A signed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    /// Rows.
    pub size: u64,
    /// Merkle tree hash over their leaves.
    pub root: Hash,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// Which gateway says so: its issuer.
    pub issuer: String,
    /// The key.
    pub kid: String,
    /// The JWS.
    pub jws: String,
}

/// Why a signed head is not what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHead {
    /// Not a JWS of this type.
    #[error("this is not a signed tree head")]
    Format,
    /// The key set has no such key.
    #[error("the tree head is signed with a key ({0}) that is not among the keys at hand")]
    UnknownKey(String),
    /// The signature is not the key's.
    #[error("the signature of the tree head is not genuine")]
    Forged,
    /// It is of another head.
    #[error(
        "the signed tree head stands for {0} rows with another root, or for another number of rows"
    )]
    Other(u64),
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    iat: i64,
    size: u64,
    root: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

impl SignedHead {
    /// Signs a head.
    ///
    /// # Errors
    /// The library failed.
    pub fn sign(
        key: &SigningKey,
        issuer: &str,
        head: &TreeHead,
        now: Timestamp,
    ) -> Result<Self, SigningError> {
        let claims = json!({
            "iss": issuer, "iat": now.as_second(), "size": head.size, "root": hex(&head.root),
        });
        let jws = vouch(key, TYP, &claims)?;
        Self::read(&jws).map_err(|_| SigningError::Crypto)
    }

    /// Reads one; says nothing yet of its signature.
    ///
    /// # Errors
    /// [`BadHead::Format`].
    pub fn read(jws: &str) -> Result<Self, BadHead> {
        let jws = jws.trim();
        let (header, claims) = parts(jws, TYP)?;
        let claims: Claims = serde_json::from_value(claims).map_err(|_| BadHead::Format)?;
        Ok(Self {
            size: claims.size,
            root: unhex(&claims.root)
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or(BadHead::Format)?,
            signed_at: Timestamp::from_second(claims.iat).map_err(|_| BadHead::Format)?,
            issuer: claims.iss,
            kid: header.kid,
            jws: jws.to_owned(),
        })
    }

    /// Checks the signature with one of these keys.
    ///
    /// # Errors
    /// No such key, or not its signature.
    pub fn verify(&self, keys: &KeySet) -> Result<(), BadHead> {
        verify(&self.jws, TYP, keys).map(drop)
    }

    /// It stands for these rows with this root.
    ///
    /// # Errors
    /// [`BadHead::Other`].
    pub fn is_of(&self, size: u64, root: &Hash) -> Result<(), BadHead> {
        if self.size == size && self.root == *root {
            Ok(())
        } else {
            Err(BadHead::Other(self.size))
        }
    }

    /// The head that it stands for.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        TreeHead {
            size: self.size,
            root: self.root,
            at: self.signed_at,
        }
    }
}

/// A JWS of this type over these claims.
///
/// # Errors
/// The library failed.
pub fn vouch(key: &SigningKey, typ: &str, claims: &Value) -> Result<String, SigningError> {
    let header = json!({"alg": key.algorithm().name(), "kid": key.kid(), "typ": typ});
    key.sign_with(&header, claims)
}

/// The claims of a JWS of this type, once its signature is known to be that of one of these keys.
///
/// # Errors
/// Another type, no such key, or not its signature.
pub fn verify(jws: &str, typ: &str, keys: &KeySet) -> Result<Value, BadHead> {
    let (header, claims) = parts(jws, typ)?;
    let (message, signature) = jws.rsplit_once('.').ok_or(BadHead::Format)?;
    let named = algorithm(&header.alg).ok_or(BadHead::Format)?;
    let key = keys
        .find(&header.kid, named)
        .map_err(|_| BadHead::UnknownKey(header.kid.chars().take(64).collect()))?;
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, named.1) {
        Ok(true) => Ok(claims),
        _ => Err(BadHead::Forged),
    }
}

/// Header and claims of a JWS of this type; says nothing of its signature.
fn parts(jws: &str, typ: &str) -> Result<(Header, Value), BadHead> {
    let parts: Vec<&str> = jws.split('.').collect();
    let [header, claims, _signature] = parts.as_slice() else {
        return Err(BadHead::Format);
    };
    if jws.len() > LONGEST {
        return Err(BadHead::Format);
    }
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| BadHead::Format);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| BadHead::Format)?;
    if header.typ != typ || algorithm(&header.alg).is_none() {
        return Err(BadHead::Format);
    }
    let claims = serde_json::from_slice(&decode(claims)?).map_err(|_| BadHead::Format)?;
    Ok((header, claims))
}

/// The claims of a JWS of this type, whose signature nobody has looked at.
///
/// # Errors
/// Not of this type.
pub fn unverified(jws: &str, typ: &str) -> Result<Value, BadHead> {
    parts(jws, typ).map(|(_, claims)| claims)
}

fn algorithm(name: &str) -> Option<(&'static str, Algorithm)> {
    ALGORITHMS.into_iter().find(|(known, _)| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smart::signing::{SigningAlgorithm, generate_jwk};

    fn key(kid: &str, algorithm: SigningAlgorithm) -> SigningKey {
        SigningKey::from_jwk(&generate_jwk(kid, algorithm).unwrap()).unwrap()
    }

    fn keys(key: &SigningKey) -> KeySet {
        KeySet::parse(key.public_jwks().to_string().as_bytes()).unwrap()
    }

    fn head() -> TreeHead {
        TreeHead {
            size: 12,
            root: [5; 32],
            at: Timestamp::UNIX_EPOCH,
        }
    }

    // R126: a head that was signed is read back, and nobody else's signature, type, size or root passes
    #[test]
    fn a_signed_head_is_genuine_or_refused() {
        let now: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        for algorithm in [SigningAlgorithm::Es384, SigningAlgorithm::Rs256] {
            let ours = key("trail-1", algorithm);
            let signed =
                SignedHead::sign(&ours, "https://mig.example/fhir/r4", &head(), now).unwrap();
            assert_eq!((signed.size, signed.root), (12, [5; 32]));
            assert_eq!((signed.signed_at, signed.kid.as_str()), (now, "trail-1"));
            signed.verify(&keys(&ours)).unwrap();
            signed.is_of(12, &[5; 32]).unwrap();
            assert_eq!(signed.is_of(13, &[5; 32]), Err(BadHead::Other(12)));
            assert_eq!(signed.is_of(12, &[6; 32]), Err(BadHead::Other(12)));

            let same_name = key("trail-1", algorithm);
            assert_eq!(signed.verify(&keys(&same_name)), Err(BadHead::Forged));
            let another = key("trail-2", algorithm);
            assert_eq!(
                signed.verify(&keys(&another)),
                Err(BadHead::UnknownKey("trail-1".to_owned()))
            );
            // Other claims under the same signature.
            let forged = json!({"iss": "x", "iat": 0, "size": 13, "root": hex(&[5; 32])});
            let parts: Vec<&str> = signed.jws.split('.').collect();
            let forged = format!(
                "{}.{}.{}",
                parts[0],
                URL_SAFE_NO_PAD.encode(forged.to_string()),
                parts[2]
            );
            let forged = SignedHead::read(&forged).unwrap();
            assert_eq!(forged.verify(&keys(&ours)), Err(BadHead::Forged));
        }
    }

    // RFC 8725 3.11: an id token of the same key is no tree head, and `none` is no algorithm
    #[test]
    fn another_jwt_is_no_head() {
        let ours = key("k", SigningAlgorithm::Es384);
        let claims = json!({"iss": "x", "iat": 0, "size": 1, "root": hex(&[0; 32])});
        let token = ours.sign(&claims).unwrap();
        assert_eq!(SignedHead::read(&token), Err(BadHead::Format));
        for alg in ["none", "HS256", "RS384"] {
            let header = json!({"alg": alg, "kid": "k", "typ": TYP});
            let jws = ours.sign_with(&header, &claims).unwrap();
            assert_eq!(SignedHead::read(&jws), Err(BadHead::Format), "{alg}");
        }
        for text in ["", "a.b.c", "..", &"a".repeat(5000)] {
            assert_eq!(SignedHead::read(text), Err(BadHead::Format));
        }
    }
}
