//! What the trail keeps of the decision behind each read, so that it can be explained later (R120, R126).
//!
//! The first read of an occasion writes the whole decision into its row: inputs, every rule, outcome. The reads after it rest on
//! the same facts but for the moment, so their rows name that decision by its digest. A fact that changes makes a new digest,
//! and the next row is whole again. Digest and decision are in the leaves of their rows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Occasions, ReadOccasion};
use crate::access::{DecisionRecord, Inputs, ReadInputs};
use crate::register::Holds;
use crate::text::hex;

/// Occasions whose decision is remembered; when there are more, all are written whole once again.
const REMEMBERED: usize = 4_096;

/// What a row of the trail says of the decision behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The column: the whole decision, or the digest of one that an earlier row of the same occasion has.
    pub text: String,
    digest: String,
    whole: bool,
}

/// What tells one decision from the next, cheaper than the decision itself.
pub(super) struct Grounds {
    pub register: String,
    pub holds: Arc<Holds>,
    pub today: Date,
    pub refused: bool,
    pub opted_out: bool,
    pub withdrawn: bool,
    /// Version of the terms that count as accepted.
    pub terms: Option<String>,
}

impl Grounds {
    fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.holds, &other.holds)
            && self.register == other.register
            && self.today == other.today
            && self.refused == other.refused
            && self.opted_out == other.opted_out
            && self.withdrawn == other.withdrawn
            && self.terms == other.terms
    }
}

struct Entry {
    grounds: Grounds,
    digest: String,
    /// The whole decision is in a row that is on the disk.
    kept: bool,
}

/// The decisions that rows have already.
#[derive(Default)]
pub(super) struct DecidedBefore(Mutex<HashMap<String, Entry>>);

impl DecidedBefore {
    /// What the row of a read says of its decision.
    pub(super) fn text(&self, occasion: &str, grounds: Grounds, inputs: Inputs) -> Decided {
        let mut before = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = before
            .get(occasion)
            .filter(|entry| entry.kept && entry.grounds.same(&grounds))
        {
            return Decided {
                text: json!([{"as": entry.digest}]).to_string(),
                digest: entry.digest.clone(),
                whole: false,
            };
        }
        let digest = digest_of(&inputs);
        let whole = whole(inputs);
        if before.len() >= REMEMBERED {
            before.clear();
        }
        before.insert(
            occasion.to_owned(),
            Entry {
                grounds,
                digest: digest.clone(),
                kept: false,
            },
        );
        Decided {
            text: whole,
            digest,
            whole: true,
        }
    }
}

impl Occasions {
    /// The row that has this read's decision is on the disk: the next rows may name it.
    pub fn decision_is_kept(&self, occasion: &ReadOccasion) {
        if !occasion.decided.whole {
            return;
        }
        let mut before = self
            .decided
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = before.get_mut(&occasion.row.id)
            && entry.digest == occasion.decided.digest
        {
            entry.kept = true;
        }
    }

    /// The whole decision on a read at `now`, for the row of its refusal; `None` where nothing can be said.
    #[must_use]
    pub fn decision_on(&self, occasion: &str, now: Timestamp) -> Option<String> {
        self.look(occasion, now)
            .ok()
            .map(|looked| whole(looked.inputs))
    }
}

fn whole(inputs: Inputs) -> String {
    let (_, record) = DecisionRecord::decide(inputs);
    serde_json::to_string(&[record]).unwrap_or_default()
}

/// What names the decision on a read: SHA-256 over its inputs as JSON, with 1970 in place of the moment; half of it, hex.
#[must_use]
pub fn digest_of(inputs: &Inputs) -> String {
    let timeless = match inputs {
        Inputs::OnRead(read) => Inputs::OnRead(ReadInputs {
            now: Timestamp::UNIX_EPOCH,
            ..read.clone()
        }),
        other => other.clone(),
    };
    let text = serde_json::to_vec(&timeless).unwrap_or_default();
    hex(Sha256::digest(&text).get(..16).unwrap_or_default())
}
