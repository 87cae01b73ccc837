//! The Merkle tree of RFC 6962 (2.1), grown at its right edge.
//!
//! Only the frontier is kept: the roots of the full subtrees, largest first, one for each bit of the size. Adding a leaf
//! costs two hashes on average, the root as many hashes as there are subtrees.

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of a leaf: SHA-256(0x00 ‖ salt ‖ canonical row), RFC 6962 2.1 with a salted entry.
#[must_use]
pub fn leaf_hash(salt: &[u8], row: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0x00])
        .chain_update(salt)
        .chain_update(row)
        .finalize()
        .into()
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([0x01])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The value that ties a row to all rows before it: SHA-256(0x02 ‖ previous ‖ leaf). It names the exact row where the
/// tree alone would only name the group.
#[must_use]
pub fn chain_hash(previous: &Hash, leaf: &Hash) -> Hash {
    Sha256::new()
        .chain_update([0x02])
        .chain_update(previous)
        .chain_update(leaf)
        .finalize()
        .into()
}

/// The right edge of the tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Roots of the full subtrees, largest (leftmost) first.
    nodes: Vec<Hash>,
}

impl Frontier {
    /// From what [`Self::to_bytes`] gave; `None` where it cannot be the frontier of a tree of this size.
    #[must_use]
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let (nodes, rest) = bytes.as_chunks::<32>();
        let fits = rest.is_empty() && nodes.len() == size.count_ones() as usize;
        fits.then(|| Self {
            size,
            nodes: nodes.to_vec(),
        })
    }

    /// The nodes, largest subtree first, for storing.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.nodes.concat()
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds one leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        // Every trailing one of the size is a full subtree as large as the one at hand.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.nodes.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.nodes.push(node);
        self.size += 1;
    }

    /// The Merkle tree hash; of no leaf, SHA-256 of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut nodes = self.nodes.iter().rev();
        let Some(last) = nodes.next() else {
            return Sha256::digest([]).into();
        };
        nodes.fold(*last, |right, left| node_hash(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::hex;

    /// RFC 6962 2.1 as it is written, to check the frontier against.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [only] => *only,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node_hash(
                    &by_definition(&leaves[..split]),
                    &by_definition(&leaves[split..]),
                )
            }
        }
    }

    // R126. The eight entries and their roots are the published test vectors of Certificate Transparency.
    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let entries: [&[u8]; 8] = [
            b"",
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[
                0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
                0x6e, 0x6f,
            ],
        ];
        let mut tree = Frontier::default();
        assert_eq!(
            hex(&tree.root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let mut roots = Vec::new();
        for entry in entries {
            tree.push(leaf_hash(&[], entry));
            roots.push(hex(&tree.root()));
        }
        assert_eq!(
            roots[0],
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        assert_eq!(
            roots[7],
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
        );
    }

    #[test]
    fn any_size_equals_the_definition_and_survives_storing() {
        let mut tree = Frontier::default();
        let mut leaves = Vec::new();
        for n in 0..130_u32 {
            assert_eq!(tree.root(), by_definition(&leaves));
            assert_eq!(
                Frontier::from_bytes(tree.size(), &tree.to_bytes()).as_ref(),
                Some(&tree)
            );
            let leaf = leaf_hash(b"salt", &n.to_be_bytes());
            leaves.push(leaf);
            tree.push(leaf);
        }
        assert_eq!(Frontier::from_bytes(3, &[0; 32]), None);
        assert_eq!(Frontier::from_bytes(1, &[0; 33]), None);
    }
}
