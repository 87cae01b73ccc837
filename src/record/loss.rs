//! What was dropped or degraded of a record, counted: no value, no id, no code.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize as _, Serializer};

/// How often something was lost at one place of a source's messages, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct LossCount {
    /// Where, as names of elements.
    pub path: String,
    /// Why, as a stable word.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// Places of one record that are counted apart; a source that invents more names than any schema has is summed up.
const MOST: usize = 300;
/// Characters of a path: deeper than any message goes.
const LONGEST: usize = 200;
/// Stands for all places beyond [`MOST`].
const ELSEWHERE: &str = "elsewhere";

/// Losses counted as they come, without their entries.
#[derive(Debug, Default)]
pub struct LossTally(BTreeMap<(String, String), u64>);

impl LossTally {
    /// Counts one.
    pub fn add(&mut self, path: &str, reason: &str) {
        let mut place = (named(path), reason.to_owned());
        if self.0.len() >= MOST && !self.0.contains_key(&place) {
            ELSEWHERE.clone_into(&mut place.0);
        }
        *self.0.entry(place).or_default() += 1;
    }

    /// By place and reason, most frequent first.
    #[must_use]
    pub fn into_counts(self) -> Vec<LossCount> {
        let counts = self.0.into_iter();
        let mut counts: Vec<LossCount> = counts
            .map(|((path, reason), count)| LossCount {
                path,
                reason,
                count,
            })
            .collect();
        counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.cmp(b)));
        counts
    }
}

/// The path as names: what is no part of an element's name is not kept, were a source to send any.
fn named(path: &str) -> String {
    path.chars()
        .filter(|c| c.is_ascii_alphanumeric() || "/[]@_-.:".contains(*c))
        .take(LONGEST)
        .collect()
}

/// A shared word as JSON.
pub(super) fn word<S: Serializer>(word: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(word)
}

/// The same of one that may not be there.
#[expect(clippy::ref_option, reason = "serde gives the field as it is")]
pub(super) fn word_if_any<S: Serializer>(
    word: &Option<Arc<str>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    word.as_deref().serialize(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count<P: AsRef<str>>(losses: &[(P, &str)]) -> Vec<LossCount> {
        let mut tally = LossTally::default();
        for (path, reason) in losses {
            tally.add(path.as_ref(), reason);
        }
        tally.into_counts()
    }

    // R204: counted by place and reason, with nothing of the entry
    #[test]
    fn losses_are_counted_without_their_entries() {
        let counted = count(&[
            ("a/b", "free-text"),
            ("a/c", "no-tab"),
            ("a/b", "free-text"),
            ("a/b", "no-tab"),
        ]);
        let rows: Vec<_> = counted
            .iter()
            .map(|row| (row.path.as_str(), row.reason.as_str(), row.count))
            .collect();
        assert_eq!(
            rows,
            [
                ("a/b", "free-text", 2),
                ("a/b", "no-tab", 1),
                ("a/c", "no-tab", 1)
            ]
        );
    }

    #[test]
    fn a_source_that_invents_names_fills_no_table() {
        let many: Vec<(String, &str)> = (0..5_000).map(|n| (format!("x{n}"), "odd")).collect();
        let counted = count(&many);
        assert!(counted.len() <= MOST + 1);
        assert_eq!(counted.iter().map(|row| row.count).sum::<u64>(), 5_000);
        assert_eq!(named("a b<&é/c"), "ab/c");
        assert_eq!(named(&"x".repeat(9_999)).len(), LONGEST);
    }
}
