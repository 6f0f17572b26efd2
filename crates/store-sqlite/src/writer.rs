//! The thread that writes, and group commit: all waiting jobs are committed together, with one `fsync`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;
use tollgate_store::{Access, Measures, StoreError};

use crate::error::{failed, failed_inside};
use crate::job::{Answer, Reply, Value, Work};
use crate::open;
use crate::place::Place;
use crate::queue::Queue;

/// The most jobs in one transaction, which bounds how long other jobs and processes wait for it.
const BATCH: usize = 256;

/// The failure that the effect of a job must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The end of the process: `synchronous=NORMAL`. In WAL mode the file stays consistent whatever happens, but a
    /// power cut can take the newest commits.
    Process,
    /// A power cut: `synchronous=FULL`.
    Power,
}

/// A job that writes, and answers its caller once it is committed.
pub(crate) struct Write {
    durability: Durability,
    work: Option<Work>,
    value: Option<Value>,
    reply: Reply,
}

impl Write {
    /// Makes a job, and the receiver at which its caller waits for the answer.
    pub(crate) fn new(durability: Durability, work: Work) -> (Self, Answer) {
        let (reply, answer) = oneshot::channel();
        (Self { durability, work: Some(work), value: None, reply }, answer)
    }

    /// Does the work, once, in a savepoint of the transaction.
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let work = self.work.take().expect("a job runs once");
        self.value = Some(work(connection)?);
        Ok(())
    }

    /// Answers the caller when the transaction has ended.
    fn answer(self, result: Result<(), StoreError>) {
        let Self { value, reply, .. } = self;
        // The caller may have stopped waiting; its job is done all the same.
        let _ = reply.send(result.map(|()| value.expect("a job that succeeded has a value")));
    }
}

/// The state of the writing thread, which owns the only connection that writes.
pub(crate) struct Writer {
    place: Place,
    /// The connection; `None` after a failure that leaves it unclear what is on the disk.
    connection: Option<Connection>,
}

impl Writer {
    pub(crate) fn new(place: Place, connection: Connection) -> Self {
        Self { place, connection: Some(connection) }
    }

    /// Works until the queue is closed, then moves the WAL into the database as far as readers allow.
    pub(crate) fn run(mut self, queue: &Queue<Write>, measures: &Measures) {
        let mut jobs = Vec::with_capacity(BATCH);
        while queue.take(&mut jobs, BATCH, measures.waits()) {
            // A panic is a bug in one job. Its batch is rolled back with the connection, and the callers learn that nothing
            // was done. The thread goes on with the next batch.
            let committed = catch_unwind(AssertUnwindSafe(|| self.commit(&mut jobs)));
            match committed {
                Ok(Ok(results)) => jobs.drain(..).zip(results).for_each(|(job, result)| job.answer(result)),
                Ok(Err(error)) => jobs.drain(..).for_each(|job| job.answer(Err(error.clone()))),
                Err(_) => jobs.drain(..).for_each(|job| job.answer(Err(failed_inside()))),
            }
        }
        if let Some(connection) = self.connection {
            // Best effort: a process that still reads keeps the WAL, and the next process that opens the file reads it.
            let _ = connection.busy_timeout(Duration::from_millis(100));
            let _ = checkpoint(&connection);
        }
    }

    /// Runs and commits `jobs`. An error concerns all of them.
    fn commit(&mut self, jobs: &mut [Write]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        // A commit to a file that was removed or replaced would be lost.
        self.place.check()?;
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => reopen(self.place.path())?,
        };
        match transaction(&connection, jobs) {
            Ok(results) => {
                self.connection = Some(connection);
                Ok(results.into_iter().map(|result| result.map_err(failed)).collect())
            }
            Err(failed) => {
                if is_intact(&connection, &failed.error) {
                    self.connection = Some(connection);
                }
                Err(failed.outcome())
            }
        }
    }
}

/// Why a transaction failed.
struct Failed {
    error: rusqlite::Error,
    /// Whether it failed at the commit, when everything was written but perhaps not on the disk.
    at_commit: bool,
}

impl Failed {
    /// Returns what is known of the transaction. After a failed `fsync` all of it may be in the WAL, where the next process
    /// that opens the file finds it. After a failed write it is not: the commit record is written last, with a checksum.
    fn outcome(self) -> StoreError {
        let failure = self.error.sqlite_error().filter(|error| error.code == ErrorCode::SystemIoFailure);
        let unknown = self.at_commit
            && failure.is_some_and(|error| error.extended_code != rusqlite::ffi::SQLITE_IOERR_WRITE);
        match failed(self.error) {
            StoreError::Unavailable(what) if unknown => StoreError::OutcomeUnknown(what),
            error => error,
        }
    }
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self { error, at_commit: false }
    }
}

/// Runs `jobs` in one transaction, each in a savepoint of its own, so that a failing job only undoes its own work.
fn transaction(connection: &Connection, jobs: &mut [Write]) -> Result<Vec<rusqlite::Result<()>>, Failed> {
    let durable = jobs.iter().any(|job| job.durability == Durability::Power);
    // The statement takes effect when it is prepared, so it can't be a cached one.
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
                return Ok(result.map(|()| results)?);
            }
            execute(connection, "ROLLBACK TO job")?;
        }
        execute(connection, "RELEASE job")?;
        results.push(result);
    }
    execute(connection, "COMMIT").map_err(|error| Failed { error, at_commit: true })?;
    Ok(results)
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// Rolls back the rest of a failed transaction, and says whether the connection can be used again. After a failed
/// `fsync` it can't: the kernel may have forgotten the pages, and the next `fsync` would succeed without them.
fn is_intact(connection: &Connection, error: &rusqlite::Error) -> bool {
    let rolled_back = connection.is_autocommit() || execute(connection, "ROLLBACK").is_ok();
    rolled_back && matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DiskFull))
}

/// Opens the store again after a failure, and empties the WAL before anything is written to it: a commit behind
/// frames that never reached the disk would be lost with them.
fn reopen(path: &std::path::Path) -> Result<Connection, StoreError> {
    let connection = open::to_write(path, Access::Change)?;
    if checkpoint(&connection).map_err(failed)? {
        Ok(connection)
    } else {
        Err(StoreError::Unavailable("after a failed write, its log is still being read".to_owned()))
    }
}

/// Moves all of the WAL into the database and empties it. Returns `false` if a reader prevents that.
fn checkpoint(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map(|busy: bool| !busy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(code: i32, at_commit: bool) -> StoreError {
        let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        Failed { error, at_commit }.outcome()
    }

    #[test]
    fn a_commit_whose_fsync_failed_may_be_found_again() {
        let (fsync, full, busy) =
            (rusqlite::ffi::SQLITE_IOERR_FSYNC, rusqlite::ffi::SQLITE_FULL, rusqlite::ffi::SQLITE_BUSY);
        assert!(matches!(outcome(fsync, true), StoreError::OutcomeUnknown(_)));
        assert!(matches!(outcome(fsync, false), StoreError::Unavailable(_)));
        for code in [full, busy, rusqlite::ffi::SQLITE_IOERR_WRITE] {
            assert!(matches!(outcome(code, true), StoreError::Unavailable(_)));
        }
    }
}
