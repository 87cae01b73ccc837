//! Inclusion proofs (RFC 6962 2.1.1, RFC 9162 2.1.3), and an export of rows that anybody can check without the store: the rows,
//! each with its salt and path, the lists of ids that they count through, and the tree head (R130).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::merkle::{self, Hash};
use super::row::{self, COLUMNS, Field};
use super::signed::{BadHead, SignedHead};
use super::verify::TreeHead;
use crate::smart::jwks::KeySet;
use crate::text::{hex, unhex};

/// The tree over all leaves, level by level; a node without a sibling moves up as it is, which gives RFC 6962's tree.
#[derive(Debug, Clone)]
pub struct Tree {
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Over these leaves.
    #[must_use]
    pub fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => merkle::node_hash(left, right),
                    [only] => *only,
                    _ => [0; 32],
                })
                .collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// Its root; `None` without leaves.
    #[must_use]
    pub fn root(&self) -> Option<Hash> {
        self.levels.last()?.first().copied()
    }

    /// How many leaves it has.
    #[must_use]
    pub(super) fn size(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }

    /// The root over the leaves `from..to`, where the tree has a node for exactly these: a whole subtree, or what is left of
    /// one at the right edge.
    pub(super) fn range(&self, from: usize, to: usize) -> Option<Hash> {
        let level = to.checked_sub(from)?.checked_next_power_of_two()?.ilog2() as usize;
        self.levels.get(level)?.get(from >> level).copied()
    }

    /// The hashes that lead from leaf `index` (from 0) to the root.
    #[must_use]
    pub fn path(&self, index: usize) -> Vec<Hash> {
        let mut at = index;
        let mut path = Vec::new();
        for level in &self.levels {
            if level.len() > 1 {
                path.extend(level.get(at ^ 1).copied());
            }
            at /= 2;
        }
        path
    }
}

/// The root that this leaf at `index` (from 0) of a tree of `size` leaves leads to by this path (RFC 9162 2.1.3.2).
#[must_use]
pub fn root_of(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut root = leaf;
    for hash in path {
        if last == 0 {
            return None;
        }
        if at % 2 == 1 || at == last {
            root = merkle::node_hash(hash, &root);
            while at % 2 == 0 && at != 0 {
                at /= 2;
                last /= 2;
            }
        } else {
            root = merkle::node_hash(&root, hash);
        }
        at /= 2;
        last /= 2;
    }
    (last == 0).then_some(root)
}

/// What an export says it is.
pub const FORMAT: &str = "openmig-audit-export/1";

/// A value of a row in an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes, in hexadecimal.
    Bytes {
        /// The bytes.
        hex: String,
    },
}

impl Value {
    /// Of a stored value.
    #[must_use]
    pub fn of(field: Field<'_>) -> Self {
        match field {
            Field::Null => Self::Null,
            Field::Int(n) => Self::Int(n),
            Field::Text(text) => Self::Text(text.to_owned()),
            Field::Blob(bytes) => Self::Bytes { hex: hex(bytes) },
        }
    }
}

/// A row in an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenRow {
    /// Its number in the trail.
    pub seq: u64,
    /// Its salt, hexadecimal.
    pub salt: String,
    /// Its values by column.
    pub row: BTreeMap<String, Value>,
    /// The way from its leaf to the root, hexadecimal.
    pub path: Vec<String>,
}

/// A list of ids that rows count through; the row that seals it is among the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldIds {
    /// The patient.
    pub patient: String,
    /// The ids as they are stored: one a line, `~` for the patient's id.
    pub ids: String,
}

/// An export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// [`FORMAT`].
    pub format: String,
    /// What was asked for, in words.
    pub about: String,
    /// When it was made.
    pub made_at: jiff::Timestamp,
    /// `size:root` of the whole trail then.
    pub head: String,
    /// The same head, signed by the gateway; exports of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_head: Option<String>,
    /// The rows, in order.
    pub rows: Vec<ProvenRow>,
    /// The lists of ids by version.
    pub versions: BTreeMap<String, HeldIds>,
}

/// What an export was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Rows, those that seal lists of ids not counted.
    pub rows: usize,
    /// Lists of ids.
    pub versions: usize,
    /// The tree head under which all rows are proven.
    pub head: TreeHead,
}

/// Why an export is not what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
    /// Not an export of this format.
    #[error("this is not an export of the audit trail ({0})")]
    Format(&'static str),
    /// A row was changed, or is not of this trail.
    #[error("row {0} is not the one that the tree head stands for")]
    Row(u64),
    /// Rows are out of order or there twice.
    #[error("row {0} is out of order or there twice")]
    Order(u64),
    /// A list of ids was changed, or is missing.
    #[error("the list of ids of version {0} is missing or not the one that the trail sealed")]
    Version(String),
    /// The head's signature.
    #[error(transparent)]
    Signature(#[from] BadHead),
    /// There is none, and one was asked for.
    #[error("the export is not signed")]
    Unsigned,
    /// The head kept elsewhere is of the same size, and another.
    #[error("the tree head is not the one that was kept elsewhere")]
    OtherHead,
    /// The head kept elsewhere is of another size.
    #[error(
        "the tree head that was kept elsewhere is of another size: export again, or verify the whole trail against it"
    )]
    OtherSize,
}

/// Checks an export with nothing but itself and, where it was kept elsewhere, the tree head of the moment it was made.
///
/// # Errors
/// The first thing that is not as it was written.
pub fn check(export: &Export, known: Option<TreeHead>) -> Result<Checked, NotProven> {
    if export.format != FORMAT {
        return Err(NotProven::Format("format"));
    }
    let head: TreeHead = export.head.parse().map_err(|_| NotProven::Format("head"))?;
    if let Some(known) = known {
        if known.size != head.size {
            return Err(NotProven::OtherSize);
        }
        if known.root != head.root {
            return Err(NotProven::OtherHead);
        }
    }
    if let Some(jws) = &export.signed_head {
        SignedHead::read(jws)?.is_of(head.size, &head.root)?;
    }
    let mut before = 0;
    let mut sealed: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    let mut counted = 0;
    for proven in &export.rows {
        if proven.seq <= before {
            return Err(NotProven::Order(proven.seq));
        }
        before = proven.seq;
        let bad = || NotProven::Row(proven.seq);
        if proven.row.len() != COLUMNS.len() {
            return Err(bad());
        }
        let bytes: Vec<Vec<u8>> = COLUMNS
            .iter()
            .map(|column| match proven.row.get(*column) {
                Some(Value::Bytes { hex }) => unhex(hex),
                _ => Some(Vec::new()),
            })
            .collect::<Option<_>>()
            .ok_or_else(bad)?;
        let mut fields = [Field::Null; COLUMNS.len()];
        for ((field, column), bytes) in fields.iter_mut().zip(COLUMNS).zip(&bytes) {
            *field = match proven.row.get(column).ok_or_else(bad)? {
                Value::Null => Field::Null,
                Value::Int(n) => Field::Int(*n),
                Value::Text(text) => Field::Text(text),
                Value::Bytes { .. } => Field::Blob(bytes),
            };
        }
        let salt = unhex(&proven.salt).ok_or_else(bad)?;
        let path: Vec<Hash> = proven
            .path
            .iter()
            .map(|step| unhex(step)?.try_into().ok())
            .collect::<Option<_>>()
            .ok_or_else(bad)?;
        let leaf = row::leaf_of(&salt, &fields);
        if root_of(leaf, proven.seq - 1, head.size, &path) != Some(head.root) {
            return Err(bad());
        }
        match (
            proven.row.get("what"),
            proven.row.get("version"),
            proven.row.get("entries"),
        ) {
            (Some(Value::Text(what)), Some(Value::Text(version)), Some(Value::Bytes { hex }))
                if what == row::HELD =>
            {
                sealed.insert(version, unhex(hex).ok_or_else(bad)?);
            }
            _ => counted += 1,
        }
    }
    for (version, held) in &export.versions {
        let digest = row::version_digest(&held.patient, &held.ids);
        if sealed.get(version.as_str()).map(Vec::as_slice) != Some(digest.as_slice()) {
            return Err(NotProven::Version(version.clone()));
        }
    }
    // A row that shows entries needs its list, or nobody can say which they were.
    for proven in &export.rows {
        if let (Some(Value::Text(version)), Some(Value::Bytes { hex })) =
            (proven.row.get("version"), proven.row.get("entries"))
        {
            let shows = unhex(hex).is_some_and(|bytes| row::count_marked(&bytes) > 0);
            if shows && !export.versions.contains_key(version) {
                return Err(NotProven::Version(version.clone()));
            }
        }
    }
    Ok(Checked {
        rows: counted,
        versions: export.versions.len(),
        head,
    })
}

/// Checks the signature of an export's head, where there are keys to check it with.
///
/// # Errors
/// It is not genuine, or there is none.
pub fn check_signature(export: &Export, keys: Option<&KeySet>) -> Result<(), NotProven> {
    match (&export.signed_head, keys) {
        (Some(jws), Some(keys)) => Ok(SignedHead::read(jws)?.verify(keys)?),
        (None, Some(_)) => Err(NotProven::Unsigned),
        (_, None) => Ok(()),
    }
}

/// What makes exports: an engine of the store.
pub trait Exporter: Send + Sync {
    /// The rows that pass the filter, with the rows that seal the lists of ids they need, all proven under the newest head.
    ///
    /// # Errors
    /// The store failed, or its trail does not match its own head.
    fn export(
        &self,
        filter: &super::reader::Filter,
        about: &str,
        made_at: jiff::Timestamp,
    ) -> Result<Export, crate::store::StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::merkle::{Frontier, leaf_hash};

    // R130: every leaf of every small tree is proven, and by no other path, place, size or leaf
    #[test]
    fn a_path_proves_its_leaf_and_nothing_else() {
        for size in 1..40_u64 {
            let leaves: Vec<Hash> = (0..size)
                .map(|n| leaf_hash(b"s", &n.to_be_bytes()))
                .collect();
            let mut frontier = Frontier::default();
            leaves.iter().for_each(|leaf| frontier.push(*leaf));
            let tree = Tree::new(leaves.clone());
            assert_eq!(tree.root(), Some(frontier.root()));
            for index in 0..size {
                let path = tree.path(index as usize);
                let leaf = leaves[index as usize];
                assert_eq!(
                    root_of(leaf, index, size, &path),
                    tree.root(),
                    "{index} of {size}"
                );
                assert_ne!(root_of([7; 32], index, size, &path), tree.root());
                assert_eq!(root_of(leaf, size, size, &path), None);
                let mut longer = path.clone();
                longer.push([1; 32]);
                assert_ne!(root_of(leaf, index, size, &longer), tree.root());
                if size > 1 {
                    assert_ne!(root_of(leaf, index, size, &path[1..]), tree.root());
                    let other = (index + 1) % size;
                    assert_ne!(root_of(leaf, other, size, &path), tree.root());
                }
            }
        }
    }
}
