//! Ids: opaque, stable, and telling only a holder of the key anything (design.md 5).
//!
//! A patient's id is a keyed hash of the NHS number. Every other id starts with the patient's, so a read by id knows
//! whose record it is without a look-up.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::record::NhsNumber;

/// The secret that ids are made with. One per installation; the sandbox's is fixed, so its ids are the same everywhere.
#[derive(Clone)]
pub struct IdKey([u8; 32]);

impl std::fmt::Debug for IdKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdKey(…)")
    }
}

/// A patient's FHIR id: 26 characters `a-z2-7`.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct PatientId(String);

const HASH_CHARS: usize = 26;

impl IdKey {
    /// From 32 secret bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The id of the patient with this NHS number.
    #[must_use]
    pub fn patient(&self, nhs_number: &NhsNumber) -> PatientId {
        PatientId(self.hash(&["patient", nhs_number.as_str()]))
    }

    /// The id of something of this patient: `parts` name it uniquely and stably (practice, source, native id, role).
    #[must_use]
    pub fn resource(&self, patient: &PatientId, parts: &[&str]) -> String {
        format!("{}-{}", patient.0, self.hash(parts))
    }

    /// The id of a user of the register, as `Practitioner` and `sub`: no patient's, because of the hyphen.
    #[must_use]
    pub fn user(&self, username: &str) -> String {
        format!("user-{}", self.hash(&["user", username]))
    }

    fn hash(&self, parts: &[&str]) -> String {
        // HMAC takes a key of any length, so this cannot fail; an all-zero id would only collide, never leak.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return "a".repeat(HASH_CHARS);
        };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        base32(&mac.finalize().into_bytes()[..16])
    }
}

impl PatientId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whose is this resource id? `None` where it cannot be one of ours.
    #[must_use]
    pub fn owner_of(resource_id: &str) -> Option<Self> {
        let head = resource_id.get(..HASH_CHARS)?;
        let well_formed = head
            .bytes()
            .all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b));
        let ends = matches!(resource_id.as_bytes().get(HASH_CHARS), None | Some(b'-'));
        (well_formed && ends).then(|| Self(head.to_owned()))
    }

    /// The id of one of this patient's Lists: a tab's or a section's, by its code.
    #[must_use]
    pub fn list(&self, code: &str) -> String {
        format!("{}-{code}", self.0)
    }
}

impl std::fmt::Display for PatientId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 4648 base 32, lower case, no padding.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut out = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(ALPHABET[(buffer >> bits) as usize & 31]));
        }
    }
    if bits > 0 {
        out.push(char::from(ALPHABET[(buffer << (5 - bits)) as usize & 31]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_opaque_and_name_their_owner() {
        let key = IdKey::new([7; 32]);
        let nhs = NhsNumber::parse("9990000018").unwrap();
        let patient = key.patient(&nhs);
        assert_eq!(patient, key.patient(&nhs));
        assert_ne!(patient, IdKey::new([8; 32]).patient(&nhs));
        let id = key.resource(&patient, &["Z99001", "a", "bc"]);
        assert_ne!(id, key.resource(&patient, &["Z99001", "ab", "c"]));
        assert!(id.len() <= 64);
        assert_eq!(PatientId::owner_of(&id).as_ref(), Some(&patient));
        assert_eq!(
            PatientId::owner_of(patient.as_str()).as_ref(),
            Some(&patient)
        );
        assert_eq!(PatientId::owner_of("é-x"), None);
        assert!(patient.list("allergies-and-adverse-reactions").len() <= 64);
    }
}
