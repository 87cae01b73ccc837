//! The one writer: takes whatever waits, writes it in one transaction, and answers after the commit.
//!
//! No timer: while one group is synced the next one gathers by itself. A job that fails is rolled back alone (savepoint);
//! a commit that fails fails every job of its group. An asker who has gone away is not waited for; the job is done all the
//! same, since a row too many does no harm.

use std::thread::JoinHandle;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use super::audit::{Inserts, Tip};
use crate::audit::AuditEntry;
use crate::audit::row::Row;
use crate::store::StoreError;
use crate::store::bound::Bound;

/// Jobs that may wait. Beyond it the store says so at once: a queue that grows without end only hides a broken disk.
const QUEUE: usize = 8192;
/// Jobs of one transaction.
const GROUP: usize = 512;

/// Something other than a row of the trail that has to be written. It may run twice, never in the same transaction.
type Run<T> = Box<dyn FnMut(&Connection) -> rusqlite::Result<(T, Option<Box<Row>>)> + Send>;

/// A job with its asker.
pub(super) trait Task: Send {
    /// Does it; gives the row of the trail that goes with it, if any.
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<Option<Box<Row>>>;
    /// It failed by itself.
    fn fail(&mut self, error: rusqlite::Error);
    /// Tells the asker, after the commit or its failure.
    fn answer(self: Box<Self>, group: Result<(), StoreError>);
}

struct Asked<T> {
    run: Run<T>,
    outcome: Option<Result<T, StoreError>>,
    asker: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send> Task for Asked<T> {
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<Option<Box<Row>>> {
        let (answer, row) = (self.run)(connection)?;
        self.outcome = Some(Ok(answer));
        Ok(row)
    }

    fn fail(&mut self, error: rusqlite::Error) {
        self.outcome = Some(Err(error.into()));
    }

    fn answer(self: Box<Self>, group: Result<(), StoreError>) {
        let outcome = match group {
            Ok(()) => self
                .outcome
                .unwrap_or_else(|| Err(StoreError("the job did not run".into()))),
            Err(error) => Err(error),
        };
        // An asker who has gone away needs no answer.
        let _gone = self.asker.send(outcome);
    }
}

/// The row of a deed, holding what is stored with it to what it is now.
pub(super) fn bind(mut entry: AuditEntry, stored: &impl Bound) -> AuditEntry {
    entry.binds.push(stored.digest());
    entry
}

/// The trail's row of a deed, ready for the deed's own transaction.
pub(super) fn trail(entry: AuditEntry) -> Result<Box<Row>, StoreError> {
    Row::new(entry)
        .map(Box::new)
        .map_err(|error| StoreError(error.to_string()))
}

enum Job {
    Row(Box<Row>, oneshot::Sender<Result<(), StoreError>>),
    Task(Box<dyn Task>),
}

/// The handle of the writer thread. Dropping it writes what still waits, then stops.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on its connection.
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (ready, started) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || work(&connection, jobs, &ready))
            .map_err(|error| StoreError(format!("the writer cannot start: {error}")))?;
        started
            .recv()
            .map_err(|_| StoreError("the writer did not start".into()))??;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Writes a row of the trail.
    pub(super) async fn row(&self, row: Row) -> Result<(), WriteError> {
        let (asker, answer) = oneshot::channel();
        self.send(Job::Row(Box::new(row), asker))?;
        answer
            .await
            .map_err(|_| WriteError::Stopped)?
            .map_err(WriteError::Failed)
    }

    /// Runs a job in the group's transaction.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        run: impl FnMut(&Connection) -> rusqlite::Result<(T, Option<Box<Row>>)> + Send + 'static,
    ) -> Result<T, WriteError> {
        let (asker, answer) = oneshot::channel();
        self.send(Job::Task(Box::new(Asked {
            run: Box::new(run),
            outcome: None,
            asker,
        })))?;
        answer
            .await
            .map_err(|_| WriteError::Stopped)?
            .map_err(WriteError::Failed)
    }

    fn send(&self, job: Job) -> Result<(), WriteError> {
        use mpsc::error::TrySendError;
        let queue = self.queue.as_ref().ok_or(WriteError::Stopped)?;
        queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => WriteError::Full,
            TrySendError::Closed(_) => WriteError::Stopped,
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// The group failed.
    #[error(transparent)]
    Failed(StoreError),
    /// Too much waits already.
    #[error("too many writes are waiting")]
    Full,
    /// The thread has ended.
    #[error("the writer has stopped")]
    Stopped,
}

impl From<WriteError> for StoreError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Failed(error) => error,
            other => Self(other.to_string()),
        }
    }
}

/// The thread.
fn work(
    connection: &Connection,
    mut jobs: mpsc::Receiver<Job>,
    ready: &std::sync::mpsc::Sender<Result<(), StoreError>>,
) {
    let started =
        tip_now(connection).and_then(|tip| Ok((Some(tip), Inserts::prepare(connection)?)));
    let (mut tip, mut inserts) = match started {
        Ok(started) => started,
        Err(error) => {
            let _gone = ready.send(Err(error));
            return;
        }
    };
    let _gone = ready.send(Ok(()));
    let mut group = Vec::with_capacity(GROUP);
    while jobs.blocking_recv_many(&mut group, GROUP) > 0 {
        let mut outcome = commit(connection, &mut inserts, &mut tip, &mut group);
        if matches!(&outcome, Err(GroupError::Overtaken)) {
            // Another process wrote to the trail in between. Its rows are read now; this group comes after them.
            outcome = commit(connection, &mut inserts, &mut tip, &mut group);
        }
        let outcome = outcome.map_err(|error| match error {
            GroupError::Overtaken => StoreError("another process writes to the same trail".into()),
            GroupError::Failed(error) => error,
        });
        for job in group.drain(..) {
            match job {
                Job::Row(_, asker) => {
                    let _gone = asker.send(outcome.clone());
                }
                Job::Task(task) => task.answer(outcome.clone()),
            }
        }
    }
}

/// The end of the trail while nobody holds a lock: all of it from one moment, for another process may be writing.
fn tip_now(connection: &Connection) -> Result<Tip, StoreError> {
    let moment = connection.unchecked_transaction()?;
    let tip = Tip::load(&moment)?;
    moment.commit()?;
    Ok(tip)
}

enum GroupError {
    Overtaken,
    Failed(StoreError),
}

impl From<rusqlite::Error> for GroupError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => Self::Overtaken,
            _ => Self::Failed(error.into()),
        }
    }
}

/// One group, all or nothing. `tip` is only there while it is known to be what the file says.
fn commit(
    connection: &Connection,
    inserts: &mut Inserts<'_>,
    tip: &mut Option<Tip>,
    group: &mut [Job],
) -> Result<(), GroupError> {
    let written = write(connection, inserts, tip.take(), group);
    if written.is_err() && !connection.is_autocommit() {
        // If this fails too, the next BEGIN does, and so does its group.
        let _failed = connection.execute_batch("ROLLBACK");
    }
    *tip = Some(written?);
    Ok(())
}

fn write(
    connection: &Connection,
    inserts: &mut Inserts<'_>,
    tip: Option<Tip>,
    group: &mut [Job],
) -> Result<Tip, GroupError> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    // Read under the lock: whatever other processes write, nobody is overtaken twice.
    let mut tip = match tip {
        Some(tip) => tip,
        None => Tip::load(connection).map_err(GroupError::Failed)?,
    };
    let mut with_tasks = Vec::new();
    for job in group.iter_mut() {
        if let Job::Task(task) = job {
            with_tasks.extend(savepoint(connection, task.as_mut())?);
        }
    }
    let rows: Vec<&Row> = with_tasks
        .iter()
        .chain(group.iter().filter_map(|job| match job {
            Job::Row(row, _) => Some(row),
            Job::Task(_) => None,
        }))
        .map(AsRef::as_ref)
        .collect();
    if !rows.is_empty() {
        inserts.append(&mut tip, &rows)?;
    }
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(tip)
}

/// Runs one task so that its failure undoes nothing but itself.
fn savepoint(connection: &Connection, task: &mut dyn Task) -> Result<Option<Box<Row>>, GroupError> {
    connection.prepare_cached("SAVEPOINT task")?.execute([])?;
    let ran = task.run(connection);
    // A full disk can end the whole transaction by itself.
    if connection.is_autocommit() {
        let error = ran.err().map_or_else(
            || StoreError("the transaction ended by itself".into()),
            StoreError::from,
        );
        return Err(GroupError::Failed(error));
    }
    match ran {
        Ok(row) => {
            connection.prepare_cached("RELEASE task")?.execute([])?;
            Ok(row)
        }
        Err(error) => {
            task.fail(error);
            connection.prepare_cached("ROLLBACK TO task")?.execute([])?;
            connection.prepare_cached("RELEASE task")?.execute([])?;
            Ok(None)
        }
    }
}
