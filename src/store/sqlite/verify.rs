//! Feeds the whole trail of one file to the verifier, in one read transaction.

use std::cell::Cell;
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use super::SqliteStore;
use super::bound::Beside;
use super::connect;
use super::events::tree_head;
use super::read::read_only;
use crate::audit::merkle::Hash;
use crate::audit::row::{self, COLUMNS, Field};
use crate::audit::signed::{BadHead, SignedHead};
use crate::audit::verify::{
    Against, FirstBad, Known, NotVerified, OTHER_THAN_KEPT, OTHER_THAN_SIGNED, Verified, Verifier,
    VerifyTrail,
};
use crate::smart::jwks::KeySet;
use crate::store::StoreError;

/// Recomputes the trail; see [`crate::audit::verify`].
///
/// # Errors
/// The first bad row; or the file cannot be read.
pub fn verify(path: &Path, against: &Against) -> Result<Verified, NotVerified> {
    let connection = connect(path, read_only())?;
    // One transaction: rows that arrive meanwhile belong to the next check.
    connection.execute_batch("BEGIN")?;
    let broken = Cell::new(None);
    let mut heads = connection.prepare("SELECT size, root, at FROM audit_head ORDER BY size")?;
    let heads = heads
        .query_map([], tree_head)?
        .map_while(|head| head.map_err(|error| broken.set(Some(error))).ok());
    let kept = against.kept.iter().map(|head| Known {
        head: *head,
        why: OTHER_THAN_KEPT,
    });
    let signed = signed_heads(&connection, against.keys.as_ref())?;
    let known = kept.chain(signed.iter().map(|head| Known {
        head: head.head(),
        why: OTHER_THAN_SIGNED,
    }));
    let mut verifier = Verifier::new(heads, known.collect());
    let mut beside = Beside::load(&connection)?;
    let mut versions = 0;
    let sql = format!(
        "SELECT seq, salt, chain, {} FROM audit_event ORDER BY seq",
        COLUMNS.join(", ")
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let fields = fields(row)?;
        let seq = u64::try_from(row.get::<_, i64>(0)?).unwrap_or_default();
        let bytes = |column| -> Result<&[u8], rusqlite::Error> {
            Ok(row.get_ref(column)?.as_blob_or_null()?.unwrap_or_default())
        };
        verifier.row(seq, bytes(1)?, &fields, bytes(2)?)?;
        versions += u64::from(version(&connection, seq, &fields)?);
        beside.row(seq, &fields)?;
    }
    let registered: i64 =
        connection.query_row("SELECT count(*) FROM audit_version", [], |row| row.get(0))?;
    let (size, chain, nodes): (i64, Hash, Vec<u8>) =
        connection.query_row("SELECT size, chain, nodes FROM audit_frontier", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let end = (u64::try_from(size).unwrap_or_default(), chain, &*nodes);
    let after = verifier.size() + 1;
    let verified = verifier.finish(end);
    if let Some(error) = broken.take() {
        return Err(error.into());
    }
    let verified = verified?;
    if u64::try_from(registered) != Ok(versions) {
        return Err(NotVerified::Altered(FirstBad {
            seq: after,
            why: "a list of ids was put in that no row seals",
        }));
    }
    let bound = beside.finish(after)?;
    sound(&connection)?;
    Ok(Verified {
        versions,
        signed: signed.len() as u64,
        bound,
        ..verified
    })
}

impl VerifyTrail for SqliteStore {
    fn verify_trail(&self, against: &Against) -> Result<Verified, NotVerified> {
        verify(self.path(), against)
    }
}

/// The signed heads in the store, each with a genuine signature.
fn signed_heads(
    connection: &Connection,
    keys: Option<&KeySet>,
) -> Result<Vec<SignedHead>, NotVerified> {
    // A store of an earlier version has none yet; whoever verifies changes nothing.
    let there: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'audit_signed_head')",
        [],
        |row| row.get(0),
    )?;
    if !there {
        return Ok(Vec::new());
    }
    let own;
    let keys = match keys {
        Some(keys) => keys,
        None => {
            let kept: Vec<_> = super::heads::keys(connection)?
                .into_iter()
                .map(|key| key.jwk)
                .collect();
            let set = serde_json::json!({"keys": kept}).to_string();
            own = KeySet::parse(set.as_bytes())
                .map_err(|_| NotVerified::Unreadable("the keys of signed heads".to_owned()))?;
            &own
        }
    };
    let mut statement = connection
        .prepare("SELECT size, signed_at, kid, jws FROM audit_signed_head ORDER BY seq")?;
    let mut rows = statement.query([])?;
    let mut heads = Vec::new();
    while let Some(row) = rows.next()? {
        let size = u64::try_from(row.get::<_, i64>(0)?).unwrap_or_default();
        let forged = |why| NotVerified::Forged { size, why };
        let head = SignedHead::read(&row.get::<_, String>(3)?).map_err(forged)?;
        head.verify(keys).map_err(forged)?;
        if head.size != size
            || head.signed_at.as_microsecond() != row.get::<_, i64>(1)?
            || head.kid != row.get::<_, String>(2)?
        {
            return Err(forged(BadHead::Other(head.size)));
        }
        heads.push(head);
    }
    Ok(heads)
}

pub(super) fn fields<'r>(row: &'r Row<'_>) -> Result<[Field<'r>; COLUMNS.len()], NotVerified> {
    let mut fields = [Field::Null; COLUMNS.len()];
    for (n, field) in fields.iter_mut().enumerate() {
        *field = match row.get_ref(n + 3)? {
            ValueRef::Null => Field::Null,
            ValueRef::Integer(n) => Field::Int(n),
            ValueRef::Blob(bytes) => Field::Blob(bytes),
            // Text that is not UTF-8 was not written by this program: as bytes it gives another leaf.
            ValueRef::Text(bytes) => {
                std::str::from_utf8(bytes).map_or(Field::Blob(bytes), Field::Text)
            }
            ValueRef::Real(_) => Field::Null,
        };
    }
    Ok(fields)
}

/// Checks the list of ids that this row seals or uses; `true` where it seals one.
fn version(
    connection: &Connection,
    seq: u64,
    fields: &[Field<'_>; COLUMNS.len()],
) -> Result<bool, NotVerified> {
    let field = |name: &str| {
        COLUMNS
            .iter()
            .zip(fields)
            .find_map(|(column, field)| (*column == name).then_some(*field))
    };
    let (Some(Field::Text(version)), Some(Field::Blob(entries))) =
        (field("version"), field("entries"))
    else {
        return Ok(false);
    };
    let held: Option<(String, String)> = connection
        .prepare_cached("SELECT patient, ids FROM audit_version WHERE version = ?1")?
        .query_row([version], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let seals = field("what") == Some(Field::Text(row::HELD));
    match held {
        Some((patient, ids))
            if seals && row::version_digest(&patient, &ids).as_slice() != entries =>
        {
            Err(bad(seq, "the list of ids that it seals was changed"))
        }
        Some(_) => Ok(seals),
        None if seals => Err(bad(seq, "the list of ids that it seals was deleted")),
        // A disclosure of nothing needs no list.
        None if row::count_marked(entries) == 0 => Ok(false),
        None => Err(bad(
            seq,
            "the list of ids that it counts through is missing",
        )),
    }
}

pub(super) fn bad(seq: u64, why: &'static str) -> NotVerified {
    NotVerified::Altered(FirstBad { seq, why })
}

/// The file itself is sound: an index that leaves rows out would hide them from readers, not from this check.
fn sound(connection: &Connection) -> Result<(), NotVerified> {
    let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if said == "ok" {
        Ok(())
    } else {
        Err(NotVerified::Unreadable(said))
    }
}

impl From<rusqlite::Error> for NotVerified {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<StoreError> for NotVerified {
    fn from(error: StoreError) -> Self {
        Self::Unreadable(error.to_string())
    }
}
