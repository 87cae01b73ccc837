//! Compares what is stored beside the trail with the rows that hold it ([`crate::store::bound`]).

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::verify::bad;
use super::{occasions, opt_out, overrides, terms};
use crate::audit::merkle::Hash;
use crate::audit::row::{COLUMNS, Field, sealed_digest};
use crate::audit::verify::NotVerified;
use crate::store::bound::Bound;

/// What a row of the trail says of a case's step (`oversight::cases`).
#[derive(Deserialize)]
struct StepOf {
    case: String,
    step: u32,
    sha256: String,
}

/// Everything that is stored beside the trail, as it is now.
pub(super) struct Beside {
    digests: HashSet<Hash>,
    /// SHA-256 of each step, by case and number.
    steps: HashMap<(String, u32), String>,
    /// Acceptances of the terms, which let somebody look: none is without a row that tells of it.
    acceptances: HashSet<Hash>,
    compared: u64,
}

impl Beside {
    /// Reads it all. What cannot be read is left out: the row that holds it will miss it.
    pub(super) fn load(connection: &Connection) -> Result<Self, NotVerified> {
        let mut digests = HashSet::new();
        let mut keep = |row: &dyn Bound| {
            digests.insert(row.digest());
        };
        if has(connection, "occasion")? {
            occasions::each(connection, |row| keep(&row))?;
        }
        if has(connection, "override_review")? {
            overrides::each(connection, &mut keep)?;
        }
        if has(connection, "opt_out_request")? {
            opt_out::each(connection, &mut keep)?;
        }
        let mut acceptances = HashSet::new();
        if has(connection, "terms_acceptance")? {
            terms::each(connection, |row| {
                acceptances.insert(row.digest());
            })?;
        }
        digests.extend(&acceptances);
        let mut steps = HashMap::new();
        if has(connection, "case_step")? {
            let mut statement = connection.prepare("SELECT case_id, n, step FROM case_step")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (case, n, step): (String, u32, String) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                let digest = crate::text::hex(&Sha256::digest(step.as_bytes()));
                steps.insert((case, n), digest);
            }
        }
        Ok(Self {
            digests,
            steps,
            acceptances,
            compared: 0,
        })
    }

    /// Checks what one row of the trail holds.
    pub(super) fn row(
        &mut self,
        seq: u64,
        fields: &[Field<'_>; COLUMNS.len()],
    ) -> Result<(), NotVerified> {
        let field = |name: &str| {
            COLUMNS
                .iter()
                .zip(fields)
                .find_map(|(column, field)| match field {
                    Field::Text(text) if *column == name => Some(*text),
                    _ => None,
                })
        };
        for digest in field("other_ids")
            .into_iter()
            .flat_map(str::lines)
            .filter_map(sealed_digest)
        {
            if !self.digests.contains(&digest) {
                return Err(bad(
                    seq,
                    "what it holds beside the trail (an occasion, the words of an override or a review, an opt-out, an acceptance of \
                     the terms) was changed or deleted",
                ));
            }
            self.acceptances.remove(&digest);
            self.compared += 1;
        }
        let step = field("decision")
            .filter(|text| text.starts_with(r#"{"case":"#))
            .and_then(|text| serde_json::from_str::<StepOf>(text).ok());
        if let Some(step) = step {
            if self.steps.remove(&(step.case, step.step)) != Some(step.sha256) {
                return Err(bad(
                    seq,
                    "the step of a case that it tells of was changed or deleted",
                ));
            }
            self.compared += 1;
        }
        Ok(())
    }

    /// After the last row, whose successor would be `after`: a step was never without its row, nor an acceptance.
    pub(super) fn finish(self, after: u64) -> Result<u64, NotVerified> {
        if !self.acceptances.is_empty() {
            return Err(bad(
                after,
                "an acceptance of the terms was put in that no row tells of",
            ));
        }
        if self.steps.is_empty() {
            Ok(self.compared)
        } else {
            Err(bad(
                after,
                "a step of a case was put in that no row tells of",
            ))
        }
    }
}

/// A store of an earlier version lacks what came later; whoever verifies changes nothing.
fn has(connection: &Connection, table: &str) -> Result<bool, NotVerified> {
    Ok(connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)",
        [table],
        |row| row.get(0),
    )?)
}
