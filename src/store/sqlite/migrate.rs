//! Creates and upgrades the schema: numbered files, each once, all in one transaction.

use rusqlite::{Connection, TransactionBehavior};

use crate::store::StoreError;

/// `migrations/sqlite/`, in order. Files are only ever added; each that a store has not had yet is applied.
const MIGRATIONS: &[(u32, &str, &str)] = &[
    (
        1,
        "first",
        include_str!("../../../migrations/sqlite/0001_first.sql"),
    ),
    (
        2,
        "notices",
        include_str!("../../../migrations/sqlite/0002_notices.sql"),
    ),
    (
        3,
        "holds",
        include_str!("../../../migrations/sqlite/0003_holds.sql"),
    ),
    (
        4,
        "cases",
        include_str!("../../../migrations/sqlite/0004_cases.sql"),
    ),
    (
        6,
        "losses",
        include_str!("../../../migrations/sqlite/0006_losses.sql"),
    ),
    (
        7,
        "launch",
        include_str!("../../../migrations/sqlite/0007_launch.sql"),
    ),
    (
        12,
        "opt_out",
        include_str!("../../../migrations/sqlite/0012_opt_out.sql"),
    ),
    (
        13,
        "override_review",
        include_str!("../../../migrations/sqlite/0013_override_review.sql"),
    ),
    (
        14,
        "purposes",
        include_str!("../../../migrations/sqlite/0014_purposes.sql"),
    ),
    (
        15,
        "signed_heads",
        include_str!("../../../migrations/sqlite/0015_signed_heads.sql"),
    ),
    (
        16,
        "undelivered",
        include_str!("../../../migrations/sqlite/0016_undelivered.sql"),
    ),
    (
        17,
        "providers",
        include_str!("../../../migrations/sqlite/0017_providers.sql"),
    ),
    (
        18,
        "refresh_scope",
        include_str!("../../../migrations/sqlite/0018_refresh_scope.sql"),
    ),
    (
        19,
        "refusal_purpose",
        include_str!("../../../migrations/sqlite/0019_refusal_purpose.sql"),
    ),
    (
        20,
        "terms",
        include_str!("../../../migrations/sqlite/0020_terms.sql"),
    ),
    (
        21,
        "relationship",
        include_str!("../../../migrations/sqlite/0021_relationship.sql"),
    ),
];

/// Brings the schema to this program's version.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL) STRICT",
    )?;
    let present: u32 = transaction.query_row(
        "SELECT coalesce(max(version), 0) FROM schema_version",
        [],
        |row| row.get(0),
    )?;
    let latest = MIGRATIONS.last().map_or(0, |(version, ..)| *version);
    if present > latest {
        return Err(StoreError(format!(
            "the file has schema version {present}; this program knows {latest}"
        )));
    }
    for (version, name, sql) in MIGRATIONS {
        let had: bool = transaction.query_row(
            "SELECT EXISTS (SELECT 1 FROM schema_version WHERE version = ?1)",
            [version],
            |row| row.get(0),
        )?;
        if !had {
            transaction.execute_batch(sql)?;
            transaction.execute(
                "INSERT INTO schema_version (version, name) VALUES (?1, ?2)",
                (version, name),
            )?;
        }
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_start_changes_nothing_and_a_later_file_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        connection
            .execute("INSERT INTO schema_version VALUES (999, 'later')", [])
            .unwrap();
        assert!(migrate(&mut connection).is_err());
    }

    // A file that was numbered before others and came after them: a store that has had the later ones gets it too, once
    #[test]
    fn a_file_that_came_late_is_applied_beneath_later_ones() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let schema = |connection: &Connection| -> Vec<String> {
            let mut found = connection
                .prepare(
                    "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'
                     UNION ALL SELECT 'occasion.' || name FROM pragma_table_info('occasion') ORDER BY 1",
                )
                .unwrap();
            let rows = found.query_map([], |row| row.get(0)).unwrap();
            rows.map(Result::unwrap).collect()
        };
        let whole = schema(&connection);
        connection
            .execute_batch(
                "DELETE FROM schema_version WHERE version = 14;
                 DROP TABLE national_clearance;
                 ALTER TABLE occasion DROP COLUMN site;
                 ALTER TABLE occasion DROP COLUMN gateway;
                 ALTER TABLE occasion DROP COLUMN asked;
                 ALTER TABLE occasion DROP COLUMN same_name;",
            )
            .unwrap();
        let latest = |connection: &Connection| -> u32 {
            connection
                .query_row("SELECT max(version) FROM schema_version", [], |row| {
                    row.get(0)
                })
                .unwrap()
        };
        assert!(latest(&connection) > 14);
        assert_ne!(schema(&connection), whole);
        migrate(&mut connection).unwrap();
        assert_eq!(schema(&connection), whole);
        migrate(&mut connection).unwrap();
        assert_eq!(schema(&connection), whole);
    }
}
