//! Exports of the trail with their proofs, in one read transaction.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::SqliteStore;
use super::events::{condition, tree_head};
use super::verify::fields;
use crate::audit::merkle::Hash;
use crate::audit::proof::{Export, Exporter, FORMAT, HeldIds, ProvenRow, Tree, Value};
use crate::audit::reader::Filter;
use crate::audit::row::{self, COLUMNS};
use crate::store::StoreError;
use crate::text::hex;

impl Exporter for SqliteStore {
    fn export(
        &self,
        filter: &Filter,
        about: &str,
        made_at: jiff::Timestamp,
    ) -> Result<Export, StoreError> {
        self.readers.with(|connection| {
            // Rows that arrive meanwhile are under another head.
            connection.execute_batch("BEGIN")?;
            let export = export(connection, filter, about, made_at);
            connection.execute_batch("COMMIT")?;
            export
        })
    }
}

fn altered() -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(
        "the audit trail does not match its own head; `openmig audit verify` names the row".into(),
    )
}

fn export(
    connection: &Connection,
    filter: &Filter,
    about: &str,
    made_at: jiff::Timestamp,
) -> rusqlite::Result<Export> {
    let head = connection
        .prepare_cached("SELECT size, root, at FROM audit_head ORDER BY size DESC LIMIT 1")?
        .query_row([], tree_head)
        .optional()?;
    let mut export = Export {
        format: FORMAT.to_owned(),
        about: about.to_owned(),
        made_at,
        head: String::new(),
        signed_head: None,
        rows: Vec::new(),
        versions: BTreeMap::new(),
    };
    let Some(head) = head else {
        return Err(altered());
    };
    export.head = head.to_string();
    let (wanted, versions) = wanted(connection, filter)?;
    let mut leaves: Vec<Hash> = Vec::with_capacity(usize::try_from(head.size).unwrap_or_default());
    let sql = format!(
        "SELECT seq, salt, chain, {} FROM audit_event ORDER BY seq",
        COLUMNS.join(", ")
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(found) = rows.next()? {
        let seq: i64 = found.get(0)?;
        let salt: Vec<u8> = found.get(1)?;
        let fields = fields(found).map_err(|_| altered())?;
        leaves.push(row::leaf_of(&salt, &fields));
        if wanted.contains(&seq) {
            export.rows.push(ProvenRow {
                seq: u64::try_from(seq).unwrap_or_default(),
                salt: hex(&salt),
                row: COLUMNS
                    .iter()
                    .zip(fields)
                    .map(|(column, field)| ((*column).to_owned(), Value::of(field)))
                    .collect(),
                path: Vec::new(),
            });
        }
    }
    let tree = Tree::new(leaves);
    if tree.root() != Some(head.root) {
        return Err(altered());
    }
    for proven in &mut export.rows {
        let index = usize::try_from(proven.seq.saturating_sub(1)).unwrap_or(usize::MAX);
        proven.path = tree.path(index).iter().map(|hash| hex(hash)).collect();
    }
    for version in versions {
        let held = connection
            .prepare_cached("SELECT patient, ids FROM audit_version WHERE version = ?1")?
            .query_row([&version], |row| {
                Ok(HeldIds {
                    patient: row.get(0)?,
                    ids: row.get(1)?,
                })
            })
            .optional()?;
        if let Some(held) = held {
            export.versions.insert(version, held);
        }
    }
    Ok(export)
}

/// The numbers of the rows that pass the filter and of those that seal the lists they count through, and these lists.
fn wanted(
    connection: &Connection,
    filter: &Filter,
) -> rusqlite::Result<(BTreeSet<i64>, BTreeSet<String>)> {
    let (conditions, values) = condition(connection, filter, None)?;
    let (mut wanted, mut versions) = (BTreeSet::new(), BTreeSet::new());
    let mut statement = connection.prepare(&format!(
        "SELECT seq, version FROM audit_event WHERE {conditions}"
    ))?;
    let mut rows = statement.query(params_from_iter::<Vec<SqlValue>>(values))?;
    while let Some(row) = rows.next()? {
        wanted.insert(row.get(0)?);
        versions.extend(row.get::<_, Option<String>>(1)?);
    }
    if !versions.is_empty() {
        let mut statement = connection.prepare(
            "SELECT seq, version FROM audit_event WHERE what = ?1 AND version IS NOT NULL",
        )?;
        let mut rows = statement.query([row::HELD])?;
        while let Some(row) = rows.next()? {
            let version: String = row.get(1)?;
            if versions.contains(&version) {
                wanted.insert(row.get(0)?);
            }
        }
    }
    Ok((wanted, versions))
}
