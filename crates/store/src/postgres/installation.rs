//! The installation's check value and the signing keys.

use std::time::Duration;

use tokio_postgres::Row;
use tollgate_core::{KeyId, Timestamp};

use super::changes::{kept, recorded};
use super::column::{
    column, id, id_bytes, length, millis, never_written, optional_time, params, parsed, time, unsigned,
};
use super::pool::Statement;
use super::{Postgres, last};
use crate::{SigningKey, StoreError};

pub(super) async fn install(
    store: &Postgres,
    check_value: &[u8],
    key: &SigningKey,
) -> Result<Vec<u8>, StoreError> {
    let rows = store
        .write_all(&[
            Statement {
                sql: "WITH first AS (
                          UPDATE installation SET check_value = $1 WHERE check_value IS NULL RETURNING id
                      )
                      INSERT INTO signing_keys (id, alg, sealed, public_key, created_at, activates_at, retires_at)
                      SELECT $2, $3, $4, $5, $6, $7, $8 FROM first",
                params: params![
                    check_value,
                    id(key.id.as_bytes()),
                    key.algorithm.as_str(),
                    key.sealed.as_slice(),
                    key.public_key.as_deref(),
                    millis(key.created_at),
                    millis(key.activates_at),
                    key.retires_at.map(millis),
                ],
            },
            // Whoever came first, it is there now and never changes.
            Statement { sql: CHECK, params: params![] },
        ])
        .await?;
    column(last(rows).first().ok_or_else(never_written)?, 0)
}

const CHECK: &str = "SELECT check_value FROM installation";

pub(super) async fn check(store: &Postgres) -> Result<Option<Vec<u8>>, StoreError> {
    let row = store.read_one(CHECK, params![]).await?;
    column(&row.ok_or_else(never_written)?, 0)
}

pub(super) async fn signing_keys(store: &Postgres) -> Result<Vec<SigningKey>, StoreError> {
    let rows = store
        .read(
            "SELECT id, alg, sealed, public_key, created_at, activates_at, retires_at, compromised
             FROM signing_keys ORDER BY created_at, id",
            params![],
        )
        .await?;
    rows.iter().map(signing_key).collect()
}

/// What becomes of the other keys when one is added.
#[derive(Clone, Copy)]
pub(super) enum Others {
    /// They retire then, where that is sooner than they would.
    Retire(Timestamp),
    /// They do likewise, but only if this one has no successor yet; otherwise nothing is added.
    Succeeded(KeyId, Timestamp),
    /// They are refused at once.
    Compromised,
}

/// Adds a key. Says whether it did.
pub(super) async fn add_signing_key(
    store: &Postgres,
    others: Others,
    key: &SigningKey,
) -> Result<bool, StoreError> {
    let (predecessor, others_retire_at) = match others {
        Others::Retire(at) => (None, at),
        Others::Succeeded(predecessor, at) => (Some(predecessor), at),
        Others::Compromised => (None, key.created_at),
    };
    let added = store
        .write_locked(
            // Of two that are added at once, the second retires the first.
            ("SELECT FROM installation FOR UPDATE", params![]),
            recorded!(
                // Whatever is added lets all others retire, so the newest key alone has no end.
                "due AS (
                     SELECT 1 AS due WHERE $10 IS NULL
                         OR EXISTS (SELECT FROM signing_keys WHERE id = $10 AND retires_at IS NULL)
                 ), retired AS (
                     UPDATE signing_keys SET retires_at = least(retires_at, $8), compromised = compromised OR $11
                     WHERE EXISTS (SELECT FROM due)
                 ), done AS (
                     INSERT INTO signing_keys (id, alg, sealed, public_key, created_at, activates_at, retires_at)
                     SELECT $1, $2, $3, $4, $5, $6, $7 FROM due RETURNING id
                 )",
                "SELECT 1, 'signing keys', NULL::uuid, NULL::bigint, $9, false FROM done",
                "SELECT id FROM done"
            ),
            params![
                id(key.id.as_bytes()),
                key.algorithm.as_str(),
                key.sealed.as_slice(),
                key.public_key.as_deref(),
                millis(key.created_at),
                millis(key.activates_at),
                key.retires_at.map(millis),
                millis(others_retire_at),
                kept(key.created_at),
                predecessor.as_ref().map(|key| id(key.as_bytes())),
                matches!(others, Others::Compromised),
            ],
        )
        .await?;
    Ok(!added.is_empty())
}

pub(super) async fn longest_lifetime(store: &Postgres, at_least: Duration) -> Result<Duration, StoreError> {
    let sql = "SELECT longest_lifetime FROM installation";
    let row = store.read_one(sql, params![]).await?.ok_or_else(never_written)?;
    let longest = Duration::from_millis(unsigned(&row, 0)?);
    if longest >= at_least {
        return Ok(longest);
    }
    let raised = store
        .write(
            "UPDATE installation SET longest_lifetime = greatest(longest_lifetime, $1) RETURNING longest_lifetime",
            params![length(at_least)],
        )
        .await?;
    Ok(Duration::from_millis(unsigned(raised.first().ok_or_else(never_written)?, 0)?))
}

/// Deletes the keys that retired at `until` or before.
pub(super) async fn purge(store: &Postgres, until: Timestamp) -> Result<u64, StoreError> {
    store
        .write_count(
            "WITH gone AS (DELETE FROM signing_keys WHERE retires_at <= $1 RETURNING id) SELECT count(*) FROM gone",
            params![millis(until)],
        )
        .await
}

fn signing_key(row: &Row) -> Result<SigningKey, StoreError> {
    Ok(SigningKey {
        id: KeyId::from_bytes(id_bytes(row, 0)?),
        algorithm: parsed(row, 1)?,
        sealed: column(row, 2)?,
        public_key: column(row, 3)?,
        created_at: time(row, 4)?,
        activates_at: time(row, 5)?,
        retires_at: optional_time(row, 6)?,
        compromised: column(row, 7)?,
    })
}
