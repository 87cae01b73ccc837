//! A set of entries of one held record: bit n is the n-th entry.

/// A bitmap of fixed length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    /// `len` entries, none in the set.
    #[must_use]
    pub fn none(len: usize) -> Self {
        Self {
            words: vec![0; len.div_ceil(64)],
            len,
        }
    }

    /// Takes entry `n` in; answers whether it was new. One beyond the length is ignored.
    pub fn insert(&mut self, n: usize) -> bool {
        let word = self.words.get_mut(n / 64).filter(|_| n < self.len);
        let Some(word) = word else {
            return false;
        };
        let bit = 1_u64 << (n % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Is entry `n` in the set?
    #[must_use]
    pub fn contains(&self, n: usize) -> bool {
        self.words
            .get(n / 64)
            .is_some_and(|word| word >> (n % 64) & 1 == 1)
    }

    /// The entries in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            std::iter::successors((*word != 0).then_some(*word), |rest| {
                let rest = rest & (rest - 1);
                (rest != 0).then_some(rest)
            })
            .map(move |rest| at * 64 + rest.trailing_zeros() as usize)
        })
    }

    /// Takes in all that are in the other set, as far as this one is long.
    pub fn absorb(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// Keeps only what is in the other set too.
    pub fn keep(&mut self, other: &Self) {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        for (word, other) in self.words.iter_mut().zip(others) {
            *word &= other;
        }
    }

    /// Takes entry `n` out.
    pub fn remove(&mut self, n: usize) {
        if let Some(word) = self.words.get_mut(n / 64) {
            *word &= !(1_u64 << (n % 64));
        }
    }

    /// None is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// How many are in the set.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// As bytes, entry n as bit n % 8 of byte n / 8, as short as possible: what the audit stores.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self
            .words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        bytes.truncate(
            bytes
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |at| at + 1),
        );
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        let mut bits = Bits::none(130);
        for n in [0, 63, 64, 129, 130, 1000] {
            bits.insert(n);
        }
        assert!(!bits.insert(64) && !bits.insert(130) && !bits.insert(1000));
        assert!(bits.insert(128));
        bits.remove(128);
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 63, 64, 129]);
        assert_eq!(bits.count(), 4);
        assert!(bits.contains(129) && !bits.contains(128) && !bits.contains(4000));
        assert_eq!(bits.to_bytes().len(), 17);
        assert_eq!(bits.to_bytes().get(8), Some(&1));
        assert!(Bits::none(9).to_bytes().is_empty());
    }

    #[test]
    fn sets_are_joined_and_cut() {
        let set = |places: &[usize]| {
            let mut bits = Bits::none(130);
            for n in places {
                bits.insert(*n);
            }
            bits
        };
        let mut bits = set(&[0, 64, 129]);
        bits.absorb(&set(&[1, 64]));
        assert_eq!(bits, set(&[0, 1, 64, 129]));
        bits.keep(&set(&[1, 64, 100, 129]));
        assert_eq!(bits, set(&[1, 64, 129]));
        bits.remove(64);
        bits.remove(4000);
        assert_eq!(bits, set(&[1, 129]));
        bits.insert(63);
        bits.remove(63);
        assert_eq!(bits, set(&[1, 129]));
        // what the other set is too short for is not in it
        bits = set(&[1, 64, 128, 129]);
        bits.keep(&Bits::none(3));
        assert!(bits.is_empty() && !set(&[129]).is_empty());
    }
}
