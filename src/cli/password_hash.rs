//! `openmig password-hash`: what `users.toml` holds in place of a password. The password comes by standard input, because a
//! command line is seen by everybody who may list processes.

use std::io::Read;

use crate::smart::password;

/// Shortest password, in characters (NIST SP 800-63B 5.1.1.1).
const SHORTEST: usize = 8;
/// Most bytes that are read.
const MOST: u64 = 4096;

/// Reads a password, of which one line break at its end is no part, and gives its hash.
///
/// # Errors
/// In words: it cannot be read, or is too short or too long.
pub fn hashed(from: &mut dyn Read) -> Result<String, String> {
    let mut text = String::new();
    from.take(MOST)
        .read_to_string(&mut text)
        .map_err(|_| "the password cannot be read as text".to_owned())?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let password = text.strip_suffix('\r').unwrap_or(text);
    if password.chars().count() < SHORTEST || password.chars().any(char::is_control) {
        return Err(format!(
            "a password is one line of {SHORTEST} characters or more, on standard input"
        ));
    }
    password::hash(password).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smart::password::{Passwords, is_hash};

    #[tokio::test]
    async fn a_password_comes_by_standard_input() {
        let hash = |text: &str| hashed(&mut text.as_bytes());
        let good = hash("correct horse\r\n").unwrap();
        assert!(is_hash(&good) && !good.contains("correct"));
        let passwords = Passwords::default();
        assert!(
            passwords
                .check(Some(good), "correct horse".to_owned())
                .await
        );
        for bad in ["", "\n", "short\n", "two lines\nhere", &"x".repeat(2000)] {
            assert!(hash(bad).is_err(), "{bad}");
        }
        assert!(hashed(&mut &b"\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..]).is_err());
    }
}
