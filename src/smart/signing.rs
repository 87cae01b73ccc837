//! Private JSON Web Keys that sign: the server's own (RS256) and, in the sandbox, its clients' (RS384, ES384).

use aws_lc_rs::encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPairComponents;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// What a signing key signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// RSA with SHA-256: the server.
    Rs256,
    /// RSA with SHA-384: SMART clients.
    Rs384,
    /// P-384 with SHA-384: SMART clients.
    Es384,
}

impl SigningAlgorithm {
    /// The `alg` of JOSE.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Es384 => "ES384",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Rs256, Self::Rs384, Self::Es384]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }
}

/// Why a key cannot be made, read or used. Tells nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The cryptographic library refused.
    #[error("the key cannot be generated or used")]
    Crypto,
    /// Not a private JWK with kid, alg and every member.
    #[error("not a private JWK with kid, alg and all members of its key type")]
    Jwk,
}

enum Pair {
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    P384(EcdsaKeyPair),
}

/// A private key with its kid.
pub struct SigningKey {
    kid: String,
    algorithm: SigningAlgorithm,
    pair: Pair,
    public: Value,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({}, {:?})", self.kid, self.algorithm)
    }
}

impl SigningKey {
    /// Reads a private JWK: `kty`, `kid`, `alg` and all members (RFC 7518 sections 6.2 and 6.3).
    ///
    /// # Errors
    /// Not one, or its members do not belong together.
    pub fn from_jwk(jwk: &Value) -> Result<Self, SigningError> {
        let text = |name: &str| {
            jwk.get(name)
                .and_then(Value::as_str)
                .ok_or(SigningError::Jwk)
        };
        let bytes = |name: &str| {
            text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).map_err(|_| SigningError::Jwk))
        };
        let kid = text("kid")?.to_owned();
        let algorithm = SigningAlgorithm::from_name(text("alg")?).ok_or(SigningError::Jwk)?;
        let (pair, members): (Pair, &[&str]) = match (algorithm, text("kty")?) {
            (SigningAlgorithm::Es384, "EC") if text("crv")? == "P-384" => {
                let mut point = vec![4];
                point.extend(bytes("x")?);
                point.extend(bytes("y")?);
                let pair = EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P384_SHA384_FIXED_SIGNING,
                    &bytes("d")?,
                    &point,
                )
                .map_err(|_| SigningError::Jwk)?;
                (Pair::P384(pair), &["kty", "crv", "x", "y", "kid", "alg"])
            }
            (SigningAlgorithm::Rs256 | SigningAlgorithm::Rs384, "RSA") => {
                let pair = RsaKeyPair::from_components(&KeyPairComponents {
                    public_key: RsaPublicKeyComponents {
                        n: bytes("n")?,
                        e: bytes("e")?,
                    },
                    d: bytes("d")?,
                    p: bytes("p")?,
                    q: bytes("q")?,
                    dP: bytes("dp")?,
                    dQ: bytes("dq")?,
                    qInv: bytes("qi")?,
                })
                .map_err(|_| SigningError::Jwk)?;
                let encoding: &'static dyn RsaEncoding = if algorithm == SigningAlgorithm::Rs256 {
                    &RSA_PKCS1_SHA256
                } else {
                    &RSA_PKCS1_SHA384
                };
                (
                    Pair::Rsa(Box::new(pair), encoding),
                    &["kty", "n", "e", "kid", "alg"],
                )
            }
            _ => return Err(SigningError::Jwk),
        };
        let mut public = json!({"use": "sig"});
        for member in members {
            public[*member] = jwk.get(*member).cloned().unwrap_or_default();
        }
        Ok(Self {
            kid,
            algorithm,
            pair,
            public,
        })
    }

    /// Its `kid`.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it signs with.
    #[must_use]
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The public half, with `kid`, `alg` and `use` (D13).
    #[must_use]
    pub fn public_jwk(&self) -> &Value {
        &self.public
    }

    /// The key set of this one key.
    #[must_use]
    pub fn public_jwks(&self) -> Value {
        json!({"keys": [self.public]})
    }

    /// A JWT over these claims, header `alg`, `kid`, `typ: JWT`.
    ///
    /// # Errors
    /// The library failed.
    pub fn sign(&self, claims: &Value) -> Result<String, SigningError> {
        self.sign_with(
            &json!({"alg": self.algorithm.name(), "kid": self.kid, "typ": "JWT"}),
            claims,
        )
    }

    /// The same with another `typ`, as an external issuer's access tokens have.
    ///
    /// # Errors
    /// The library failed.
    pub fn sign_as(&self, typ: &str, claims: &Value) -> Result<String, SigningError> {
        self.sign_with(
            &json!({"alg": self.algorithm.name(), "kid": self.kid, "typ": typ}),
            claims,
        )
    }

    pub(crate) fn sign_with(&self, header: &Value, claims: &Value) -> Result<String, SigningError> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::P384(pair) => pair
                .sign(&random, message.as_bytes())
                .map_err(|_| SigningError::Crypto)?
                .as_ref()
                .to_vec(),
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message.as_bytes(), &mut signature)
                    .map_err(|_| SigningError::Crypto)?;
                signature
            }
        };
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// Generates a private JWK: RSA of 2048 bits, or P-384.
///
/// # Errors
/// The library failed, or gave a key that cannot be read.
pub fn generate_jwk(kid: &str, algorithm: SigningAlgorithm) -> Result<Value, SigningError> {
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    if algorithm == SigningAlgorithm::Es384 {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)
            .map_err(|_| SigningError::Crypto)?;
        let private: EcPrivateKeyBin<'_> = pair
            .private_key()
            .as_be_bytes()
            .map_err(|_| SigningError::Crypto)?;
        let point = pair.public_key().as_ref();
        let (Some(4), Some(x), Some(y), None) = (
            point.first(),
            point.get(1..49),
            point.get(49..97),
            point.get(97),
        ) else {
            return Err(SigningError::Crypto);
        };
        return Ok(json!({
            "kty": "EC", "crv": "P-384", "kid": kid, "alg": algorithm.name(), "use": "sig",
            "x": encoded(x), "y": encoded(y), "d": encoded(private.as_ref()),
        }));
    }
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SigningError::Crypto)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| SigningError::Crypto)?;
    let [n, e, d, p, q, dp, dq, qi] = rsa_members(der.as_ref()).ok_or(SigningError::Crypto)?;
    Ok(json!({
        "kty": "RSA", "kid": kid, "alg": algorithm.name(), "use": "sig",
        "n": encoded(n), "e": encoded(e), "d": encoded(d), "p": encoded(p), "q": encoded(q),
        "dp": encoded(dp), "dq": encoded(dq), "qi": encoded(qi),
    }))
}

/// The eight numbers of an RSA key in PKCS#8 (RFC 5208 around RFC 8017 A.1.2), without leading zero bytes.
fn rsa_members(pkcs8: &[u8]) -> Option<[&[u8]; 8]> {
    const INTEGER: u8 = 0x02;
    const OCTETS: u8 = 0x04;
    const SEQUENCE: u8 = 0x30;
    let (info, rest) = der_value(pkcs8, SEQUENCE)?;
    if !rest.is_empty() {
        return None;
    }
    let (_version, info) = der_value(info, INTEGER)?;
    let (_algorithm, info) = der_value(info, SEQUENCE)?;
    let (key, _attributes) = der_value(info, OCTETS)?;
    let (key, _) = der_value(key, SEQUENCE)?;
    let (_version, mut key) = der_value(key, INTEGER)?;
    let mut members: [&[u8]; 8] = [&[]; 8];
    for member in &mut members {
        let (number, rest) = der_value(key, INTEGER)?;
        *member = match number {
            [0, significant @ ..] => significant,
            significant => significant,
        };
        key = rest;
    }
    key.is_empty().then_some(members)
}

/// One DER element of this tag at the start: its content, and what follows it. Definite lengths of up to two bytes.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match der {
        [t, rest @ ..] if *t == tag => match rest {
            [length @ 0..=0x7f, rest @ ..] => (usize::from(*length), rest),
            [0x81, length @ 0x80..=0xff, rest @ ..] => (usize::from(*length), rest),
            [0x82, high @ 1..=0xff, low, rest @ ..] => {
                (usize::from(u16::from_be_bytes([*high, *low])), rest)
            }
            _ => return None,
        },
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::smart::jwks::KeySet;

    #[test]
    fn generated_keys_sign_what_their_public_half_verifies() {
        for (algorithm, jose) in [
            (SigningAlgorithm::Rs384, jsonwebtoken::Algorithm::RS384),
            (SigningAlgorithm::Es384, jsonwebtoken::Algorithm::ES384),
        ] {
            let jwk = generate_jwk("k1", algorithm).unwrap();
            let key = SigningKey::from_jwk(&jwk).unwrap();
            let jwt = key.sign(&json!({"a": 1})).unwrap();
            let (message, signature) = jwt.rsplit_once('.').unwrap();
            let set = KeySet::parse(key.public_jwks().to_string().as_bytes()).unwrap();
            let public = set.find("k1", (algorithm.name(), jose)).unwrap();
            let verify = |message: &str| {
                jsonwebtoken::crypto::verify(signature, message.as_bytes(), public, jose).unwrap()
            };
            assert!(verify(message));
            assert!(!verify(&format!("{message}x")));
            for secret in ["d", "p", "q", "dp", "dq", "qi"] {
                assert!(key.public_jwk().get(secret).is_none());
            }
            assert!(!format!("{key:?}").contains(jwk["d"].as_str().unwrap()));
        }
    }

    #[test]
    fn a_jwk_whose_members_do_not_belong_together_is_refused() {
        let a = generate_jwk("k", SigningAlgorithm::Es384).unwrap();
        let mut mixed = a.clone();
        mixed["d"] = generate_jwk("k", SigningAlgorithm::Es384).unwrap()["d"].clone();
        assert!(SigningKey::from_jwk(&mixed).is_err());
        for member in ["kid", "alg", "kty", "crv", "x", "d"] {
            let mut without = a.clone();
            without.as_object_mut().unwrap().remove(member);
            assert!(SigningKey::from_jwk(&without).is_err(), "{member}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_key_without_panic(der in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = rsa_members(&der);
        }
    }
}
