//! The trail's rows, its tree and its held versions.

use rusqlite::{Connection, OptionalExtension, Statement, ToSql, types::ToSqlOutput};

use super::SqliteStore;
use super::writer::WriteError;
use crate::audit::merkle::{self, Frontier, Hash};
use crate::audit::row::{self, COLUMNS, Field, Row};
use crate::audit::{AuditEntry, AuditError, AuditLog};
use crate::fhir::PatientId;
use crate::source::BoxFuture;
use crate::store::StoreError;

/// Rows in one INSERT, largest first; the last must be 1.
const CHUNKS: [usize; 4] = [64, 16, 4, 1];
/// Parameters of a row: number, covered columns, salt, chain.
const WIDTH: usize = COLUMNS.len() + 3;

/// The end of the trail: how long it is, the tree's right edge, and the last row's chain value.
#[derive(Debug)]
pub(super) struct Tip {
    tree: Frontier,
    chain: Hash,
}

impl Tip {
    /// As the file has it.
    ///
    /// # Errors
    /// It cannot be read, or does not agree with the last tree head and the last row: the trail was tampered with.
    pub(super) fn load(connection: &Connection) -> Result<Self, StoreError> {
        let (size, nodes, chain): (i64, Vec<u8>, Hash) = connection
            .prepare_cached("SELECT size, nodes, chain FROM audit_frontier")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let tree = u64::try_from(size)
            .ok()
            .and_then(|size| Frontier::from_bytes(size, &nodes))
            .ok_or_else(|| tampered("its frontier cannot be one"))?;
        let head: Option<(i64, Hash)> = connection
            .prepare_cached("SELECT size, root FROM audit_head ORDER BY size DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let last: Option<(i64, Hash)> = connection
            .prepare_cached("SELECT seq, chain FROM audit_event ORDER BY seq DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (expected_head, expected_last) = if size == 0 {
            (None, None)
        } else {
            (Some((size, tree.root())), Some((size, chain)))
        };
        if head != expected_head {
            return Err(tampered("its frontier and its last tree head differ"));
        }
        if last != expected_last {
            return Err(tampered("its last row is not the one that was sealed"));
        }
        Ok(Self { tree, chain })
    }
}

fn tampered(why: &str) -> StoreError {
    StoreError(format!(
        "the audit trail has been altered: {why}; `openmig audit verify` names the row"
    ))
}

/// The prepared statements of the writer's hot path.
pub(super) struct Inserts<'c> {
    rows: Vec<(usize, Statement<'c>)>,
    head: Statement<'c>,
    frontier: Statement<'c>,
}

impl<'c> Inserts<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> Result<Self, StoreError> {
        let columns = COLUMNS.join(", ");
        let one = format!("({})", vec!["?"; WIDTH].join(", "));
        let mut rows = Vec::with_capacity(CHUNKS.len());
        for chunk in CHUNKS {
            let values = vec![one.as_str(); chunk].join(", ");
            let sql =
                format!("INSERT INTO audit_event (seq, {columns}, salt, chain) VALUES {values}");
            rows.push((chunk, connection.prepare(&sql)?));
        }
        Ok(Self {
            rows,
            head: connection
                .prepare("INSERT INTO audit_head (size, root, at) VALUES (?1, ?2, ?3)")?,
            frontier: connection
                .prepare("UPDATE audit_frontier SET size = ?1, nodes = ?2, chain = ?3")?,
        })
    }

    /// Appends rows to the trail and seals them with the new root.
    pub(super) fn append(&mut self, tip: &mut Tip, rows: &[&Row]) -> rusqlite::Result<()> {
        let mut rest = rows;
        for (chunk, insert) in &mut self.rows {
            while let Some((now, later)) = rest.split_at_checked(*chunk) {
                let mut parameter = 0;
                for row in now {
                    tip.chain = merkle::chain_hash(&tip.chain, &row.leaf);
                    tip.tree.push(row.leaf);
                    bind(insert, &mut parameter, tip, row)?;
                }
                insert.raw_execute()?;
                rest = later;
            }
        }
        let at = rows.iter().map(|row| row.at()).max().unwrap_or_default();
        let size = size_of(&tip.tree);
        self.head.execute((size, tip.tree.root(), at))?;
        self.frontier
            .execute((size, tip.tree.to_bytes(), tip.chain))?;
        Ok(())
    }
}

fn size_of(tree: &Frontier) -> i64 {
    i64::try_from(tree.size()).unwrap_or(i64::MAX)
}

fn bind(
    insert: &mut Statement<'_>,
    parameter: &mut usize,
    tip: &Tip,
    row: &Row,
) -> rusqlite::Result<()> {
    let mut next = |value: &dyn ToSql| {
        *parameter += 1;
        insert.raw_bind_parameter(*parameter, value)
    };
    next(&size_of(&tip.tree))?;
    for field in row.fields() {
        next(&field)?;
    }
    next(&row.salt)?;
    next(&tip.chain)
}

impl ToSql for Field<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        use rusqlite::types::ValueRef;
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(n) => ValueRef::Integer(*n),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<WriteError> for AuditError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Stopped => Self::Stopped,
            other => Self::Store(other.to_string()),
        }
    }
}

impl AuditLog for SqliteStore {
    fn write(&self, entry: AuditEntry) -> BoxFuture<'_, Result<(), AuditError>> {
        Box::pin(async move { Ok(self.writer.row(Row::new(entry)?).await?) })
    }

    fn register_version<'a>(
        &'a self,
        version: &'a str,
        patient: &'a PatientId,
        ids: Vec<String>,
    ) -> BoxFuture<'a, Result<(), AuditError>> {
        Box::pin(async move {
            if !ids.iter().all(|id| row::is_id(id)) {
                return Err(AuditError::NoId);
            }
            let packed = row::pack_ids(patient, &ids);
            let digest = row::version_digest(patient.as_str(), &packed);
            let held = Box::new(Row::held(version, patient, digest)?);
            let (version, patient) = (version.to_owned(), patient.as_str().to_owned());
            let same = self
                .writer
                .run(move |connection| {
                    let new = connection
                        .prepare_cached(
                            "INSERT INTO audit_version (version, patient, ids) VALUES (?1, ?2, ?3)
                             ON CONFLICT DO NOTHING",
                        )?
                        .execute((&version, &patient, &packed))?;
                    if new == 1 {
                        return Ok((true, Some(held.clone())));
                    }
                    let same = connection
                        .prepare_cached(
                            "SELECT patient = ?2 AND ids = ?3 FROM audit_version WHERE version = ?1",
                        )?
                        .query_row((&version, &patient, &packed), |row| row.get(0))?;
                    Ok((same, None))
                })
                .await?;
            if same {
                Ok(())
            } else {
                Err(AuditError::Store(
                    "this version was registered before with other ids".into(),
                ))
            }
        })
    }
}
