//! The thread that writes, and group commit: whatever waits is committed together, with one `fsync` for all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::open;
use super::place::Place;
use super::queue::Queue;
use crate::StoreError;

/// The most jobs in one transaction: it bounds what waits behind it, here and in other processes.
const BATCH: usize = 256;

/// What a job's effect must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// The end of the process: `synchronous=NORMAL`. In WAL mode the file stays consistent whatever happens, but a
    /// power cut can take the newest commits.
    Process,
    /// A power cut: `synchronous=FULL`.
    Power,
}

/// Something to write, and whom to answer once it is committed.
pub(super) trait Job: Send {
    fn durability(&self) -> Durability;

    /// Does the work, once, inside a transaction.
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;

    /// Answers, when the transaction has ended.
    fn answer(self: Box<Self>, result: Result<(), StoreError>);
}

/// A job made of a closure.
pub(super) struct Write<T, F> {
    durability: Durability,
    work: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Write<T, F> {
    pub(super) fn new(
        durability: Durability,
        work: F,
        reply: oneshot::Sender<Result<T, StoreError>>,
    ) -> Self {
        Self { durability, work: Some(work), value: None, reply }
    }
}

impl<T: Send, F: FnOnce(&Connection) -> rusqlite::Result<T> + Send> Job for Write<T, F> {
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let work = self.work.take().expect("a job runs once");
        self.value = Some(work(connection)?);
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        let value = self.value;
        // Nobody listening is no error: the caller went away, and what it asked for is done all the same.
        let _ = self.reply.send(result.map(|()| value.expect("a job that succeeded has a value")));
    }
}

/// Owns the one connection that writes.
pub(super) struct Writer {
    place: Place,
    /// `None` after a failure that leaves unclear what is on the disk.
    connection: Option<Connection>,
}

impl Writer {
    pub(super) fn new(place: Place, connection: Connection) -> Self {
        Self { place, connection: Some(connection) }
    }

    /// Works until the queue is closed, then moves the WAL into the database as far as others allow.
    pub(super) fn run(mut self, queue: &Queue<Box<dyn Job>>) {
        let mut jobs = Vec::with_capacity(BATCH);
        while queue.take(&mut jobs, BATCH) {
            // A panic is a bug in one job. Its batch is rolled back with the connection, and its callers learn
            // that they won't be answered; the next batch finds a thread all the same.
            let committed = catch_unwind(AssertUnwindSafe(|| self.commit(&mut jobs)));
            match committed {
                Ok(Ok(results)) => jobs.drain(..).zip(results).for_each(|(job, result)| job.answer(result)),
                Ok(Err(error)) => jobs.drain(..).for_each(|job| job.answer(Err(error.clone()))),
                Err(_) => jobs.clear(),
            }
        }
        if let Some(connection) = self.connection {
            // Best effort: a process that still reads keeps the WAL, and the next one to open it finds all in it.
            let _ = connection.busy_timeout(Duration::from_millis(100));
            let _ = checkpoint(&connection);
        }
    }

    /// Runs and commits `jobs`. An error concerns them all: then nothing of any of them was kept.
    fn commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        // What is committed to a file that nobody finds any more would be lost.
        self.place.check()?;
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => reopen(self.place.path())?,
        };
        match transaction(&connection, jobs) {
            Ok(results) => {
                self.connection = Some(connection);
                Ok(results.into_iter().map(|result| result.map_err(StoreError::from)).collect())
            }
            Err(error) => {
                if is_intact(&connection, &error) {
                    self.connection = Some(connection);
                }
                Err(error.into())
            }
        }
    }
}

/// Runs `jobs` in one transaction, each in a savepoint of its own, so that one that fails takes only itself back.
fn transaction(
    connection: &Connection,
    jobs: &mut [Box<dyn Job>],
) -> rusqlite::Result<Vec<rusqlite::Result<()>>> {
    let durable = jobs.iter().any(|job| job.durability() == Durability::Power);
    // Takes effect when it is prepared, so it can't be a cached statement.
    connection.execute_batch(if durable {
        "PRAGMA synchronous=FULL"
    } else {
        "PRAGMA synchronous=NORMAL"
    })?;
    execute(connection, "BEGIN IMMEDIATE")?;
    let mut results = Vec::with_capacity(jobs.len());
    for job in jobs {
        execute(connection, "SAVEPOINT job")?;
        let result = job.run(connection);
        if result.is_err() {
            // After some errors, such as a full disk, SQLite has rolled back the whole transaction by itself.
            if connection.is_autocommit() {
                return result.map(|()| results);
            }
            execute(connection, "ROLLBACK TO job")?;
        }
        execute(connection, "RELEASE job")?;
        results.push(result);
    }
    execute(connection, "COMMIT")?;
    Ok(results)
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// Rolls back what is left of a failed transaction, and says whether the connection can be used again. After a failed
/// `fsync` it can't: the kernel may have forgotten the pages, and the next one would succeed without them.
fn is_intact(connection: &Connection, error: &rusqlite::Error) -> bool {
    let rolled_back = connection.is_autocommit() || execute(connection, "ROLLBACK").is_ok();
    rolled_back && matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DiskFull))
}

/// Opens the store again after a failure, and empties the WAL before anything is written to it: a commit behind
/// frames that never reached the disk would be lost with them.
fn reopen(path: &std::path::Path) -> Result<Connection, StoreError> {
    let connection = open::to_write(path, open::Empty::Refused)?;
    if checkpoint(&connection)? {
        Ok(connection)
    } else {
        Err(StoreError::Unavailable("after a failed write, its log is still being read".to_owned()))
    }
}

/// Moves all of the WAL into the database and empties it; `false` if a reader prevents that.
fn checkpoint(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map(|busy: bool| !busy)
}
