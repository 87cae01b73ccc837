//! What was dropped or degraded, counted, never silently (design.md 3). Holds no clinical text.

use crate::record::{Entry, Loss, LossCount, LossTally};

/// Why something of an entry did not get through, as stable words.
pub mod reason {
    /// The agreement has no tab for it (R031).
    pub const NO_TAB: &str = "no-tab";
    /// Only free text, which never leaves (R032).
    pub const FREE_TEXT: &str = "free-text";
    /// A word of the source that no table knows.
    pub const UNKNOWN_WORD: &str = "unknown-word";
    /// Two entries with the same code in one event were one statement (sources.md 4.8, 1).
    pub const MERGED: &str = "merged-duplicate";
    /// An end before its start (sources.md 4.8, 6).
    pub const END_BEFORE_START: &str = "end-before-start";
    /// An end of something that the source calls active.
    pub const END_OF_ACTIVE: &str = "end-of-active";
    /// A reference range on a header (sources.md 3.9, 11).
    pub const RANGE_ON_HEADER: &str = "range-on-header";
    /// A person, problem or course that the record names but does not hold.
    pub const DANGLING: &str = "link-to-nothing";
    /// A detail that the tabs do not show.
    pub const NOT_IN_DATA_SET: &str = "not-in-data-set";
    /// Negated by a qualifier: shown as an observation that says so, never as what its code says.
    pub const NEGATED: &str = "negated";
    /// Dated in the future, and of a kind that FHIR has only for what has happened (sources.md 4.8, 9).
    pub const PLANNED: &str = "planned";
    /// A verdict over all results of a report: it would tell of one that is withheld (R047).
    pub const VERDICT: &str = "verdict-over-all";
    /// A detail that the FHIR type of its entry has no element for.
    pub const NO_PLACE: &str = "no-place";
    /// How two problems are related; that they are is kept.
    pub const RELATION: &str = "relation-kind";
}

/// The losses of one record so far: each by itself, or only counted. A long record has tens of thousands of them.
#[derive(Debug)]
pub enum Losses {
    /// Each by itself.
    Listed(Vec<Loss>),
    /// By place and reason.
    Counted(LossTally),
}

impl Losses {
    /// Counts what the adapter has listed.
    pub fn counted(adapter: Vec<Loss>) -> Self {
        let mut tally = LossTally::default();
        for loss in adapter {
            tally.add(&loss.path, loss.reason);
        }
        Self::Counted(tally)
    }

    /// For what has been counted before.
    pub fn none() -> Self {
        Self::Listed(Vec::new())
    }

    /// Counts one of an entry; `part` is the field, empty for the whole entry.
    pub fn entry(&mut self, entry: &Entry, part: &str, reason: &'static str) {
        let path = if part.is_empty() {
            entry.path.clone()
        } else {
            format!("{}/{part}", entry.path)
        };
        match self {
            Self::Counted(tally) => tally.add(&path, reason),
            Self::Listed(list) => list.push(Loss {
                path: path.into(),
                native_id: Some(entry.id.as_str().into()),
                code: entry.code.codings.first().map(|c| c.code.as_str().into()),
                reason,
            }),
        }
    }

    /// Counts one that belongs to no entry.
    pub fn other(&mut self, path: &str, native_id: Option<&str>, reason: &'static str) {
        match self {
            Self::Counted(tally) => tally.add(path, reason),
            Self::Listed(list) => list.push(Loss {
                path: path.into(),
                native_id: native_id.map(Into::into),
                code: None,
                reason,
            }),
        }
    }

    /// Each of them, where they were listed.
    pub fn into_list(self) -> Vec<Loss> {
        match self {
            Self::Listed(list) => list,
            Self::Counted(_) => Vec::new(),
        }
    }

    /// By place and reason, most frequent first.
    pub fn into_counts(self) -> Vec<LossCount> {
        let counted = match self {
            Self::Listed(list) => Self::counted(list),
            counted => counted,
        };
        match counted {
            Self::Counted(tally) => tally.into_counts(),
            Self::Listed(_) => Vec::new(),
        }
    }
}
