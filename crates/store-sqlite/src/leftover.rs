//! Checks the write-ahead log that a killed process has left behind.
//!
//! SQLite reads the log when the store is opened next, and takes it for the log of the file beside it. If that file is a backup that was
//! put there meanwhile, SQLite mixes the two, and the result is neither. So the log is checked before.

use std::fmt::Write as _;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tollgate_store::StoreError;

use crate::error::Failure;
use crate::open::{self, BACKUP_ID};
use crate::{damage, log_size, place, serving};

/// Refuses a log that doesn't belong to the file at `path`. While a process serves, the log is that process's own.
pub(crate) fn check(path: &Path) -> Result<(), StoreError> {
    let log = place::beside(path, "-wal");
    let has_content = |path| place::look(path).map(|found| found.is_some_and(|file| file.len() > 0));
    let is_left = has_content(path)? && has_content(&log)?;
    if !is_left || is_served(path) {
        return Ok(());
    }
    if is_backup(path) || is_at_odds_with(&log, path)? {
        return Err(StoreError::Corrupt(format!(
            "{} is not the log of {}: if a backup was put in place of the store, delete {} and {}, then start again",
            log.display(),
            path.display(),
            log.display(),
            place::beside(path, "-shm").display()
        )));
    }
    Ok(())
}

/// Says whether a process serves from the file, which holds this lock. None of SQLite's locks is touched, as another connection of
/// this process may hold some.
fn is_served(path: &Path) -> bool {
    File::open(place::beside(path, serving::SUFFIX)).is_ok_and(|file| file.try_lock().is_err())
}

/// Says whether the file itself, without its log, is a backup that has not been opened yet.
fn is_backup(path: &Path) -> bool {
    let uri = format!("file:{}?immutable=1", encoded(path));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    // A file that can't be read without its log is not a backup.
    Connection::open_with_flags(uri, flags)
        .and_then(|file| file.pragma_query_value(None, "application_id", |row| row.get(0)))
        .is_ok_and(|application: i32| application == BACKUP_ID)
}

/// Says whether the file and the log contradict each other. Both are left as they are: closing the file must not move the log
/// into it.
fn is_at_odds_with(log: &Path, path: &Path) -> Result<bool, StoreError> {
    let opened = || -> Result<_, Failure> {
        let connection = open::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(connection)
    };
    let connection = opened().map_err(|error| open::explain(path, error))?;
    let at_odds = || -> Result<_, Failure> {
        Ok(is_of_another_size(&connection, log)? || !damage::of_file(&connection, 1)?.is_empty())
    };
    match at_odds().map_err(StoreError::from) {
        Err(StoreError::Corrupt(_)) => Ok(true),
        outcome => outcome.map_err(|error| open::explain(path, error)),
    }
}

/// Says whether the log belongs to a file with another number of pages: a transaction that changes the number notes it in the first
/// page, too. A process that commits writes the log first, and lets others know of the commit only when it is on the disk. So the
/// two may differ for a while, but not while nobody commits, which opening a write transaction makes sure of.
fn is_of_another_size(connection: &Connection, log: &Path) -> Result<bool, Failure> {
    if !differ(connection, log)? {
        return Ok(false);
    }
    let alone = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    differ(&alone, log)
}

/// Says whether the log, if there is one, states another number of pages than the connection.
fn differ(connection: &Connection, log: &Path) -> Result<bool, Failure> {
    let noted: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    match log_size::pages(log) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::Unavailable(format!("its log can't be read: {}", error.kind())).into()),
        Ok(pages) => Ok(pages.is_some_and(|pages| pages != noted)),
    }
}

/// Percent-encodes a path for a URI (RFC 3986 §2.1).
fn encoded(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}
