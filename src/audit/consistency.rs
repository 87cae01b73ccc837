//! Consistency proofs (RFC 6962 2.1.2, RFC 9162 2.1.4): that the trail of today begins with the trail of the day on which
//! somebody kept its tree head, row for row. Whoever kept a head can check that without seeing a single row.

use serde::{Deserialize, Serialize};

use super::merkle::{Hash, node_hash};
use super::proof::Tree;
use super::signed::{BadHead, SignedHead};
use super::verify::TreeHead;
use crate::smart::jwks::KeySet;
use crate::text::{hex, unhex};

/// What a proof says it is.
pub const FORMAT: &str = "openmig-consistency/1";

impl Tree {
    /// The hashes that lead from the root over the first `first` leaves to this tree's root; `None` where there are not so
    /// many leaves, or none is asked for.
    #[must_use]
    pub fn consistency(&self, first: u64) -> Option<Vec<Hash>> {
        let (first, size) = (usize::try_from(first).ok()?, self.size());
        if first == 0 || first > size {
            return None;
        }
        let mut path = Vec::new();
        self.subproof(first, 0, size, true, &mut path)?;
        Some(path)
    }

    /// RFC 6962 2.1.2, SUBPROOF; the leaves `from..to`, of which `first` are the older tree's.
    fn subproof(
        &self,
        first: usize,
        from: usize,
        to: usize,
        whole: bool,
        path: &mut Vec<Hash>,
    ) -> Option<()> {
        let size = to - from;
        if first == size {
            // The older tree's own root is known to whoever asks.
            if !whole {
                path.push(self.range(from, to)?);
            }
            return Some(());
        }
        let split = size.next_power_of_two() / 2;
        if first <= split {
            self.subproof(first, from, from + split, whole, path)?;
            path.push(self.range(from + split, to)?);
        } else {
            self.subproof(first - split, from + split, to, false, path)?;
            path.push(self.range(from, from + split)?);
        }
        Some(())
    }
}

/// Does this path lead from a root over `first` leaves to one over `second` (RFC 9162 2.1.4.2)?
#[must_use]
pub fn leads(first: (u64, Hash), second: (u64, Hash), path: &[Hash]) -> bool {
    let ((first_size, first_root), (second_size, second_root)) = (first, second);
    if first_size == 0 || first_size > second_size {
        return false;
    }
    if first_size == second_size {
        return path.is_empty() && first_root == second_root;
    }
    let mut steps = path.iter();
    let start = if first_size.is_power_of_two() {
        first_root
    } else {
        match steps.next() {
            Some(step) => *step,
            None => return false,
        }
    };
    let (mut old, mut new) = (start, start);
    let shift = (first_size - 1).trailing_ones();
    let mut at = (first_size - 1) >> shift;
    let mut last = (second_size - 1) >> shift;
    for step in steps {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            old = node_hash(step, &old);
            new = node_hash(step, &new);
            while at % 2 == 0 && at != 0 {
                at /= 2;
                last /= 2;
            }
        } else {
            new = node_hash(&new, step);
        }
        at /= 2;
        last /= 2;
    }
    last == 0 && old == first_root && new == second_root
}

/// A proof as it is handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// [`FORMAT`].
    pub format: String,
    /// The older head, `size:root`, as the trail has it now.
    pub first: String,
    /// The newer head, `size:root`.
    pub second: String,
    /// The way from one to the other, hexadecimal.
    pub proof: Vec<String>,
    /// The newer head, signed.
    pub signed_head: Option<String>,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotConsistent {
    /// Not a proof of this format.
    #[error("this is not a consistency proof ({0})")]
    Format(&'static str),
    /// It is a proof for another head than the one that was kept.
    #[error("the proof starts from a head of {0} rows, the head that was kept has {1}")]
    OtherSize(u64, u64),
    /// Two histories.
    #[error(
        "two histories: the trail's first {0} rows are not those that the head which was kept stands for"
    )]
    OtherHistory(u64),
    /// The hashes do not lead from one head to the other.
    #[error("the proof does not lead from the older head to the newer one")]
    Broken,
    /// The newer head's signature.
    #[error(transparent)]
    Signature(#[from] BadHead),
    /// There is no signature, and one was asked for.
    #[error("the newer head is not signed")]
    Unsigned,
}

impl Consistency {
    /// Checks the proof by itself, against the head that was kept, and, with `keys`, the newer head's signature. Gives both.
    ///
    /// # Errors
    /// See [`NotConsistent`].
    pub fn check(
        &self,
        kept: Option<TreeHead>,
        keys: Option<&KeySet>,
    ) -> Result<(TreeHead, TreeHead), NotConsistent> {
        if self.format != FORMAT {
            return Err(NotConsistent::Format("format"));
        }
        let head = |text: &str, what| text.parse().map_err(|_| NotConsistent::Format(what));
        let first: TreeHead = head(&self.first, "first")?;
        let second: TreeHead = head(&self.second, "second")?;
        if let Some(kept) = kept {
            if kept.size != first.size {
                return Err(NotConsistent::OtherSize(first.size, kept.size));
            }
            if kept.root != first.root {
                return Err(NotConsistent::OtherHistory(first.size));
            }
        }
        let path: Vec<Hash> = self
            .proof
            .iter()
            .map(|step| unhex(step)?.try_into().ok())
            .collect::<Option<_>>()
            .ok_or(NotConsistent::Format("proof"))?;
        if !leads((first.size, first.root), (second.size, second.root), &path) {
            return Err(NotConsistent::Broken);
        }
        match (&self.signed_head, keys) {
            (Some(jws), keys) => {
                let signed = SignedHead::read(jws)?;
                signed.is_of(second.size, &second.root)?;
                if let Some(keys) = keys {
                    signed.verify(keys)?;
                }
            }
            (None, Some(_)) => return Err(NotConsistent::Unsigned),
            (None, None) => {}
        }
        Ok((first, second))
    }

    /// From what a store found.
    #[must_use]
    pub fn new(first: &TreeHead, second: &TreeHead, path: &[Hash]) -> Self {
        Self {
            format: FORMAT.to_owned(),
            first: first.to_string(),
            second: second.to_string(),
            proof: path.iter().map(|hash| hex(hash)).collect(),
            signed_head: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::merkle::{Frontier, leaf_hash};

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|n| leaf_hash(b"s", &n.to_be_bytes())).collect()
    }

    fn root(leaves: &[Hash]) -> Hash {
        let mut frontier = Frontier::default();
        leaves.iter().for_each(|leaf| frontier.push(*leaf));
        frontier.root()
    }

    // R126: of every two sizes the older is proven to be the beginning of the newer, and by no other path, size or root
    #[test]
    fn a_path_leads_from_every_older_head_to_every_newer_one() {
        for second in 1..34_u64 {
            let all = leaves(second);
            let tree = Tree::new(all.clone());
            let newer = (second, root(&all));
            for first in 1..=second {
                let older = (first, root(&all[..first as usize]));
                let path = tree.consistency(first).unwrap();
                assert!(leads(older, newer, &path), "{first} in {second}");
                assert!(!leads((first, [7; 32]), newer, &path));
                assert!(!leads(older, (second, [7; 32]), &path));
                let mut longer = path.clone();
                longer.push([1; 32]);
                assert!(!leads(older, newer, &longer));
                if !path.is_empty() {
                    assert!(!leads(older, newer, &path[1..]));
                    let mut other = path.clone();
                    other[0][0] ^= 1;
                    assert!(!leads(older, newer, &other));
                }
            }
            assert_eq!(tree.consistency(0), None);
            assert_eq!(tree.consistency(second + 1), None);
        }
    }

    // R126: a trail in which one early row is another has no path from the head that was kept
    #[test]
    fn two_histories_have_no_proof() {
        let honest = leaves(13);
        let kept = (7, root(&honest[..7]));
        for changed in 0..7 {
            let mut forged = honest.clone();
            forged[changed] = [9; 32];
            let tree = Tree::new(forged.clone());
            let path = tree.consistency(7).unwrap();
            assert!(!leads(kept, (13, root(&forged)), &path));
        }
        let mut later = honest.clone();
        later[9] = [9; 32];
        let path = Tree::new(later.clone()).consistency(7).unwrap();
        assert!(leads(kept, (13, root(&later)), &path));
    }

    // The sizes of the paths are those of RFC 6962 2.1.3: 3 in 7 needs four hashes, 4 in 7 one, 6 in 7 three.
    #[test]
    fn the_paths_are_those_of_the_rfc() {
        let tree = Tree::new(leaves(7));
        for (first, length) in [(3, 4), (4, 1), (6, 3), (7, 0)] {
            assert_eq!(tree.consistency(first).unwrap().len(), length, "{first}");
        }
    }
}
