//! The types of the domain as columns hold them.

use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Result, Row};
use tollgate_core::{Generation, Timestamp};
use tollgate_store::{Status, Version};

/// Returns a duration in milliseconds.
pub(crate) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn generation(row: &Row<'_>, index: usize) -> Result<Generation> {
    row.get(index).map(Generation::from_number)
}

pub(crate) fn version(row: &Row<'_>, index: usize) -> Result<Version> {
    row.get(index).map(Version::from_number)
}

/// Reads a duration in milliseconds, or NULL.
pub(crate) fn optional_length(row: &Row<'_>, index: usize) -> Result<Option<Duration>> {
    Ok(row.get::<_, Option<u64>>(index)?.map(Duration::from_millis))
}

/// Reads a time in milliseconds.
pub(crate) fn time(row: &Row<'_>, index: usize) -> Result<Timestamp> {
    row.get(index).map(Timestamp::from_millis)
}

/// Reads a time in milliseconds, or NULL.
pub(crate) fn optional_time(row: &Row<'_>, index: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<u64>>(index)?.map(Timestamp::from_millis))
}

/// Reads the flag `disabled`. NULL, for a client without a merchant, counts as enabled.
pub(crate) fn status(row: &Row<'_>, index: usize) -> Result<Status> {
    let disabled = row.get::<_, Option<bool>>(index)?.unwrap_or(false);
    Ok(if disabled { Status::Disabled } else { Status::Enabled })
}

/// Reads a type of the domain from its text.
pub(crate) fn parsed<T>(row: &Row<'_>, index: usize) -> Result<T>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    row.get(index).map(|Parsed(value)| value)
}

/// Reads a type of the domain from its text, or NULL.
pub(crate) fn optional_parsed<T>(row: &Row<'_>, index: usize) -> Result<Option<T>>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    Ok(row.get::<_, Option<Parsed<T>>>(index)?.map(|Parsed(value)| value))
}

struct Parsed<T>(T);

impl<T> FromSql for Parsed<T>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map(Parsed).map_err(FromSqlError::other)
    }
}
