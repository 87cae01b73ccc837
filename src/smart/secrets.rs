//! What one key of the server makes: tokens that can be made again but not guessed, form tokens, ids of users.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::clock::{NoEntropy, random_bytes};

/// The key. Whoever has it *and* a refresh token can follow that token's family; alone it opens nothing.
#[derive(Clone)]
pub struct LaunchKey([u8; 32]);

impl std::fmt::Debug for LaunchKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LaunchKey(…)")
    }
}

/// Begins every access token that a refresh gave, so that its first use can be noticed without asking the store.
pub const REFRESHED: &str = "r.";

/// The pair that a refresh token is exchanged for.
pub struct Pair {
    /// The access token.
    pub access: String,
    /// The next refresh token.
    pub refresh: String,
}

impl LaunchKey {
    /// From 32 secret bytes of the installation, which serve another purpose too: this one is derived from them.
    #[must_use]
    pub fn derive(installation: &[u8; 32]) -> Self {
        let own = Self(*installation);
        Self(own.mac(&["openmig", "smart app launch", "1"]))
    }

    /// The one pair of a refresh token. It follows from the token and this key, so a repeated request, at any replica, gets
    /// the same pair again, and yet nothing but hashes is stored.
    #[must_use]
    pub fn pair(&self, refresh_token: &str) -> Pair {
        let made = |label| URL_SAFE_NO_PAD.encode(self.mac(&[label, refresh_token]));
        Pair {
            access: format!("{REFRESHED}{}", made("access")),
            refresh: made("refresh"),
        }
    }

    /// Nonce and PKCE verifier of a sign-in at a provider. Both follow from its state and this key, so the store keeps neither.
    #[must_use]
    pub fn passage(&self, state: &str) -> (String, String) {
        let made = |label| URL_SAFE_NO_PAD.encode(self.mac(&[label, state]));
        (made("provider nonce"), made("provider pkce"))
    }

    /// The token that a form of this journey carries, bound to the browser's cookie (A14).
    #[must_use]
    pub fn form_token(&self, journey: &str, cookie: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.mac(&["form", journey, cookie]))
    }

    /// Is it the one?
    #[must_use]
    pub fn is_form_token(&self, sent: &str, journey: &str, cookie: &str) -> bool {
        let expected = self.form_token(journey, cookie);
        sent.as_bytes().ct_eq(expected.as_bytes()).into()
    }

    fn mac(&self, parts: &[&str]) -> [u8; 32] {
        // HMAC takes a key of any length, so this cannot fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return [0; 32];
        };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

/// 256 random bits as base64url.
///
/// # Errors
/// No randomness, so nothing that needs it.
pub fn random_token() -> Result<String, NoEntropy> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    // T10: two replicas with one key make one pair; another key or token makes another
    #[test]
    fn a_refresh_token_has_one_pair() {
        let (a, b) = (LaunchKey::derive(&[1; 32]), LaunchKey::derive(&[1; 32]));
        let pair = a.pair("token");
        assert_eq!(pair.access, b.pair("token").access);
        assert_eq!(pair.refresh, b.pair("token").refresh);
        assert!(pair.access.starts_with(REFRESHED));
        assert_ne!(pair.access[2..], pair.refresh);
        assert_ne!(pair.refresh, a.pair("token2").refresh);
        assert_ne!(
            pair.refresh,
            LaunchKey::derive(&[2; 32]).pair("token").refresh
        );
        assert!(!format!("{a:?}").contains('1'));
    }

    #[test]
    fn a_form_token_is_of_its_journey_and_browser() {
        let key = LaunchKey::derive(&[1; 32]);
        let token = key.form_token("journey", "cookie");
        assert!(key.is_form_token(&token, "journey", "cookie"));
        for (sent, journey, cookie) in [
            (token.as_str(), "journey", "cookie2"),
            (token.as_str(), "journey2", "cookie"),
            ("", "journey", "cookie"),
        ] {
            assert!(!key.is_form_token(sent, journey, cookie));
        }
        // The parts do not run into each other.
        assert_ne!(key.form_token("ab", "c"), key.form_token("a", "bc"));
    }
}
