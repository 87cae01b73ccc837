//! Signed tree heads, their keys, and consistency proofs.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::SqliteStore;
use super::values::Micros;
use super::verify::fields;
use crate::audit::consistency::Consistency;
use crate::audit::proof::Tree;
use crate::audit::row::{self, COLUMNS};
use crate::audit::signed::SignedHead;
use crate::audit::verify::TreeHead;
use crate::store::heads::{HeadKey, HeadStore, Kept};
use crate::store::{StoreError, Stored};

/// A number as SQLite holds it.
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl HeadStore for SqliteStore {
    fn keep_head(&self, head: SignedHead, jwk: Value) -> Stored<'_, Kept> {
        let jwk = jwk.to_string();
        Box::pin(async move {
            Ok(self
                .writer
                .run(move |connection| {
                    connection
                        .prepare_cached(
                            "INSERT INTO audit_head_key (kid, jwk, first_used) VALUES (?1, ?2, ?3)
                             ON CONFLICT DO NOTHING",
                        )?
                        .execute(params![head.kid, jwk, Micros(head.signed_at)])?;
                    let known: String = connection
                        .prepare_cached("SELECT jwk FROM audit_head_key WHERE kid = ?1")?
                        .query_row([&head.kid], |row| row.get(0))?;
                    if known != jwk {
                        return Ok((Kept::OtherKey, None));
                    }
                    connection
                        .prepare_cached(
                            "INSERT INTO audit_signed_head (size, signed_at, kid, jws) VALUES (?1, ?2, ?3, ?4)",
                        )?
                        .execute(params![
                            signed(head.size),
                            Micros(head.signed_at),
                            head.kid,
                            head.jws
                        ])?;
                    Ok((Kept::Kept, None))
                })
                .await?)
        })
    }

    fn signed_heads(&self, limit: usize) -> Result<Vec<SignedHead>, StoreError> {
        let kept: Vec<String> = self.readers.with(|connection| {
            connection
                .prepare_cached("SELECT jws FROM audit_signed_head ORDER BY seq DESC LIMIT ?1")?
                .query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| row.get(0))?
                .collect()
        })?;
        kept.iter()
            .map(|jws| SignedHead::read(jws).map_err(|error| StoreError(error.to_string())))
            .collect()
    }

    fn head_keys(&self) -> Result<Vec<HeadKey>, StoreError> {
        self.readers.with(keys)
    }

    fn root_at(&self, size: u64) -> Result<Option<[u8; 32]>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached("SELECT root FROM audit_head WHERE size = ?1")?
                .query_row([signed(size)], |row| row.get(0))
                .optional()
        })
    }

    fn consistency(&self, first: u64, second: u64) -> Result<Option<Consistency>, StoreError> {
        self.readers
            .with(|connection| consistency(connection, first, second))
    }
}

pub(super) fn keys(connection: &Connection) -> rusqlite::Result<Vec<HeadKey>> {
    connection
        .prepare_cached("SELECT jwk, first_used FROM audit_head_key ORDER BY first_used, kid")?
        .query_map([], |row| {
            let jwk: String = row.get(0)?;
            Ok(HeadKey {
                jwk: serde_json::from_str(&jwk).unwrap_or_default(),
                first_used: row.get::<_, Micros>(1)?.0,
            })
        })?
        .collect()
}

fn consistency(
    connection: &Connection,
    first: u64,
    second: u64,
) -> rusqlite::Result<Option<Consistency>> {
    let sql = format!(
        "SELECT seq, salt, chain, {} FROM audit_event WHERE seq <= ?1 ORDER BY seq",
        COLUMNS.join(", ")
    );
    let mut leaves = Vec::new();
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([signed(second)])?;
    while let Some(found) = rows.next()? {
        let salt: Vec<u8> = found.get(1)?;
        let fields = fields(found)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.to_string().into()))?;
        leaves.push(row::leaf_of(&salt, &fields));
    }
    if leaves.len() as u64 != second || first == 0 || first > second {
        return Ok(None);
    }
    let older = usize::try_from(first)
        .ok()
        .and_then(|first| leaves.get(..first))
        .map(|older| Tree::new(older.to_vec()));
    let tree = Tree::new(leaves);
    let head = |size, tree: &Tree| {
        tree.root().map(|root| TreeHead {
            size,
            root,
            at: Timestamp::UNIX_EPOCH,
        })
    };
    Ok(older.and_then(|older| {
        Some(Consistency::new(
            &head(first, &older)?,
            &head(second, &tree)?,
            &tree.consistency(first)?,
        ))
    }))
}
