//! Repeatable pseudo-random numbers (SplitMix64): the same seed gives the same people. Nothing secret comes from here.

/// A generator; its whole state is one number.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator for item `index` of the series `seed`.
    #[must_use]
    pub fn new(seed: u64, index: u64) -> Self {
        let mut start = Self(seed ^ index.wrapping_mul(0xd1b5_4a32_d192_ed03));
        let state = start.bits();
        Self(state)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included; `low` where they are the wrong way round.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).saturating_add(1);
        match u64::try_from(span) {
            Ok(span) if span > 0 => {
                low.saturating_add(i64::try_from(self.bits() % span).unwrap_or(0))
            }
            _ => low,
        }
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.bits() % 100 < percent
    }

    /// One of these words; empty where there is none.
    pub fn word(&mut self, words: &[&'static str]) -> &'static str {
        let place = self.between(0, i64::try_from(words.len()).unwrap_or(1) - 1);
        usize::try_from(place)
            .ok()
            .and_then(|place| words.get(place))
            .copied()
            .unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let mut one = Random::new(7, 3);
        let mut two = Random::new(7, 3);
        let mut other = Random::new(8, 3);
        let series: Vec<u64> = (0..5).map(|_| one.bits()).collect();
        assert_eq!(series, (0..5).map(|_| two.bits()).collect::<Vec<_>>());
        assert_ne!(series, (0..5).map(|_| other.bits()).collect::<Vec<_>>());
        assert!((0..1000).all(|_| (3..=9).contains(&one.between(3, 9))));
        assert_eq!(one.between(9, 3), 9);
        assert_eq!(one.word(&[]), "");
    }
}
