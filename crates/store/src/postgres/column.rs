//! How the domain's words stand in columns, and in parameters.

use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tollgate_core::{Generation, Timestamp};
use uuid::Uuid;

use crate::{Status, StoreError};

/// A value with its type. Statements say the types of their parameters, so that the server need not be asked first.
pub(super) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// Lists parameters.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::postgres::column::param(&$value)),*] };
}
pub(super) use params;

pub(super) fn param<T: Typed>(value: &T) -> Param<'_> {
    (value, T::TYPE)
}

/// What a parameter can be.
pub(super) trait Typed: ToSql + Sync {
    const TYPE: Type;
}

macro_rules! typed {
    ($($rust:ty => $one:ident, $many:ident;)*) => {
        $(
            impl Typed for $rust { const TYPE: Type = Type::$one; }
            impl Typed for Option<$rust> { const TYPE: Type = Type::$one; }
            impl Typed for Vec<$rust> { const TYPE: Type = Type::$many; }
            impl Typed for Vec<Option<$rust>> { const TYPE: Type = Type::$many; }
        )*
    };
}

typed! {
    bool => BOOL, BOOL_ARRAY;
    i16 => INT2, INT2_ARRAY;
    i32 => INT4, INT4_ARRAY;
    i64 => INT8, INT8_ARRAY;
    Uuid => UUID, UUID_ARRAY;
    &str => TEXT, TEXT_ARRAY;
    String => TEXT, TEXT_ARRAY;
    &[u8] => BYTEA, BYTEA_ARRAY;
}

/// An id, of whatever kind.
pub(super) const fn id(bytes: &[u8; 16]) -> Uuid {
    Uuid::from_bytes(*bytes)
}

/// A time, in milliseconds.
pub(super) fn millis(time: Timestamp) -> i64 {
    number(time.millis())
}

/// A length of time, in milliseconds.
pub(super) fn length(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A generation.
pub(super) fn generation(row: &Row, index: usize) -> Result<Generation, StoreError> {
    unsigned(row, index).map(Generation::from_number)
}

/// A number; one that PostgreSQL can't hold is beyond all that there are.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A column that any code of ours has written.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, StoreError> {
    row.try_get(index).map_err(|_| never_written())
}

/// The 16 bytes of an id.
pub(super) fn id_bytes(row: &Row, index: usize) -> Result<[u8; 16], StoreError> {
    column::<Uuid>(row, index).map(Uuid::into_bytes)
}

/// Bytes of a fixed number.
pub(super) fn array<const N: usize>(row: &Row, index: usize) -> Result<[u8; N], StoreError> {
    column::<&[u8]>(row, index)?.try_into().map_err(|_| never_written())
}

/// Text that is kept as bytes.
pub(super) fn text(row: &Row, index: usize) -> Result<String, StoreError> {
    optional_text(row, index)?.ok_or_else(never_written)
}

/// Text that is kept as bytes, or NULL.
pub(super) fn optional_text(row: &Row, index: usize) -> Result<Option<String>, StoreError> {
    let bytes = column::<Option<Vec<u8>>>(row, index)?;
    bytes.map(String::from_utf8).transpose().map_err(|_| never_written())
}

pub(super) fn unsigned(row: &Row, index: usize) -> Result<u64, StoreError> {
    column::<i64>(row, index)?.try_into().map_err(|_| never_written())
}

/// A time, in milliseconds.
pub(super) fn time(row: &Row, index: usize) -> Result<Timestamp, StoreError> {
    unsigned(row, index).map(Timestamp::from_millis)
}

/// A time, or NULL.
pub(super) fn optional_time(row: &Row, index: usize) -> Result<Option<Timestamp>, StoreError> {
    match column::<Option<i64>>(row, index)?.map(u64::try_from) {
        None => Ok(None),
        Some(Ok(millis)) => Ok(Some(Timestamp::from_millis(millis))),
        Some(Err(_)) => Err(never_written()),
    }
}

/// The flag `disabled`; NULL, of a merchant that isn't, counts as enabled.
pub(super) fn status(row: &Row, index: usize) -> Result<Status, StoreError> {
    let disabled = column::<Option<bool>>(row, index)?.unwrap_or(false);
    Ok(if disabled { Status::Disabled } else { Status::Enabled })
}

/// A word of the domain, as text.
pub(super) fn parsed<T>(row: &Row, index: usize) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: Error,
{
    column::<&str>(row, index)?.parse().map_err(|_| never_written())
}

pub(super) fn never_written() -> StoreError {
    StoreError::Corrupt("a row has a value that was never written".to_owned())
}
