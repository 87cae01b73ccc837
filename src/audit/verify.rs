//! Checks that nothing in the trail was edited, deleted, reordered, inserted or cut off (R126).
//!
//! Three things are compared for every row: its number (no gap), its chain value (this row after exactly those before it),
//! and, at every stored tree head, the root of the Merkle tree. Someone who can write to the file can also recompute all of
//! them; against that stand the heads that the gateway signed (`signed`), and above all a head that was kept elsewhere.
//! What is stored beside the trail, people's sealed words among it, is held to the rows that tell of it.

use std::path::Path;
use std::str::FromStr;

use jiff::Timestamp;

use super::merkle::{self, Frontier, Hash};
use super::row::{self, COLUMNS, Field};
use super::signed::BadHead;
use crate::smart::jwks::KeySet;
use crate::text::hex;

/// The root of the trail when it had this many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// Rows.
    pub size: u64,
    /// Merkle tree hash over their leaves.
    pub root: Hash,
    /// The latest time in its group of rows.
    pub at: Timestamp,
}

/// Writes `size:root`, the root in hex: what to keep elsewhere.
impl std::fmt::Display for TreeHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.size, hex(&self.root))
    }
}

/// Not `size:root`.
#[derive(Debug, thiserror::Error)]
#[error("a tree head is written as its size, a colon and 64 hexadecimal digits")]
pub struct NoTreeHead;

/// Reads `size:root`; the time is not part of it and comes out as 1970.
impl FromStr for TreeHead {
    type Err = NoTreeHead;

    fn from_str(text: &str) -> Result<Self, NoTreeHead> {
        let (size, hex) = text.trim().split_once(':').ok_or(NoTreeHead)?;
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(NoTreeHead);
        }
        let mut root = [0; 32];
        for (byte, digits) in root.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| NoTreeHead)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NoTreeHead)?;
        }
        Ok(Self {
            size: size.parse().map_err(|_| NoTreeHead)?,
            root,
            at: Timestamp::UNIX_EPOCH,
        })
    }
}

/// A trail without a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Rows.
    pub size: u64,
    /// Merkle tree hash over all of them.
    pub root: Hash,
    /// Tree heads that were compared.
    pub heads: u64,
    /// Lists of ids (held versions) that were compared.
    pub versions: u64,
    /// Signed tree heads, whose signatures and roots were compared.
    pub signed: u64,
    /// Things stored beside the trail that were compared with the rows that hold them.
    pub bound: u64,
}

impl Verified {
    /// In words, for people.
    #[must_use]
    pub fn words(&self) -> String {
        format!(
            "the trail is whole: {} rows, {} tree heads, {} of them signed; {} lists of ids and {} sealed entries beside it are \
             as they were written; head {}:{}",
            self.size,
            self.heads,
            self.signed,
            self.versions,
            self.bound,
            self.size,
            hex(&self.root)
        )
    }
}

/// A head that a trail is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The head.
    pub head: TreeHead,
    /// What it means when the trail has another root.
    pub why: &'static str,
}

/// A head that somebody kept elsewhere says something else.
pub const OTHER_THAN_KEPT: &str = "the trail up to the known tree head is another one";
/// A head that the gateway signed says something else.
pub const OTHER_THAN_SIGNED: &str =
    "two histories: the trail is not the one whose tree head the gateway signed";

/// What a trail is verified against, besides itself.
#[derive(Default)]
pub struct Against {
    /// Heads that were kept elsewhere: the trail must contain each.
    pub kept: Vec<TreeHead>,
    /// The gateway's public keys, from elsewhere. Without them signatures are checked with the keys that lie in the store,
    /// which protects from nobody who may write there.
    pub keys: Option<KeySet>,
}

/// The first row that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {seq}: {why}")]
pub struct FirstBad {
    /// Its number.
    pub seq: u64,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Why a trail is not verified.
#[derive(Debug, thiserror::Error)]
pub enum NotVerified {
    /// It was altered.
    #[error("the audit trail has been altered; {0}")]
    Altered(#[from] FirstBad),
    /// A signed tree head in the store is not genuine.
    #[error("a signed tree head of {size} rows in the store is not genuine: {why}")]
    Forged {
        /// Rows that it says it stands for.
        size: u64,
        /// Why.
        why: BadHead,
    },
    /// It cannot be read to its end.
    #[error("the audit trail cannot be read: {0}")]
    Unreadable(String),
}

/// An engine of the store whose trail can be verified while it is in use.
pub trait VerifyTrail: Send + Sync {
    /// Recomputes it over every row.
    ///
    /// # Errors
    /// The first bad row; or it cannot be read.
    fn verify_trail(&self, against: &Against) -> Result<Verified, NotVerified>;
}

/// Recomputes the whole trail of a SQLite store, while it is in use or at rest; changes nothing.
///
/// # Errors
/// The first bad row; or the file cannot be read.
pub fn verify(path: &Path) -> Result<Verified, NotVerified> {
    crate::store::sqlite::verify(path, &Against::default())
}

/// The same, and the trail must contain this tree head, which was kept elsewhere: so that a trail that was cut off or
/// rewritten together with its own heads is found out too.
///
/// # Errors
/// The first bad row; or the file cannot be read.
pub fn verify_against(path: &Path, known: TreeHead) -> Result<Verified, NotVerified> {
    let against = Against {
        kept: vec![known],
        keys: None,
    };
    crate::store::sqlite::verify(path, &against)
}

/// The check itself, fed by an engine: rows in the order of their numbers, tree heads in the order of their sizes.
pub struct Verifier<H: Iterator<Item = TreeHead>> {
    tree: Frontier,
    chain: Hash,
    heads: std::iter::Peekable<H>,
    compared: u64,
    sealed: u64,
    known: std::iter::Peekable<std::vec::IntoIter<Known>>,
    /// Rows up to here are those of a known head.
    agreed: u64,
}

impl<H: Iterator<Item = TreeHead>> Verifier<H> {
    /// Starts before the first row.
    pub fn new(heads: H, mut known: Vec<Known>) -> Self {
        known.retain(|known| known.head.size > 0);
        known.sort_by_key(|known| known.head.size);
        Self {
            tree: Frontier::default(),
            chain: [0; 32],
            heads: heads.peekable(),
            compared: 0,
            sealed: 0,
            known: known.into_iter().peekable(),
            agreed: 0,
        }
    }

    /// The next row.
    ///
    /// # Errors
    /// It is not the one that was written there.
    pub fn row(
        &mut self,
        seq: u64,
        salt: &[u8],
        fields: &[Field<'_>; COLUMNS.len()],
        chain: &[u8],
    ) -> Result<(), FirstBad> {
        let expected = self.tree.size() + 1;
        let bad = |why| Err(FirstBad { seq: expected, why });
        if seq != expected {
            return bad("it is missing");
        }
        let leaf = row::leaf_of(salt, fields);
        self.chain = merkle::chain_hash(&self.chain, &leaf);
        if self.chain != chain {
            return bad("it was changed, moved or put in");
        }
        self.tree.push(leaf);
        while let Some(head) = self.heads.next_if(|head| head.size <= seq) {
            if head.size != seq || head.root != self.tree.root() {
                return Err(FirstBad {
                    seq: self.sealed + 1,
                    why: "from here on the rows do not match their tree head",
                });
            }
            self.compared += 1;
            self.sealed = seq;
        }
        while let Some(known) = self.known.next_if(|known| known.head.size <= seq) {
            if known.head.root != self.tree.root() {
                return Err(FirstBad {
                    seq: self.agreed + 1,
                    why: known.why,
                });
            }
            self.agreed = seq;
        }
        Ok(())
    }

    /// After the last row.
    ///
    /// # Errors
    /// Rows are missing at the end, or are there that no tree head covers.
    pub fn finish(mut self, end: (u64, Hash, &[u8])) -> Result<Verified, FirstBad> {
        let size = self.tree.size();
        let (sealed_size, sealed_chain, sealed_nodes) = end;
        let cut = self.heads.next().is_some() || sealed_size > size || self.known.next().is_some();
        if cut {
            return Err(FirstBad {
                seq: size + 1,
                why: "it and all after it were cut off",
            });
        }
        if self.sealed < size {
            return Err(FirstBad {
                seq: self.sealed + 1,
                why: "no tree head covers it",
            });
        }
        if sealed_size != size || sealed_chain != self.chain || sealed_nodes != self.tree.to_bytes()
        {
            return Err(FirstBad {
                seq: sealed_size.min(size) + 1,
                why: "from here on the trail is not the one that was sealed",
            });
        }
        Ok(Verified {
            size,
            root: self.tree.root(),
            heads: self.compared,
            versions: 0,
            signed: 0,
            bound: 0,
        })
    }

    /// How many rows were good so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_head_is_read_as_it_is_written() {
        let head = TreeHead {
            size: 12,
            root: std::array::from_fn(|n| n as u8 * 7),
            at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(head.to_string().parse::<TreeHead>().unwrap(), head);
        for text in ["", "12", "12:", "x:00", &format!("1:{}", "é".repeat(32))] {
            assert!(text.parse::<TreeHead>().is_err(), "{text}");
        }
    }
}
