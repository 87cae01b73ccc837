//! Signing in with a password: argon2 hashes in the register, a few checks at a time, the same time for nobody.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

/// Checks at a time: each takes 19 MiB and a core (OWASP: argon2id, 19 MiB, two rounds).
const AT_ONCE: usize = 2;
/// Longest password that is looked at, in bytes.
const MAX_PASSWORD: usize = 1024;

/// A hash that no password has; checked where the account has none, so that both take as long.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$b3Blbm1pZy1ub2JvZHkh$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Checks passwords.
#[derive(Debug, Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

/// A password could not be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password cannot be hashed")]
pub struct HashError;

impl Passwords {
    /// Is this the password of this hash? `None` is nobody's, and takes as long.
    pub async fn check(&self, hash: Option<String>, password: String) -> bool {
        let Ok(_permit) = self.permits.acquire().await else {
            return false;
        };
        let checked = tokio::task::spawn_blocking(move || {
            let known = hash.is_some();
            verify(hash.as_deref().unwrap_or(NOBODY), &password) && known
        });
        checked.await.unwrap_or(false)
    }
}

fn verify(hash: &str, password: &str) -> bool {
    password.len() <= MAX_PASSWORD
        && PasswordHash::new(hash).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(password.as_bytes(), &hash)
                .is_ok()
        })
}

/// The hash of a new password, as `users.toml` holds it (PHC string, argon2id).
///
/// # Errors
/// No randomness, or the password is too long.
pub fn hash(password: &str) -> Result<String, HashError> {
    if password.len() > MAX_PASSWORD {
        return Err(HashError);
    }
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|_| HashError)
}

/// Is this a hash that a password can be checked against?
#[must_use]
pub fn is_hash(text: &str) -> bool {
    text.starts_with("$argon2id$") && PasswordHash::new(text).is_ok_and(|hash| hash.hash.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_right_password_and_no_other() {
        let passwords = Passwords::default();
        let hashed = hash("correct horse").unwrap();
        assert!(is_hash(&hashed) && is_hash(NOBODY) && !is_hash("secret"));
        assert!(
            hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hashed}"
        );
        let check = |hash: Option<&str>, password: &str| {
            passwords.check(hash.map(str::to_owned), password.to_owned())
        };
        assert!(check(Some(&hashed), "correct horse").await);
        assert!(!check(Some(&hashed), "correct horsf").await);
        assert!(!check(None, "").await);
        assert!(!check(Some("not a hash"), "not a hash").await);
        assert!(!check(Some(&hashed), &"x".repeat(2000)).await);
        assert!(hash(&"x".repeat(2000)).is_err());
    }
}
