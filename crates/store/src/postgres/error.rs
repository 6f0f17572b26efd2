//! What PostgreSQL's errors mean to a caller. No text has a row's values or a password in it.

use std::error::Error as _;
use std::io;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::address::PostgresAddress;
use crate::StoreError;

/// What a failed statement has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing, and it may succeed if it is sent again. `fresh` asks for another connection.
    Nothing { fresh: bool },
    /// The connection ended before the server said what became of it.
    Unknown,
    /// Nothing, and it would fail again.
    Refused,
}

/// Says what a failed statement has done. Only what the server rolled back for sure is nothing.
pub(super) fn outcome(error: &Error) -> Outcome {
    let Some(code) = error.code() else { return Outcome::Unknown };
    if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code) {
        Outcome::Nothing { fresh: false }
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        // It was the primary, and is one no more.
        Outcome::Nothing { fresh: true }
    } else if code.code().starts_with("08") || code.code().starts_with("57P0") {
        // A pooler says so of its own connection, or the server of its end: perhaps after the commit.
        Outcome::Unknown
    } else {
        Outcome::Refused
    }
}

/// Why a statement failed for good.
pub(super) fn statement(error: &Error) -> StoreError {
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

/// Why no connection could be made.
pub(super) fn connecting(error: &Error, address: &PostgresAddress) -> StoreError {
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

/// Whether a member was left because it takes no writes. The library says so by an error of its own, which no system call
/// has a number for.
pub(super) fn is_read_only(error: &Error) -> bool {
    let io = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    error.code().is_none()
        && io.is_some_and(|io| io.raw_os_error().is_none() && io.kind() == io::ErrorKind::PermissionDenied)
}

/// The innermost cause: an error of the network, of a certificate, or of what the server was asked for.
fn cause(error: &Error) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let io = cause.downcast_ref::<io::Error>();
    Some(match io.and_then(io::Error::raw_os_error).and(io) {
        // Without its number, which says nothing more.
        Some(error) => error.kind().to_string(),
        None => cause.to_string(),
    })
}
