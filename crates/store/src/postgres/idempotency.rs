//! Idempotency keys: the row is the lock, the lease frees what a dead process held.
//!
//! The primary key alone says that there is one row for a key, and the condition of the statement that takes it that a
//! lease which has not ended is never taken over. Nothing else keeps two from holding one key.

use tokio_postgres::Row;
use tollgate_core::Timestamp;

use super::Postgres;
use super::clock::witness;
use super::column::{array, column, id, millis, never_written, number, params, time};
use super::pool::Statement;
use crate::{Answer, Begun, IdempotencyScope, Lease, PURGED_AT_ONCE, StoreError};

/// How often expired keys are deleted in one call of [`purge`], each time in a transaction of its own: a vacuum can
/// follow, and nobody waits for long. 28 million keys a day, for each server.
const PURGES: u32 = 20;

/// Takes a key, and reads its row. Whoever finds it taken waits until no transaction changes it any more, and sees what
/// that has left.
///
/// A lease that is lost in a power cut had no effect yet, so its commit need not wait for the disk. That of who finds an
/// answer must: the answer may be there without being safe, if whoever gave it went away while it was on its way to a
/// standby.
const BEGIN: [&str; 2] = [
    concat!(
        "INSERT INTO idempotency_keys
             (merchant_id, environment, route, key, owner, fingerprint, taken_at, until)
         VALUES ($1, $2, $3, $4, $5, $6, ",
        witness!("$9"),
        ", greatest($7, ",
        witness!("$9"),
        ") + $8)
         ON CONFLICT (merchant_id, environment, route, key) DO UPDATE
         SET owner = excluded.owner, fingerprint = excluded.fingerprint, taken_at = excluded.taken_at,
             until = excluded.until, status = NULL, body = NULL
         WHERE idempotency_keys.until <= least($7, excluded.taken_at)
         RETURNING owner"
    ),
    "SELECT fingerprint, until, status, body,
         CASE WHEN status IS NULL THEN set_config('synchronous_commit', 'off', true) END
     FROM idempotency_keys WHERE merchant_id = $1 AND environment = $2 AND route = $3 AND key = $4",
];

pub(super) async fn begin(store: &Postgres, lease: &Lease, now: Timestamp) -> Result<Begun, StoreError> {
    let IdempotencyScope { merchant_id, environment, route, key } = &lease.scope;
    let rows = store
        .write_all(&[
            Statement {
                sql: BEGIN[0],
                params: params![
                    id(merchant_id.as_bytes()),
                    environment.as_str(),
                    *route,
                    key.as_str(),
                    id(&lease.owner),
                    lease.fingerprint.as_slice(),
                    millis(now),
                    number(lease.until.millis().saturating_sub(now.millis())),
                    store.clock.instead(now).map(millis),
                ],
            },
            Statement {
                sql: BEGIN[1],
                params: params![id(merchant_id.as_bytes()), environment.as_str(), *route, key.as_str()],
            },
        ])
        .await?;
    match rows.as_slice() {
        [taken, _] if !taken.is_empty() => Ok(Begun::Fresh),
        [_, found] => found.first().map_or(Err(never_written()), |row| begun(row, &lease.fingerprint)),
        _ => Err(never_written()),
    }
}

pub(super) async fn abandon(store: &Postgres, lease: &Lease) -> Result<(), StoreError> {
    let IdempotencyScope { merchant_id, environment, route, key } = &lease.scope;
    store
        .write(
            "DELETE FROM idempotency_keys
             WHERE merchant_id = $1 AND environment = $2 AND route = $3 AND key = $4 AND owner = $5 AND status IS NULL",
            params![id(merchant_id.as_bytes()), environment.as_str(), *route, key.as_str(), id(&lease.owner)],
        )
        .await
        .map(drop)
}

pub(super) async fn is_taken(
    store: &Postgres,
    scope: &IdempotencyScope,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let IdempotencyScope { merchant_id, environment, route, key } = scope;
    let row = store
        .read_one(
            concat!(
                "SELECT FROM idempotency_keys
                 WHERE merchant_id = $1 AND environment = $2 AND route = $3 AND key = $4 AND until > least($5, ",
                witness!("$6"),
                ")"
            ),
            params![
                id(merchant_id.as_bytes()),
                environment.as_str(),
                *route,
                key.as_str(),
                millis(now),
                store.clock.instead(now).map(millis),
            ],
        )
        .await?;
    Ok(row.is_some())
}

/// Deletes keys that are free by both clocks, some at a time.
pub(super) async fn purge(store: &Postgres, now: Timestamp) -> Result<u64, StoreError> {
    let mut gone = 0;
    for _ in 0..PURGES {
        let deleted = delete(store, now).await?;
        gone += deleted;
        if deleted < u64::from(PURGED_AT_ONCE) {
            break;
        }
    }
    Ok(gone)
}

async fn delete(store: &Postgres, now: Timestamp) -> Result<u64, StoreError> {
    store
        .write_count(
            concat!(
                // Asked again in the row that is deleted: it may just have been taken.
                "WITH gone AS (
                     DELETE FROM idempotency_keys
                     WHERE until <= least($1, ",
                witness!("$3"),
                ") AND (merchant_id, environment, route, key) IN (
                         SELECT merchant_id, environment, route, key FROM idempotency_keys
                         WHERE until <= least($1, ",
                witness!("$3"),
                ") ORDER BY until LIMIT $2)
                     RETURNING until
                 )
                 SELECT count(*) FROM gone"
            ),
            params![millis(now), i64::from(PURGED_AT_ONCE), store.clock.instead(now).map(millis)],
        )
        .await
}

fn begun(row: &Row, fingerprint: &[u8; 32]) -> Result<Begun, StoreError> {
    if array::<32>(row, 0)? != *fingerprint {
        return Ok(Begun::Mismatch);
    }
    let until = time(row, 1)?;
    Ok(match column::<Option<i32>>(row, 2)? {
        Some(status) => Begun::Answered(Answer {
            status: status.try_into().map_err(|_| never_written())?,
            body: column(row, 3)?,
            expires_at: until,
        }),
        None => Begun::InProgress { until },
    })
}
