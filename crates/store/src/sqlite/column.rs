//! How the domain's words stand in columns.

use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Result, Row};
use tollgate_core::{Generation, Timestamp};

use crate::Status;

/// A length of time, in milliseconds.
pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A generation.
pub(super) fn generation(row: &Row<'_>, index: usize) -> Result<Generation> {
    row.get(index).map(Generation::from_number)
}

/// A time, in milliseconds.
pub(super) fn time(row: &Row<'_>, index: usize) -> Result<Timestamp> {
    row.get(index).map(Timestamp::from_millis)
}

/// A time, or NULL.
pub(super) fn optional_time(row: &Row<'_>, index: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<u64>>(index)?.map(Timestamp::from_millis))
}

/// The flag `disabled`; NULL, of a merchant that isn't, counts as enabled.
pub(super) fn status(row: &Row<'_>, index: usize) -> Result<Status> {
    let disabled = row.get::<_, Option<bool>>(index)?.unwrap_or(false);
    Ok(if disabled { Status::Disabled } else { Status::Enabled })
}

/// A word of the domain, as text.
pub(super) fn parsed<T>(row: &Row<'_>, index: usize) -> Result<T>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    row.get(index).map(|Parsed(value)| value)
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
