//! Turns PostgreSQL's errors into errors of the store. No text contains the values of a row or a password.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tollgate_store::StoreError;

use crate::address::PostgresAddress;

/// The effect of a failed statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It had no effect, and it may succeed if it is sent again. `fresh` asks for another connection.
    Nothing { fresh: bool },
    /// Its effect is unknown: the connection ended before the server reported it.
    Unknown,
    /// It had no effect, and it would fail again.
    Refused,
}

/// Returns the effect of a failed statement. It had none only if the server has certainly rolled it back.
pub(crate) fn outcome(error: &Error) -> Outcome {
    let Some(code) = error.code() else { return Outcome::Unknown };
    if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code) {
        Outcome::Nothing { fresh: false }
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        // The server was the primary, but no longer is.
        Outcome::Nothing { fresh: true }
    } else if code.code().starts_with("08") || code.code().starts_with("57P0") {
        // A pooler lost its connection, or the server is shutting down: perhaps after the commit.
        Outcome::Unknown
    } else {
        Outcome::Refused
    }
}

/// Returns the error for a statement that is not sent again.
pub(crate) fn statement(error: &Error) -> StoreError {
    let Some(code) = error.code() else {
        return StoreError::Unavailable("the connection to PostgreSQL broke".to_owned());
    };
    let text = match code.code() {
        "XX001" | "XX002" => {
            return StoreError::Corrupt(format!(
                "its pages contradict each other (PostgreSQL error {})",
                code.code()
            ));
        }
        // The only division by zero is the one in `HOLD` of the audit trail.
        "22012" => return StoreError::Overtaken,
        "42501" => {
            "the role lacks a right to the tables: grant it, or run `tollgate store migrate` as their owner"
        }
        "42P01" | "42703" => "the schema is not Tollgate's: run `tollgate store migrate`",
        "42P07" => "the database holds tables of another program: give Tollgate one of its own",
        "53100" => "the disk is full",
        "57014" | "55P03" => "it was held by others for too long",
        "25006" => "the server takes no writes: no primary was found",
        "40001" | "40P01" => "others wrote the same rows time and again",
        class if class.starts_with("23") => "a row contradicts those that are there",
        class if class.starts_with("08") || class.starts_with("57P0") => "the connection to PostgreSQL broke",
        class if class.starts_with("53") => "the server lacks resources",
        _ => "a statement failed",
    };
    StoreError::Unavailable(format!("{text} (PostgreSQL error {})", code.code()))
}

/// Returns the error of the first statement that creates something in the database.
pub(crate) fn creating(error: &Error) -> StoreError {
    match error.code().map(SqlState::code) {
        Some("42501") => StoreError::Misconfigured(
            "the role may not create tables in the schema: `GRANT CREATE ON SCHEMA public` to it, or run `tollgate store \
             migrate` as the owner of the database (PostgreSQL error 42501)"
                .to_owned(),
        ),
        Some("3F000") => StoreError::Misconfigured(
            "the schema that search_path names does not exist: create it, or correct `options` in database.url \
             (PostgreSQL error 3F000)"
                .to_owned(),
        ),
        _ => statement(error),
    }
}

/// Returns the error of a connection that could not be made.
pub(crate) fn connecting(error: &Error, address: &PostgresAddress) -> StoreError {
    let place = address.place();
    StoreError::Unavailable(match error.code().map(SqlState::code) {
        Some("28P01" | "28000") => {
            return StoreError::Misconfigured(format!(
                "{place} refused the user {} or its password: check database.url, database.password and pg_hba.conf",
                address.user()
            ));
        }
        Some("3D000") => {
            let text = format!("{place} has no database {}: create it", address.database());
            return StoreError::Misconfigured(text);
        }
        Some("42501") => {
            let text =
                format!("{place} does not let the user {} into {}", address.user(), address.database());
            return StoreError::Misconfigured(text);
        }
        Some("53300") => {
            format!("{place} takes no more connections: lower database.pool_size, or raise its limit")
        }
        Some("57P03") => format!("{place} is starting or stopping"),
        Some(code) => format!("{place} refused the connection (PostgreSQL error {code})"),
        None => match cause(error) {
            Some(cause) => format!("{place} can't be reached: {cause}"),
            None => format!("{place} can't be reached: {error}"),
        },
    })
}

/// Says whether a member was refused because it takes no writes. The library reports that by an error of its own, without
/// the number of a system call.
pub(crate) fn is_read_only(error: &Error) -> bool {
    let io = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    error.code().is_none()
        && io.is_some_and(|io| io.raw_os_error().is_none() && io.kind() == io::ErrorKind::PermissionDenied)
}

/// Returns the innermost cause: an error of the network, of a certificate or of a setting.
fn cause(error: &Error) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let io = cause.downcast_ref::<io::Error>();
    Some(match io.and_then(io::Error::raw_os_error).and(io) {
        // Its number would add nothing.
        Some(error) => error.kind().to_string(),
        None => cause.to_string(),
    })
}
