//! The installation's check value and the signing keys.

use tokio_postgres::Row;
use tollgate_core::{KeyId, Timestamp};

use super::changes::{kept, recorded};
use super::column::{column, id, id_bytes, millis, never_written, optional_time, params, time};
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
                      INSERT INTO signing_keys (id, sealed, created_at, activates_at, retires_at)
                      SELECT $2, $3, $4, $5, $6 FROM first",
                params: params![
                    check_value,
                    id(key.id.as_bytes()),
                    key.sealed.as_slice(),
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
            "SELECT id, sealed, created_at, activates_at, retires_at FROM signing_keys ORDER BY created_at, id",
            params![],
        )
        .await?;
    rows.iter().map(signing_key).collect()
}

/// Adds a key; as the successor of `predecessor`, if one is given, and then only if that has none. Says whether it did.
pub(super) async fn add_signing_key(
    store: &Postgres,
    predecessor: Option<KeyId>,
    key: &SigningKey,
    others_retire_at: Timestamp,
) -> Result<bool, StoreError> {
    let added = store
        .write_locked(
            // Of two that are added at once, the second retires the first.
            ("SELECT FROM installation FOR UPDATE", params![]),
            recorded!(
                // Whatever is added lets all others retire, so the newest key alone has no end.
                "due AS (
                     SELECT 1 AS due WHERE $8 IS NULL
                         OR EXISTS (SELECT FROM signing_keys WHERE id = $8 AND retires_at IS NULL)
                 ), retired AS (
                     UPDATE signing_keys SET retires_at = least(retires_at, $6) WHERE EXISTS (SELECT FROM due)
                 ), done AS (
                     INSERT INTO signing_keys (id, sealed, created_at, activates_at, retires_at)
                     SELECT $1, $2, $3, $4, $5 FROM due RETURNING id
                 )",
                "SELECT 1, 'signing keys', NULL::uuid, NULL::bigint, $7 FROM done",
                "SELECT id FROM done"
            ),
            params![
                id(key.id.as_bytes()),
                key.sealed.as_slice(),
                millis(key.created_at),
                millis(key.activates_at),
                key.retires_at.map(millis),
                millis(others_retire_at),
                kept(key.created_at),
                predecessor.as_ref().map(|key| id(key.as_bytes())),
            ],
        )
        .await?;
    Ok(!added.is_empty())
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
        sealed: column(row, 1)?,
        created_at: time(row, 2)?,
        activates_at: time(row, 3)?,
        retires_at: optional_time(row, 4)?,
    })
}
