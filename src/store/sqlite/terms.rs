//! Acceptances of the terms of use.

use rusqlite::{Connection, Row, params};

use super::SqliteStore;
use super::values::{Micros, Ods};
use super::writer::{bind, trail};
use crate::audit::AuditEntry;
use crate::store::bound::Bound;
use crate::store::terms::{AcceptanceRow, TermsStore};
use crate::store::{StoreError, Stored};

const ACCEPTANCE: &str = "username, version, text_sha256, at, client, organisation";

fn acceptance(row: &Row<'_>) -> rusqlite::Result<AcceptanceRow> {
    Ok(AcceptanceRow {
        username: row.get(0)?,
        version: row.get(1)?,
        text_sha256: row.get(2)?,
        at: row.get::<_, Micros>(3)?.0,
        client: row.get(4)?,
        organisation: row.get::<_, Ods>(5)?.0,
    })
}

/// Every acceptance that can still be read.
pub(super) fn each(
    connection: &Connection,
    mut see: impl FnMut(&dyn Bound),
) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare(&format!("SELECT {ACCEPTANCE} FROM terms_acceptance"))?;
    for row in statement.query_map([], acceptance)?.flatten() {
        see(&row);
    }
    Ok(())
}

impl TermsStore for SqliteStore {
    fn accept_terms(&self, row: AcceptanceRow, entry: AuditEntry) -> Stored<'_, bool> {
        Box::pin(async move {
            let trail = trail(bind(entry, &row))?;
            Ok(self
                .writer
                .run(move |connection| {
                    let fresh = connection
                        .prepare_cached(&format!(
                            "INSERT INTO terms_acceptance ({ACCEPTANCE}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                             ON CONFLICT DO NOTHING"
                        ))?
                        .execute(params![
                            row.username,
                            row.version,
                            row.text_sha256,
                            Micros(row.at),
                            row.client,
                            row.organisation.0,
                        ])?;
                    Ok((fresh > 0, (fresh > 0).then(|| trail.clone())))
                })
                .await?)
        })
    }

    fn acceptances_of(&self, username: &str) -> Result<Vec<AcceptanceRow>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {ACCEPTANCE} FROM terms_acceptance WHERE username = ?1 ORDER BY at DESC, version DESC"
                ))?
                .query_map([username], acceptance)?
                .collect()
        })
    }

    fn acceptances(&self) -> Result<Vec<AcceptanceRow>, StoreError> {
        self.readers.with(|connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {ACCEPTANCE} FROM terms_acceptance ORDER BY username, at DESC, version DESC"
                ))?
                .query_map([], acceptance)?
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::audit::reader::{AuditReader as _, Filter, Happening};
    use crate::audit::verify::verify;
    use crate::audit::{AccessStep, What};
    use crate::store::contract::{entry, later, ods};
    use crate::store::sqlite::tests::Folder;

    fn row(username: &str, version: &str, text: u8, seconds: i64) -> AcceptanceRow {
        AcceptanceRow {
            username: username.to_owned(),
            version: version.to_owned(),
            text_sha256: [text; 32],
            at: later(seconds),
            client: "app".to_owned(),
            organisation: ods("Z9O01"),
        }
    }

    // R103: version, hash and time of each person's acceptance, each with its row in the trail, once
    #[tokio::test]
    async fn an_acceptance_is_kept_once_with_its_row() {
        let folder = Folder::new();
        let store = folder.open();
        let accept = |row| store.accept_terms(row, entry(What::Access(AccessStep::Terms)));
        let rows = || store.count(&Filter::default()).unwrap();
        assert_eq!(store.acceptances_of("a").unwrap(), []);
        assert!(accept(row("a", "1", 1, 0)).await.unwrap());
        // A second press of the button: nothing more, not in the trail either.
        assert!(!accept(row("a", "1", 1, 5)).await.unwrap());
        assert_eq!(rows(), 1);
        // Another text under the same version is another acceptance.
        assert!(accept(row("a", "1", 2, 6)).await.unwrap());
        assert!(accept(row("a", "2", 2, 7)).await.unwrap());
        assert!(accept(row("b", "1", 1, 8)).await.unwrap());
        assert_eq!(rows(), 4);
        assert_eq!(
            store.acceptances_of("a").unwrap(),
            [
                row("a", "2", 2, 7),
                row("a", "1", 2, 6),
                row("a", "1", 1, 0)
            ]
        );
        assert_eq!(store.acceptances().unwrap().len(), 4);
        let page = store.events(&Filter::default(), 10, None).unwrap();
        assert!(
            page.events
                .iter()
                .all(|event| event.happening == Happening::Terms)
        );
    }

    // R103, R125: no row, no acceptance
    #[tokio::test]
    async fn without_its_row_nothing_is_accepted() {
        let folder = Folder::new();
        let store = folder.open();
        folder.sql(
            "CREATE TRIGGER no BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'full'); END",
        );
        let entry = entry(What::Access(AccessStep::Terms));
        assert!(
            store
                .accept_terms(row("a", "1", 1, 0), entry)
                .await
                .is_err()
        );
        assert_eq!(store.acceptances().unwrap(), []);
    }

    // R103, R126: an acceptance is neither changed nor deleted, and who does it with force is found out
    #[tokio::test]
    async fn an_acceptance_stays_as_it_was() {
        let folder = Folder::new();
        {
            let store = folder.open();
            let entry = entry(What::Access(AccessStep::Terms));
            assert!(
                store
                    .accept_terms(row("a", "1", 1, 0), entry)
                    .await
                    .unwrap()
            );
        }
        let file = Connection::open(folder.file()).unwrap();
        for sql in [
            "DELETE FROM terms_acceptance",
            "UPDATE terms_acceptance SET version = '2'",
        ] {
            assert!(file.execute(sql, []).is_err(), "{sql}");
        }
        assert_eq!(verify(&folder.file()).unwrap().bound, 1);
        file.execute_batch(
            "DROP TRIGGER terms_acceptance_stands; UPDATE terms_acceptance SET username = 'b'",
        )
        .unwrap();
        assert!(verify(&folder.file()).is_err());
        file.execute_batch("UPDATE terms_acceptance SET username = 'a'")
            .unwrap();
        verify(&folder.file()).unwrap();
        // One that nobody gave.
        file.execute_batch(
            "INSERT INTO terms_acceptance SELECT 'c', version, text_sha256, at, client, organisation FROM terms_acceptance",
        )
        .unwrap();
        assert!(verify(&folder.file()).is_err());
    }
}
