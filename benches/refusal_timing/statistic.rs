//! The two-sample test of Kolmogorov and Smirnov, and what it is held to.

use std::time::Duration;

/// Largest distance between the two samples' distributions.
pub fn distance(one: &[Duration], two: &[Duration]) -> f64 {
    let sorted = |sample: &[Duration]| {
        let mut sample = sample.to_vec();
        sample.sort_unstable();
        sample
    };
    let (one, two) = (sorted(one), sorted(two));
    let share = |sample: &[Duration], at: Duration| {
        sample.partition_point(|time| *time <= at) as f64 / sample.len() as f64
    };
    one.iter()
        .chain(&two)
        .map(|at| (share(&one, *at) - share(&two, *at)).abs())
        .fold(0.0, f64::max)
}

/// The distance that two samples of one distribution exceed once in 10,000 runs: sqrt(-ln(0.0001 / 2) / 2) = 2.225 times
/// sqrt((n + m) / (n m)), the usual approximation for large samples.
pub fn bound(one: usize, two: usize) -> f64 {
    let (n, m) = (one as f64, two as f64);
    (-(0.0001_f64 / 2.0).ln() / 2.0).sqrt() * ((n + m) / (n * m)).sqrt()
}

/// The middle one.
pub fn median(sample: &[Duration]) -> Duration {
    let mut sample = sample.to_vec();
    sample.sort_unstable();
    sample.get(sample.len() / 2).copied().unwrap_or_default()
}
