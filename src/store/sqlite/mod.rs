//! The embedded store: one SQLite file, one writer thread, a few connections that only read.
//!
//! WAL with `synchronous=FULL`: what was answered has been synced to the disk. The trail's rows are grouped by nothing
//! but what waits (`writer.rs`). Two processes may open the same file: the row number decides who was first.

mod audit;
mod authorization;
mod bound;
#[cfg(test)]
mod bound_tests;
mod cases;
mod events;
mod heads;
mod holds;
mod losses;
mod migrate;
mod national;
mod notices;
mod occasions;
mod opt_out;
mod overrides;
mod probe;
mod proofs;
mod providers;
mod read;
#[cfg(test)]
mod tamper;
mod terms;
#[cfg(test)]
pub(crate) mod tests;
mod tokens;
mod values;
mod verify;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

pub use verify::verify;

use super::StoreError;

/// How long one process waits for another's transaction.
const BUSY: Duration = Duration::from_secs(5);
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 32;

/// Tokens, occasions and the trail in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    writer: writer::Writer,
    readers: read::Readers,
}

impl SqliteStore {
    /// Opens the store; creates and migrates it where needed.
    ///
    /// # Errors
    /// The file cannot be opened or written, is of a later version, or its trail does not match its own tree head.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        create_private(path)?;
        let mut connection = connect(path, OpenFlags::default())?;
        migrate::migrate(&mut connection)?;
        Ok(Self {
            path: path.to_owned(),
            writer: writer::Writer::start(connection)?,
            readers: read::Readers::new(path),
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string())
    }
}

/// Creates the file readable by its owner alone; SQLite gives its companions the same mode (R145).
fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .map(drop)
        .map_err(|error| StoreError(format!("{}: {error}", path.display())))
}

/// A connection with everything set that this store relies on.
fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    if !flags.contains(OpenFlags::SQLITE_OPEN_READ_ONLY) {
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(StoreError(format!("journal mode is {mode}, not WAL")));
        }
        // 16 MiB between checkpoints: fewer pauses, and still a short recovery.
        connection.pragma_update(None, "wal_autocheckpoint", 4096)?;
        // What is deleted is overwritten.
        connection.pragma_update(None, "secure_delete", true)?;
    }
    Ok(connection)
}
