//! Holds, and the registers that were in force.

use std::io::{Read as _, Write as _};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};

use super::SqliteStore;
use super::notices;
use super::values::{Micros, Ods};
use super::writer::trail;
use crate::audit::AuditEntry;
use crate::record::OdsCode;
use crate::store::holds::{Held, HoldRow, HoldStore, Lift, RegisterStore};
use crate::store::notices::Notice;
use crate::store::{StoreError, Stored};

/// Stands for the oversight group where otherwise an ODS code stands.
const GROUP: &str = crate::register::GROUP;
/// A register of more bytes than this is none of ours.
const LARGEST: u64 = 256 * 1024 * 1024;

const HOLD: &str = "id, kind, organisation, viewer, username, placed_for, placed_by, reason, at, starts_at, lifted_at, \
                    lifted_by, assured_by, assurance, assured_on";

fn hold(row: &Row<'_>) -> rusqlite::Result<HoldRow> {
    let bad = |column: usize, what: &str| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            format!("a hold has no sound {what}").into(),
        )
    };
    let kind: String = row.get(1)?;
    let ods =
        |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<Ods>>(column)?.map(|ods| ods.0));
    let placed_for: String = row.get(5)?;
    let lifted_at: Option<Micros> = row.get(10)?;
    let lift = match lifted_at {
        None => None,
        Some(at) => {
            let on: String = row.get(14)?;
            Some(Lift {
                at: at.0,
                by: row.get(11)?,
                assured_by: row.get(12)?,
                assurance: row.get(13)?,
                assured_on: on.parse().map_err(|_| bad(14, "date"))?,
            })
        }
    };
    Ok(HoldRow {
        id: row.get(0)?,
        held: Held::from_parts(&kind, ods(2)?, ods(3)?, row.get(4)?)
            .ok_or_else(|| bad(1, "kind"))?,
        placed_for: (placed_for != GROUP).then_some(OdsCode(placed_for)),
        placed_by: row.get(6)?,
        reason: row.get(7)?,
        at: row.get::<_, Micros>(8)?.0,
        starts_at: row.get::<_, Micros>(9)?.0,
        lift,
    })
}

fn holds(connection: &Connection, standing_only: bool) -> rusqlite::Result<Vec<HoldRow>> {
    let condition = if standing_only {
        "WHERE lifted_at IS NULL"
    } else {
        ""
    };
    connection
        .prepare_cached(&format!(
            "SELECT {HOLD} FROM hold {condition} ORDER BY at, id"
        ))?
        .query_map([], hold)?
        .collect()
}

fn generation(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT generation FROM hold_generation")?
        .query_row([], |row| row.get::<_, i64>(0))
        .map(|generation| u64::try_from(generation).unwrap_or_default())
}

/// Kills all that a client has: access tokens, families, launches, sign-ins under way. A token that is made meanwhile is born
/// revoked (`tokens::insert`).
fn end_all_of(connection: &Connection, client: &str, at: Timestamp) -> rusqlite::Result<()> {
    for sql in [
        "UPDATE token SET revoked = 1 WHERE client = ?1 AND ?2 IS NOT NULL",
        "UPDATE launch_grant SET revoked_at = ?2 WHERE client = ?1 AND revoked_at IS NULL",
        "UPDATE launch SET used_at = ?2 WHERE client = ?1 AND used_at IS NULL",
        "DELETE FROM journey WHERE json_extract(asked, '$.client') = ?1 AND ?2 IS NOT NULL",
    ] {
        connection
            .prepare_cached(sql)?
            .execute((client, Micros(at)))?;
    }
    Ok(())
}

impl HoldStore for SqliteStore {
    fn place_hold(
        &self,
        row: HoldRow,
        notices: Vec<Notice>,
        entry: AuditEntry,
    ) -> Stored<'_, bool> {
        Box::pin(async move {
            let trail = trail(entry)?;
            Ok(self
                .writer
                .run(move |connection| {
                    let (organisation, viewer, username) = row.held.parts();
                    let placed = connection
                        .prepare_cached(&format!(
                            "INSERT INTO hold ({HOLD})
                             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, NULL, NULL, NULL, NULL, NULL)"
                        ))?
                        .execute(params![
                            row.id,
                            row.held.kind(),
                            organisation.map(|ods| &ods.0),
                            viewer.map(|ods| &ods.0),
                            username,
                            row.placed_for.as_ref().map_or(GROUP, |ods| &ods.0),
                            row.placed_by,
                            row.reason,
                            Micros(row.at),
                            Micros(row.starts_at),
                        ]);
                    match placed {
                        // The same stands already.
                        Err(error)
                            if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) =>
                        {
                            return Ok((false, None));
                        }
                        placed => placed?,
                    };
                    if let Held::Client(id) = &row.held {
                        end_all_of(connection, id, row.at)?;
                    }
                    for notice in &notices {
                        notices::put(connection, notice)?;
                    }
                    Ok((true, Some(trail.clone())))
                })
                .await?)
        })
    }

    fn lift_hold<'a>(
        &'a self,
        id: &'a str,
        lift: Lift,
        notices: Vec<Notice>,
        entry: AuditEntry,
    ) -> Stored<'a, bool> {
        Box::pin(async move {
            let trail = trail(entry)?;
            let id = id.to_owned();
            Ok(self
                .writer
                .run(move |connection| {
                    let lifted = connection
                        .prepare_cached(
                            "UPDATE hold SET lifted_at = ?2, lifted_by = ?3, assured_by = ?4, assurance = ?5, assured_on = ?6
                             WHERE id = ?1 AND lifted_at IS NULL",
                        )?
                        .execute(params![
                            id,
                            Micros(lift.at),
                            lift.by,
                            lift.assured_by,
                            lift.assurance,
                            lift.assured_on.to_string(),
                        ])?;
                    if lifted == 0 {
                        return Ok((false, None));
                    }
                    for notice in &notices {
                        notices::put(connection, notice)?;
                    }
                    Ok((true, Some(trail.clone())))
                })
                .await?)
        })
    }

    fn holds(&self, standing_only: bool) -> Result<Vec<HoldRow>, StoreError> {
        self.readers
            .with(|connection| holds(connection, standing_only))
    }

    fn hold_generation(&self) -> Result<u64, StoreError> {
        self.readers.with(generation)
    }

    fn standing_holds(&self) -> Result<(u64, Vec<HoldRow>), StoreError> {
        self.readers.with(|connection| {
            // One read transaction: the number belongs to exactly these rows.
            connection.prepare_cached("BEGIN")?.execute([])?;
            let read = generation(connection)
                .and_then(|generation| Ok((generation, holds(connection, true)?)));
            connection.prepare_cached("COMMIT")?.execute([])?;
            read
        })
    }
}

impl RegisterStore for SqliteStore {
    fn keep_register<'a>(&'a self, hash: &'a str, text: Vec<u8>, at: Timestamp) -> Stored<'a, ()> {
        Box::pin(async move {
            let packed = pack(&text)?;
            let hash = hash.to_owned();
            Ok(self
                .writer
                .run(move |connection| {
                    connection
                        .prepare_cached(
                            "INSERT INTO register_snapshot (hash, at, files) VALUES (?1, ?2, ?3)
                             ON CONFLICT DO NOTHING",
                        )?
                        .execute((&hash, Micros(at), &packed))?;
                    Ok(((), None))
                })
                .await?)
        })
    }

    fn find_register(&self, hash: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let packed: Option<Vec<u8>> = self.readers.with(|connection| {
            connection
                .prepare_cached("SELECT files FROM register_snapshot WHERE hash = ?1")?
                .query_row([hash], |row| row.get(0))
                .optional()
        })?;
        packed.map(|packed| unpack(&packed)).transpose()
    }

    fn registers(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached("SELECT hash, at FROM register_snapshot ORDER BY at, hash")?
                .query_map([], |row| Ok((row.get(0)?, row.get::<_, Micros>(1)?.0)))?
                .collect()
        })
    }
}

fn pack(text: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packer
        .write_all(text)
        .and_then(|()| packer.finish())
        .map_err(|error| StoreError(error.to_string()))
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut text = Vec::new();
    flate2::read::ZlibDecoder::new(packed)
        .take(LARGEST)
        .read_to_end(&mut text)
        .map_err(|error| StoreError(format!("a kept register is damaged: {error}")))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::tests::Folder;

    // R155: the history of holds stays, whoever has the file open
    #[test]
    fn a_hold_is_never_deleted() {
        let folder = Folder::new();
        let store = folder.open();
        folder.sql(
            "INSERT INTO hold (id, kind, placed_for, placed_by, reason, at, starts_at)
             VALUES ('a', 'everything', 'group', 'oversight', 'because', 1, 1)",
        );
        assert_eq!(store.hold_generation().unwrap(), 1);
        let file = Connection::open(folder.file()).unwrap();
        assert!(file.execute("DELETE FROM hold", []).is_err());
        assert_eq!(store.standing_holds().unwrap().1.len(), 1);
    }

    #[tokio::test]
    async fn a_register_is_kept_whole_by_its_hash() {
        let folder = Folder::new();
        let store = folder.open();
        let text = "organisations.toml".repeat(5_000).into_bytes();
        for _ in 0..2 {
            store
                .keep_register("hash", text.clone(), Timestamp::UNIX_EPOCH)
                .await
                .unwrap();
        }
        assert_eq!(store.find_register("hash").unwrap(), Some(text));
        assert_eq!(store.find_register("other").unwrap(), None);
        assert_eq!(store.registers().unwrap().len(), 1);
    }
}
