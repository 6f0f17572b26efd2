//! The types of the domain as columns and parameters hold them.

use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tollgate_core::{Generation, Timestamp};
use tollgate_store::{Status, StoreError, Version};
use uuid::Uuid;

/// A value with its type. Statements name the types of their parameters, so that the server need not be asked first.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// Makes a list of parameters.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::column::param(&$value)),*] };
}
pub(crate) use params;

pub(crate) fn param<T: Typed>(value: &T) -> Param<'_> {
    (value, T::TYPE)
}

/// A Rust type with the PostgreSQL type that it is sent as.
pub(crate) trait Typed: ToSql + Sync {
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

/// Returns an id as a UUID.
pub(crate) const fn id(bytes: &[u8; 16]) -> Uuid {
    Uuid::from_bytes(*bytes)
}

/// Returns a time in milliseconds since 1970.
pub(crate) fn millis(time: Timestamp) -> i64 {
    number(time.millis())
}

/// Returns a duration in milliseconds.
pub(crate) fn length(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn generation(row: &Row, index: usize) -> Result<Generation, StoreError> {
    unsigned(row, index).map(Generation::from_number)
}

/// Returns a number; one that is too great for PostgreSQL becomes its greatest.
pub(crate) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads a column, and turns a mismatch of types into an error of the store.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, StoreError> {
    row.try_get(index).map_err(|_| never_written())
}

/// Reads the 16 bytes of an id.
pub(crate) fn id_bytes(row: &Row, index: usize) -> Result<[u8; 16], StoreError> {
    column::<Uuid>(row, index).map(Uuid::into_bytes)
}

/// Reads a fixed number of bytes.
pub(crate) fn array<const N: usize>(row: &Row, index: usize) -> Result<[u8; N], StoreError> {
    column::<&[u8]>(row, index)?.try_into().map_err(|_| never_written())
}

/// Reads text that is kept as bytes.
pub(crate) fn text(row: &Row, index: usize) -> Result<String, StoreError> {
    optional_text(row, index)?.ok_or_else(never_written)
}

/// Reads text that is kept as bytes, or NULL.
pub(crate) fn optional_text(row: &Row, index: usize) -> Result<Option<String>, StoreError> {
    let bytes = column::<Option<Vec<u8>>>(row, index)?;
    bytes.map(String::from_utf8).transpose().map_err(|_| never_written())
}

pub(crate) fn version(row: &Row, index: usize) -> Result<Version, StoreError> {
    unsigned(row, index).map(Version::from_number)
}

/// Reads a duration in milliseconds, or NULL.
pub(crate) fn optional_length(row: &Row, index: usize) -> Result<Option<Duration>, StoreError> {
    Ok(optional_time(row, index)?.map(|length| Duration::from_millis(length.millis())))
}

/// Reads a type of the domain from its text, or NULL.
pub(crate) fn optional_parsed<T: FromStr>(row: &Row, index: usize) -> Result<Option<T>, StoreError> {
    column::<Option<&str>>(row, index)?.map(str::parse).transpose().map_err(|_| never_written())
}

pub(crate) fn unsigned(row: &Row, index: usize) -> Result<u64, StoreError> {
    column::<i64>(row, index)?.try_into().map_err(|_| never_written())
}

/// Reads a time in milliseconds.
pub(crate) fn time(row: &Row, index: usize) -> Result<Timestamp, StoreError> {
    unsigned(row, index).map(Timestamp::from_millis)
}

/// Reads a time in milliseconds, or NULL.
pub(crate) fn optional_time(row: &Row, index: usize) -> Result<Option<Timestamp>, StoreError> {
    match column::<Option<i64>>(row, index)?.map(u64::try_from) {
        None => Ok(None),
        Some(Ok(millis)) => Ok(Some(Timestamp::from_millis(millis))),
        Some(Err(_)) => Err(never_written()),
    }
}

/// Reads the flag `disabled`. NULL, for a client without a merchant, counts as enabled.
pub(crate) fn status(row: &Row, index: usize) -> Result<Status, StoreError> {
    let disabled = column::<Option<bool>>(row, index)?.unwrap_or(false);
    Ok(if disabled { Status::Disabled } else { Status::Enabled })
}

/// Reads a type of the domain from its text.
pub(crate) fn parsed<T>(row: &Row, index: usize) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: Error,
{
    column::<&str>(row, index)?.parse().map_err(|_| never_written())
}

pub(crate) fn never_written() -> StoreError {
    StoreError::Corrupt("a row has a value that was never written".to_owned())
}
