//! Turns SQLite's errors into errors of the store. No text contains the values of a row.

use rusqlite::{Error, ErrorCode};
use tollgate_store::StoreError;

/// The beginning of the error's text when the disk has no room for more.
pub(crate) const DISK_FULL: &str = "the disk is full";

/// The error of an act when another act came first.
#[derive(Debug, thiserror::Error)]
#[error("another act came first")]
pub(crate) struct Overtaken;

impl From<Overtaken> for Error {
    fn from(overtaken: Overtaken) -> Self {
        // The only variant that takes an error of any type.
        Self::ToSqlConversionFailure(Box::new(overtaken))
    }
}

/// An error of the store, into which `?` turns an error of SQLite's.
#[derive(Debug)]
pub(crate) struct Failure(StoreError);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(failed(error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(error)
    }
}

impl From<Failure> for StoreError {
    fn from(Failure(error): Failure) -> Self {
        error
    }
}

/// Turns an error of SQLite's into one of the store.
pub(crate) fn failed(error: Error) -> StoreError {
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => StoreError::Corrupt("a row has a value that was never written".to_owned()),
        Error::SqliteFailure(error, _) => from_code(error),
        Error::ToSqlConversionFailure(error) if error.is::<Overtaken>() => StoreError::Overtaken,
        _ => StoreError::Unavailable("a statement was refused".to_owned()),
    }
}

fn from_code(error: rusqlite::ffi::Error) -> StoreError {
    let code = error.extended_code;
    let text = match error.code {
        ErrorCode::DatabaseCorrupt => {
            return StoreError::Corrupt(format!("its pages contradict each other (SQLite error {code})"));
        }
        ErrorCode::NotADatabase => return StoreError::Corrupt("it is not a database".to_owned()),
        ErrorCode::DiskFull => DISK_FULL,
        // The memory that the processes share is a file as well, which the first of them creates when it opens the store.
        ErrorCode::SystemIoFailure if code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => {
            "the disk is full, or files may not grow (ulimit -f)"
        }
        ErrorCode::SystemIoFailure if code == rusqlite::ffi::SQLITE_IOERR_WRITE => {
            "writing failed, as it does where files may not grow (ulimit -f)"
        }
        ErrorCode::SystemIoFailure => "reading or writing failed",
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "another process holds it for too long",
        ErrorCode::ReadOnly => "it can't be written",
        ErrorCode::CannotOpen => "it can't be opened",
        ErrorCode::ConstraintViolation => "a row contradicts those that are there",
        _ => "a statement failed",
    };
    StoreError::Unavailable(format!("{text} (SQLite error {code})"))
}

/// Returns the error of a job that panicked, or whose thread has ended.
pub(crate) fn failed_inside() -> StoreError {
    StoreError::Unavailable("it failed inside".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_named_wherever_it_is_met() {
        for code in [rusqlite::ffi::SQLITE_FULL, rusqlite::ffi::SQLITE_IOERR_SHMSIZE] {
            let error = from_code(rusqlite::ffi::Error::new(code));
            assert!(
                matches!(&error, StoreError::Unavailable(text) if text.starts_with(DISK_FULL)),
                "{error}"
            );
        }
    }
}
