//! The installation's check value and the signing keys.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Result, params};
use tollgate_core::{KeyId, Timestamp};

use super::changes;
use super::column::{millis, optional_time, parsed, time};
use crate::{Changed, SigningKey};

pub(super) fn install(connection: &Connection, check: &[u8], key: &SigningKey) -> Result<Vec<u8>> {
    let first = connection
        .prepare_cached("UPDATE installation SET check_value = ?1 WHERE check_value IS NULL")?
        .execute([check])?;
    if first == 1 {
        insert(connection, key)?;
    }
    connection.prepare_cached("SELECT check_value FROM installation")?.query_one([], |row| row.get(0))
}

pub(super) fn check(connection: &Connection) -> Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT check_value FROM installation WHERE check_value IS NOT NULL")?
        .query_one([], |row| row.get(0))
        .optional()
}

pub(super) fn signing_keys(connection: &Connection) -> Result<Vec<SigningKey>> {
    connection
        .prepare_cached(
            "SELECT id, alg, sealed, public_key, created_at, activates_at, retires_at, compromised
             FROM signing_keys ORDER BY created_at, id",
        )?
        .query_map([], |row| {
            Ok(SigningKey {
                id: KeyId::from_bytes(row.get(0)?),
                algorithm: parsed(row, 1)?,
                sealed: row.get(2)?,
                public_key: row.get(3)?,
                created_at: time(row, 4)?,
                activates_at: time(row, 5)?,
                retires_at: optional_time(row, 6)?,
                compromised: row.get(7)?,
            })
        })?
        .collect()
}

/// Adds a key as the successor of `predecessor`, if that has none.
pub(super) fn succeed_signing_key(
    connection: &Connection,
    predecessor: KeyId,
    key: &SigningKey,
    others_retire_at: Timestamp,
) -> Result<bool> {
    // Whatever is added lets all others retire, so the newest key alone has no end.
    let is_newest = connection
        .prepare_cached("SELECT 1 FROM signing_keys WHERE id = ?1 AND retires_at IS NULL")?
        .exists([predecessor.as_bytes()])?;
    if is_newest {
        add_signing_key(connection, key, others_retire_at)?;
    }
    Ok(is_newest)
}

pub(super) fn add_signing_key(
    connection: &Connection,
    key: &SigningKey,
    others_retire_at: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached("UPDATE signing_keys SET retires_at = min(ifnull(retires_at, ?1), ?1)")?
        .execute([others_retire_at.millis()])?;
    insert(connection, key)?;
    changes::record(connection, Changed::SigningKeys, key.created_at)
}

/// Adds a key and ends all others.
pub(super) fn replace_signing_keys(connection: &Connection, key: &SigningKey) -> Result<()> {
    connection.prepare_cached("UPDATE signing_keys SET compromised = 1")?.execute([])?;
    add_signing_key(connection, key, key.created_at)
}

/// For how long any token that was ever issued can be good.
pub(super) fn longest_lifetime(connection: &Connection) -> Result<Duration> {
    connection
        .prepare_cached("SELECT longest_lifetime FROM installation")?
        .query_one([], |row| row.get(0).map(Duration::from_millis))
}

pub(super) fn raise_longest_lifetime(connection: &Connection, at_least: Duration) -> Result<Duration> {
    connection
        .prepare_cached(
            "UPDATE installation SET longest_lifetime = max(longest_lifetime, ?1) RETURNING longest_lifetime",
        )?
        .query_one([millis(at_least)], |row| row.get(0).map(Duration::from_millis))
}

/// Deletes the keys that retired at `until` or before.
pub(super) fn purge(connection: &Connection, until: Timestamp) -> Result<usize> {
    connection.prepare_cached("DELETE FROM signing_keys WHERE retires_at <= ?1")?.execute([until.millis()])
}

fn insert(connection: &Connection, key: &SigningKey) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO signing_keys
                 (id, alg, sealed, public_key, created_at, activates_at, retires_at, compromised)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            key.id.as_bytes(),
            key.algorithm.as_str(),
            key.sealed,
            key.public_key,
            key.created_at.millis(),
            key.activates_at.millis(),
            key.retires_at.map(Timestamp::millis),
            key.compromised,
        ])
        .map(drop)
}
