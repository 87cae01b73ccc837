//! Native ids of the suppliers: the same practice, person and key always give the same.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// What an id stands for, so that keys of different kinds never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// A fact; a problem has the id of its fact.
    Fact,
    /// A contact.
    Contact,
    /// What was typed in a contact.
    Narrative,
    /// The header row of readings that were taken together.
    Together,
    /// The document behind a letter.
    Document,
    /// The patient.
    Patient,
    /// The patient as a person, and their address.
    Person,
    /// An address of the patient.
    Address,
    /// The registration.
    Registration,
    /// One answer.
    Answer,
    /// A stay of a problem in the problem list (SystmOne).
    Problem,
    /// A referral (SystmOne).
    Referral,
    /// A task (SystmOne).
    Task,
    /// The practice; keys count its parts.
    Practice,
    /// A member of staff as a person.
    StaffPerson,
    /// A member of staff as a user.
    User,
    /// A member of staff in a role.
    UserInRole,
    /// A role.
    Role,
    /// A confidentiality policy.
    Policy,
    /// A location type.
    LocationType,
}

/// Makes ids for one person at one practice.
#[derive(Clone)]
pub struct Ids {
    person: Sha256,
    practice: Sha256,
}

impl Ids {
    /// For the person `nhs_number` at `practice`.
    pub fn new(practice: &str, nhs_number: &str) -> Self {
        let practice = Sha256::new_with_prefix(format!("{practice}|"));
        let mut person = practice.clone();
        person.update(nhs_number);
        Self { person, practice }
    }

    /// A GUID in lower case, without braces.
    pub fn guid(&self, of: Of, key: u32) -> String {
        let bytes = self.bytes(of, key);
        let mut out = String::with_capacity(36);
        for (place, byte) in bytes.iter().take(16).enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                out.push('-');
            }
            // Version 4 and the usual variant, as the suppliers' own.
            let byte = match place {
                6 => (byte & 0x0f) | 0x40,
                8 => (byte & 0x3f) | 0x80,
                _ => *byte,
            };
            // Writing to a String cannot fail.
            let _ = write!(out, "{byte:02x}");
        }
        out
    }

    /// A SystmOne UID: sixteen hexadecimal digits, padded with noughts on the right.
    pub fn uid(&self, of: Of, key: u32) -> String {
        let mut out = String::with_capacity(16);
        for byte in self.bytes(of, key).iter().take(6) {
            let _ = write!(out, "{byte:02x}");
        }
        out.push_str("0000");
        out
    }

    fn bytes(&self, of: Of, key: u32) -> [u8; 32] {
        let shared = matches!(
            of,
            Of::Practice
                | Of::StaffPerson
                | Of::User
                | Of::UserInRole
                | Of::Role
                | Of::Policy
                | Of::LocationType
        );
        let mut hash = if shared {
            self.practice.clone()
        } else {
            self.person.clone()
        };
        hash.update([b'|', of as u8]);
        hash.update(key.to_be_bytes());
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_same_every_time_and_differ_by_practice_person_kind_and_key() {
        let ids = Ids::new("Z99001", "9990000018");
        let id = ids.guid(Of::Fact, 7);
        assert_eq!(id, Ids::new("Z99001", "9990000018").guid(Of::Fact, 7));
        assert_eq!(id.len(), 36);
        for other in [
            Ids::new("Z99003", "9990000018").guid(Of::Fact, 7),
            Ids::new("Z99001", "9990000751").guid(Of::Fact, 7),
            ids.guid(Of::Contact, 7),
            ids.guid(Of::Fact, 8),
        ] {
            assert_ne!(id, other);
        }
        let uid = ids.uid(Of::Contact, 1);
        assert_eq!(uid.len(), 16);
        assert!(uid.ends_with("0000"));
    }

    #[test]
    fn staff_are_the_same_for_all_patients_of_a_practice() {
        let one = Ids::new("Z99001", "9990000018");
        let other = Ids::new("Z99001", "9990000751");
        assert_eq!(one.guid(Of::UserInRole, 0), other.guid(Of::UserInRole, 0));
    }
}
