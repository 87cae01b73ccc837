//! The row of the trail, as every engine stores it, and the bytes that its leaf is made of.
//!
//! Everything that costs is done here, on the caller's side: the writer only binds and hashes three blocks a row.

use uuid::Uuid;

use super::merkle::{self, Hash};
use super::{AccessStep, AuditEntry, AuditError, Disclosure, Interaction, What};
use crate::clock;
use crate::fhir::PatientId;

/// The columns that a leaf covers, in canonical order. Adding one means a new migration and a new canonical form.
pub const COLUMNS: [&str; 27] = [
    "id",
    "at",
    "what",
    "failure",
    "request",
    "address",
    "client",
    "clinician",
    "role",
    "assurance",
    "viewer",
    "practice",
    "patient",
    "occasion",
    "purpose",
    "basis",
    "tabs",
    "decision",
    "policy",
    "exclusions",
    "token",
    "interaction",
    "kind",
    "query",
    "version",
    "entries",
    "other_ids",
];

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field<'a> {
    /// Nothing is known.
    Null,
    /// A time in microseconds, or bits.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl<'a> Field<'a> {
    fn text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }

    /// Appends the canonical form: a tag (0 null, 1 integer, 2 text, 3 bytes); then eight bytes big-endian for an
    /// integer, or the length as four bytes big-endian and the bytes.
    fn canonical(self, out: &mut Vec<u8>) {
        let (tag, bytes) = match self {
            Self::Null => return out.push(0),
            Self::Int(n) => {
                out.push(1);
                return out.extend_from_slice(&n.to_be_bytes());
            }
            Self::Text(text) => (2, text.as_bytes()),
            Self::Blob(bytes) => (3, bytes),
        };
        out.push(tag);
        out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(bytes);
    }
}

/// The leaf of a row with this salt and these values, in the order of [`COLUMNS`].
#[must_use]
pub fn leaf_of(salt: &[u8], fields: &[Field<'_>; COLUMNS.len()]) -> Hash {
    let mut bytes = Vec::with_capacity(512);
    for field in fields {
        field.canonical(&mut bytes);
    }
    merkle::leaf_hash(salt, &bytes)
}

/// SHA-256 over what something stored is and its values, in canonical form: how a row of the trail holds to it what stands
/// elsewhere.
#[must_use]
pub fn digest(what: &str, fields: &[Field<'_>]) -> Hash {
    use sha2::{Digest, Sha256};
    let mut bytes = Vec::with_capacity(512);
    Field::Text(what).canonical(&mut bytes);
    for field in fields {
        field.canonical(&mut bytes);
    }
    Sha256::digest(&bytes).into()
}

/// What stands in front of a digest among a row's other ids.
const SEALED: &str = "Sealed/";

/// The digest that one of a row's other ids is; `None` where it is the id of something.
#[must_use]
pub fn sealed_digest(id: &str) -> Option<Hash> {
    crate::text::unhex(id.strip_prefix(SEALED)?)?
        .try_into()
        .ok()
}

/// A row that is ready to be written.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its id, which is also the AuditEvent's.
    pub id: Uuid,
    /// The happening.
    entry: AuditEntry,
    address: Option<String>,
    purpose: Option<String>,
    other_ids: Option<String>,
    /// A registered version's digest, in place of a bitmap.
    digest: Option<(String, Hash)>,
    /// Sixteen random bytes.
    pub salt: [u8; 16],
    /// Its leaf.
    pub leaf: Hash,
}

/// `what` of the row that seals a held version's list of ids.
pub const HELD: &str = "held";

impl Row {
    /// The row of a happening.
    ///
    /// # Errors
    /// No random bytes, or an id that is none.
    pub fn new(entry: AuditEntry) -> Result<Self, AuditError> {
        if !other_ids(&entry.what).iter().all(|id| is_id(id)) {
            return Err(AuditError::NoId);
        }
        Self::build(entry, None)
    }

    /// The row that seals a held version: whose it is and the digest of its list of ids, so that a list changed later is
    /// found out (R126).
    ///
    /// # Errors
    /// No random bytes.
    pub fn held(version: &str, patient: &PatientId, digest: Hash) -> Result<Self, AuditError> {
        let at = clock::new_id()
            .get_timestamp()
            .and_then(|time| {
                let (seconds, nanoseconds) = time.to_unix();
                jiff::Timestamp::new(
                    i64::try_from(seconds).ok()?,
                    i32::try_from(nanoseconds).ok()?,
                )
                .ok()
            })
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let mut entry = AuditEntry::new(at, What::Intent, super::Origin::default());
        entry.patient = Some(patient.clone());
        Self::build(entry, Some((version.to_owned(), digest)))
    }

    fn build(mut entry: AuditEntry, digest: Option<(String, Hash)>) -> Result<Self, AuditError> {
        entry.decision = entry.also.beside(entry.decision.take());
        let salt = clock::random_bytes().map_err(|error| AuditError::Store(error.to_string()))?;
        let mut row = Self {
            id: clock::new_id(),
            address: entry.origin.address.map(|address| address.to_string()),
            purpose: (!entry.purpose.is_empty()).then(|| entry.purpose.join(" ")),
            other_ids: Some(all_ids(&entry)).filter(|ids| !ids.is_empty()),
            digest,
            salt,
            leaf: [0; 32],
            entry,
        };
        row.leaf = leaf_of(&row.salt, &row.fields());
        Ok(row)
    }

    /// The moment of the happening, microseconds since 1970.
    #[must_use]
    pub fn at(&self) -> i64 {
        self.entry.at.as_microsecond()
    }

    /// The values in the order of [`COLUMNS`].
    #[must_use]
    pub fn fields(&self) -> [Field<'_>; COLUMNS.len()] {
        let entry = &self.entry;
        let (what, interaction, disclosure) = match &entry.what {
            _ if self.digest.is_some() => (HELD, None, None),
            What::Access(AccessStep::Token) => ("token", None, None),
            What::Access(AccessStep::Occasion) => ("occasion", None, None),
            What::Access(AccessStep::Override) => ("override", None, None),
            What::Access(AccessStep::Withdrawal) => ("withdrawal", None, None),
            What::Access(AccessStep::Introspection) => ("introspection", None, None),
            What::Access(AccessStep::Terms) => ("terms", None, None),
            What::Intent => ("intent", None, None),
            What::Disclosure(disclosure) => (
                "disclosure",
                Some(&disclosure.interaction),
                Some(disclosure),
            ),
            What::Refused(interaction) => ("refused", Some(interaction), None),
            What::Oversight(overseen) => ("oversight", Some(&overseen.interaction), None),
        };
        let version = match (&self.digest, disclosure) {
            (Some((version, _)), _) => Some(version.as_str()),
            (None, disclosure) => disclosure.and_then(|d| d.version.as_deref()),
        };
        let entries = match (&self.digest, disclosure) {
            (Some((_, digest)), _) => Some(digest.as_slice()),
            (None, disclosure) => disclosure.map(|d: &Disclosure| d.entries.as_slice()),
        };
        [
            Field::Blob(self.id.as_bytes()),
            Field::Int(self.at()),
            Field::Text(what),
            Field::text(entry.failure.as_deref()),
            Field::Text(&entry.origin.request_id),
            Field::text(self.address.as_deref()),
            Field::text(entry.client.as_deref()),
            Field::text(entry.clinician.as_deref()),
            Field::text(entry.role.as_deref()),
            Field::text(entry.assurance.as_deref()),
            Field::text(entry.viewer.as_ref().map(|ods| ods.0.as_str())),
            Field::text(entry.practice.as_ref().map(|ods| ods.0.as_str())),
            Field::text(entry.patient.as_ref().map(PatientId::as_str)),
            Field::text(entry.occasion.as_deref()),
            Field::text(self.purpose.as_deref()),
            Field::text(entry.basis.as_deref()),
            Field::Int(i64::from(entry.tabs.bits())),
            Field::text(entry.decision.as_deref()),
            Field::text(entry.policy.as_deref()),
            Field::text(entry.exclusions.as_deref()),
            Field::text(entry.token.as_deref()),
            Field::text(interaction.map(|i: &Interaction| i.name)),
            Field::text(
                interaction
                    .and_then(|i| i.kind)
                    .map(crate::fhir::Kind::name),
            ),
            Field::text(interaction.map(|i| i.query.as_str())),
            Field::text(version),
            entries.map_or(Field::Null, Field::Blob),
            Field::text(self.other_ids.as_deref()),
        ]
    }
}

/// The ids that are of no held record.
fn other_ids(what: &What) -> &[String] {
    match what {
        What::Disclosure(disclosed) => &disclosed.other_ids,
        What::Oversight(overseen) => &overseen.other_ids,
        What::Access(_) | What::Intent | What::Refused(_) => &[],
    }
}

/// Other ids and the digests of what the row holds to itself, one a line.
fn all_ids(entry: &AuditEntry) -> String {
    let digests = entry
        .binds
        .iter()
        .map(|digest| format!("{SEALED}{}", crate::text::hex(digest)));
    let ids: Vec<String> = other_ids(&entry.what)
        .iter()
        .cloned()
        .chain(digests)
        .collect();
    ids.join("\n")
}

/// Is this a FHIR id, with or without its type in front? Nothing else may stand in the trail as an id (R128).
#[must_use]
pub fn is_id(text: &str) -> bool {
    let (kind, id) = text.split_once('/').unwrap_or(("Resource", text));
    !kind.is_empty()
        && kind.bytes().all(|b| b.is_ascii_alphabetic())
        && (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// The ids of a held version as they are stored: one a line, `~` for the patient's id, which nearly every one repeats.
#[must_use]
pub fn pack_ids(patient: &PatientId, ids: &[String]) -> String {
    ids.join("\n").replace(patient.as_str(), "~")
}

/// The ids again.
pub fn unpack_ids<'a>(patient: &'a str, packed: &'a str) -> impl Iterator<Item = String> + 'a {
    packed.lines().map(move |line| line.replace('~', patient))
}

/// What seals a version: SHA-256 over the patient's id, a line feed and the packed ids.
#[must_use]
pub fn version_digest(patient: &str, packed: &str) -> Hash {
    use sha2::{Digest, Sha256};
    Sha256::new()
        .chain_update(patient)
        .chain_update("\n")
        .chain_update(packed)
        .finalize()
        .into()
}

/// Sets bit `n` of a bitmap: bit n is bit `n % 8` (lowest first) of byte `n / 8`.
pub fn mark(entries: &mut Vec<u8>, n: usize) {
    if entries.len() <= n / 8 {
        entries.resize(n / 8 + 1, 0);
    }
    if let Some(byte) = entries.get_mut(n / 8) {
        *byte |= 1 << (n % 8);
    }
}

/// Is bit `n` of a bitmap set?
#[must_use]
pub fn is_marked(entries: &[u8], n: usize) -> bool {
    entries
        .get(n / 8)
        .is_some_and(|byte| byte & (1 << (n % 8)) != 0)
}

/// How many bits are set.
#[must_use]
pub fn count_marked(entries: &[u8]) -> u32 {
    entries.iter().map(|byte| byte.count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    // R128
    #[test]
    fn only_ids_are_ids() {
        for id in ["abc-1", "Condition/abc-1.2", &"a".repeat(64)] {
            assert!(is_id(id), "{id}");
        }
        for text in [
            "",
            "Condition/",
            "/x",
            "Type 2 diabetes",
            "a/b/c",
            "a~b",
            "a\nb",
            "Gonorrhöe",
            &"a".repeat(65),
        ] {
            assert!(!is_id(text), "{text}");
        }
    }

    #[test]
    fn a_bitmap_counts_from_the_lowest_bit() {
        let mut bits = Vec::new();
        for n in [0, 9, 17] {
            mark(&mut bits, n);
        }
        assert_eq!(bits, [0b1, 0b10, 0b10]);
        assert_eq!(count_marked(&bits), 3);
        let marked: Vec<_> = (0..100).filter(|n| is_marked(&bits, *n)).collect();
        assert_eq!(marked, [0, 9, 17]);
    }

    // R126: two rows that differ in anything have different leaves, also where text moves from one column to the next.
    #[test]
    fn every_column_is_in_the_leaf() {
        let plain = [Field::Null; COLUMNS.len()];
        let mut leaves = vec![leaf_of(b"salt", &plain), leaf_of(b"tlas", &plain)];
        for n in 0..COLUMNS.len() {
            for value in [
                Field::Int(0),
                Field::Text(""),
                Field::Text("a"),
                Field::Blob(b""),
                Field::Blob(b"a"),
            ] {
                let mut fields = plain;
                fields[n] = value;
                leaves.push(leaf_of(b"salt", &fields));
            }
        }
        let all = leaves.len();
        leaves.sort_unstable();
        leaves.dedup();
        assert_eq!(leaves.len(), all);
    }
}
