//! A write that means nothing, to see that writing works.

use super::SqliteStore;
use crate::store::{Stored, WriteProbe};

impl WriteProbe for SqliteStore {
    fn try_write(&self) -> Stored<'_, ()> {
        Box::pin(async move {
            Ok(self
                .writer
                .run(|connection| {
                    // A number in the file's head that SQLite leaves to its user and this program uses for nothing else. It
                    // is written in the writer's own transaction, with its sync, and no row comes of it.
                    let now: i32 =
                        connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
                    connection.pragma_update(None, "user_version", now.wrapping_add(1) & 0xffff)?;
                    Ok(((), None))
                })
                .await?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R125
    #[tokio::test]
    async fn a_probe_writes() {
        let folder = crate::store::sqlite::tests::Folder::new();
        let store = folder.open();
        store.try_write().await.unwrap();
        store.try_write().await.unwrap();
        let other = rusqlite::Connection::open(folder.file()).unwrap();
        let written: i32 = other
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap();
        assert_eq!(written, 2);
    }
}
