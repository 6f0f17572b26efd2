//! SQLite's errors as errors of the store. No text contains the values of a row.

use rusqlite::{Error, ErrorCode};

use crate::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error {
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..) => Self::Corrupt("a row has a value that was never written".to_owned()),
            Error::SqliteFailure(error, _) => from_code(error),
            _ => Self::Unavailable("a statement was refused".to_owned()),
        }
    }
}

fn from_code(error: rusqlite::ffi::Error) -> StoreError {
    let code = error.extended_code;
    let text = match error.code {
        ErrorCode::DatabaseCorrupt => {
            return StoreError::Corrupt(format!("its pages contradict each other (SQLite error {code})"));
        }
        ErrorCode::NotADatabase => return StoreError::Corrupt("it is not a database".to_owned()),
        ErrorCode::DiskFull => "the disk is full",
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
pub(super) fn failed_inside() -> StoreError {
    StoreError::Unavailable("it failed inside".to_owned())
}
