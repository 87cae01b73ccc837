//! What is sealed at rest (R145): the NHS number of an open occasion, because later reads inside the window must ask the
//! source again, and whatever people write in their own words or that names somebody.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;

use crate::clock::random_bytes;
use crate::record::NhsNumber;

/// The installation's key for what is sealed at rest: AES-256-GCM, a fresh random nonce for each.
pub struct SealKey(LessSafeKey);

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(…)")
    }
}

/// Why something cannot be sealed or opened. Says nothing about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No random bytes, or the key cannot be used.
    #[error("nothing can be sealed")]
    Seal,
    /// Another key, another place, or altered bytes.
    #[error("what is sealed cannot be opened")]
    Open,
}

impl SealKey {
    /// From 32 secret bytes.
    ///
    /// # Errors
    /// The cryptographic library does not take the key.
    pub fn new(bytes: &[u8; 32]) -> Result<Self, SealError> {
        UnboundKey::new(&AES_256_GCM, bytes)
            .map(|key| Self(LessSafeKey::new(key)))
            .map_err(|_| SealError::Seal)
    }

    /// Seals a number for one occasion: nonce, then ciphertext with its tag.
    ///
    /// # Errors
    /// No random bytes.
    pub fn seal(&self, occasion: &str, number: &NhsNumber) -> Result<Vec<u8>, SealError> {
        self.lock(occasion, number.as_str())
    }

    /// Seals words for one place, for example `occasion/<id>/talk`: they open there and nowhere else.
    ///
    /// # Errors
    /// No random bytes.
    pub fn seal_text(&self, place: &str, text: &str) -> Result<String, SealError> {
        self.lock(place, text).map(|sealed| BASE64.encode(sealed))
    }

    /// Opens words that were sealed for this place.
    ///
    /// # Errors
    /// They were sealed with another key or for another place, or were altered.
    pub fn open_text(&self, place: &str, sealed: &str) -> Result<String, SealError> {
        let sealed = BASE64.decode(sealed).map_err(|_| SealError::Open)?;
        self.unlock(place, &sealed)
    }

    /// Nonce, then ciphertext with its tag.
    fn lock(&self, place: &str, text: &str) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE_LEN] = random_bytes().map_err(|_| SealError::Seal)?;
        let mut text = text.as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut text,
            )
            .map_err(|_| SealError::Seal)?;
        let mut sealed = nonce.to_vec();
        sealed.append(&mut text);
        Ok(sealed)
    }

    /// Opens what was sealed for this occasion.
    ///
    /// # Errors
    /// It was sealed with another key or for another occasion, or was altered.
    pub fn open(&self, occasion: &str, sealed: &[u8]) -> Result<NhsNumber, SealError> {
        NhsNumber::parse(&self.unlock(occasion, sealed)?).map_err(|_| SealError::Open)
    }

    fn unlock(&self, place: &str, sealed: &[u8]) -> Result<String, SealError> {
        let (nonce, text) = sealed
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(SealError::Open)?;
        let mut text = text.to_vec();
        let plain = self
            .0
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(place.as_bytes()),
                &mut text,
            )
            .map_err(|_| SealError::Open)?;
        String::from_utf8(plain.to_vec()).map_err(|_| SealError::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R145
    #[test]
    fn sealed_words_open_only_at_their_place() {
        let key = SealKey::new(&[1; 32]).unwrap();
        let sealed = key
            .seal_text("occasion/1/talk", "Jo Example, mother")
            .unwrap();
        assert!(!sealed.contains("Example"));
        let open = |place: &str| key.open_text(place, &sealed);
        assert_eq!(open("occasion/1/talk").unwrap(), "Jo Example, mother");
        assert_eq!(open("occasion/2/talk"), Err(SealError::Open));
        assert_eq!(
            key.open_text("occasion/1/talk", "Jo Example"),
            Err(SealError::Open)
        );
        let empty = key.seal_text("x", "").unwrap();
        assert_eq!(key.open_text("x", &empty).unwrap(), "");
    }

    // R145
    #[test]
    fn a_sealed_number_opens_only_with_its_key_and_occasion() {
        let key = SealKey::new(&[1; 32]).unwrap();
        let number = NhsNumber::parse("9990000018").unwrap();
        let sealed = key.seal("one", &number).unwrap();
        assert_ne!(sealed, key.seal("one", &number).unwrap());
        assert!(!sealed.windows(10).any(|window| window == b"9990000018"));
        assert_eq!(key.open("one", &sealed), Ok(number));
        assert_eq!(key.open("two", &sealed), Err(SealError::Open));
        let other = SealKey::new(&[2; 32]).unwrap();
        assert_eq!(other.open("one", &sealed), Err(SealError::Open));
        for n in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[n] ^= 1;
            assert_eq!(key.open("one", &altered), Err(SealError::Open));
            assert_eq!(key.open("one", &sealed[..n]), Err(SealError::Open));
        }
    }
}
