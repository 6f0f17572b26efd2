//! Idempotency keys: the row is the lock, the lease frees what a dead process held.

use std::time::Duration;

use tokio_postgres::Row;
use tollgate_core::Timestamp;

use super::Postgres;
use super::column::{array, column, id, millis, never_written, params, time};
use crate::{Answer, Begun, IdempotencyScope, Lease, PURGED_AT_ONCE, StoreError};

/// How long keys are put into the same partition.
const GENERATION: Duration = Duration::from_secs(24 * 60 * 60);

/// The partitions, each used again when all others have been.
const GENERATIONS: [&str; 4] =
    ["idempotency_keys_0", "idempotency_keys_1", "idempotency_keys_2", "idempotency_keys_3"];

pub(super) async fn begin(store: &Postgres, lease: &Lease, now: Timestamp) -> Result<Begun, StoreError> {
    let IdempotencyScope { merchant_id, environment, route, key } = &lease.scope;
    let rows = store
        .write_locked(
            // Of two who take a key on either side of midnight, no index keeps the second from its own partition.
            (
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
                params![format!("{merchant_id} {environment} {route} {key}")],
            ),
            // `held` locks the row, as the lease's holder may be answering just now. A lease that is lost in a power cut
            // had no effect yet, so its commit need not wait for the disk. That of who finds an answer must: the answer
            // may be there without being safe, if whoever gave it went away while it was on its way to a standby.
            "WITH held AS (
                 SELECT generation, fingerprint, until, status, body FROM idempotency_keys
                 WHERE merchant_id = $1 AND environment = $2 AND route = $3 AND key = $4
                 FOR UPDATE
             ), left_over AS (
                 DELETE FROM idempotency_keys k USING held
                 WHERE merchant_id = $1 AND environment = $2 AND route = $3 AND key = $4
                     AND k.generation = held.generation AND held.generation <> $5 AND held.until <= $9
             ), taken AS (
                 INSERT INTO idempotency_keys
                     (merchant_id, environment, route, key, generation, owner, fingerprint, until, status, body)
                 SELECT $1, $2, $3, $4, $5, $6, $7, $8, NULL, NULL
                 WHERE NOT EXISTS (SELECT FROM held WHERE until > $9)
                 ON CONFLICT (merchant_id, environment, route, key, generation) DO UPDATE
                 SET owner = $6, fingerprint = $7, until = $8, status = NULL, body = NULL
                 RETURNING set_config('synchronous_commit', 'off', true)
             )
             SELECT fingerprint, until, status, body,
                 CASE WHEN status IS NULL THEN set_config('synchronous_commit', 'off', true) END
             FROM held WHERE until > $9",
            params![
                id(merchant_id.as_bytes()),
                environment.as_str(),
                *route,
                key.as_str(),
                generation(now),
                id(&lease.owner),
                lease.fingerprint.as_slice(),
                millis(lease.until),
                millis(now),
            ],
        )
        .await?;
    rows.first().map_or(Ok(Begun::Fresh), |row| taken(row, &lease.fingerprint))
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
            "SELECT FROM idempotency_keys
             WHERE merchant_id = $1 AND environment = $2 AND route = $3 AND key = $4 AND until > $5",
            params![id(merchant_id.as_bytes()), environment.as_str(), *route, key.as_str(), millis(now)],
        )
        .await?;
    Ok(row.is_some())
}

/// Empties the partitions whose keys are all free at `now`. In the one that is being filled it deletes such keys one by
/// one, some at a time: leases of processes that died, unless keys are kept for longer than partitions are.
pub(super) async fn purge(store: &Postgres, now: Timestamp) -> Result<u64, StoreError> {
    let filled = usize::from(generation(now).unsigned_abs());
    let mut gone = delete(store, GENERATIONS[filled], now).await?;
    for (index, partition) in GENERATIONS.into_iter().enumerate() {
        if index != filled {
            gone += truncate(store, partition, now).await?;
        }
    }
    Ok(gone)
}

async fn delete(store: &Postgres, partition: &str, now: Timestamp) -> Result<u64, StoreError> {
    let sql = format!(
        "WITH gone AS (
             DELETE FROM {partition} WHERE ctid = ANY (ARRAY(
                 SELECT ctid FROM {partition} WHERE until <= $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED))
             RETURNING until
         )
         SELECT count(*) FROM gone"
    );
    store.write_count(&sql, params![millis(now), i64::from(PURGED_AT_ONCE)]).await
}

/// Empties a partition if it holds no key that counts at `now`, whatever its size. Rows beyond as many as are deleted
/// one by one are not counted, because counting would take longer than emptying.
async fn truncate(store: &Postgres, partition: &str, now: Timestamp) -> Result<u64, StoreError> {
    let millis = millis(now);
    let sql = format!(
        "SELECT count(*) FROM (SELECT FROM {partition}
             WHERE NOT EXISTS (SELECT FROM {partition} WHERE until > $1) LIMIT $2) expired"
    );
    let expired = store.read_count(&sql, params![millis, i64::from(PURGED_AT_ONCE)]).await?;
    if expired > 0 {
        // It must not make others wait while it waits for a long one: there is another time in a minute. Once it holds
        // the partition, it looks again.
        let sql = format!(
            "DO $$ BEGIN
                 PERFORM set_config('lock_timeout', '200', true);
                 LOCK TABLE {partition} IN ACCESS EXCLUSIVE MODE;
                 IF NOT EXISTS (SELECT FROM {partition} WHERE until > {millis}) THEN TRUNCATE {partition}; END IF;
             END $$"
        );
        store.write(&sql, params![]).await?;
    }
    Ok(expired)
}

/// The partition that is being filled at `now`.
fn generation(now: Timestamp) -> i16 {
    let generation = u128::from(now.millis()) / GENERATION.as_millis() % GENERATIONS.len() as u128;
    i16::try_from(generation).expect("there are few")
}

fn taken(row: &Row, fingerprint: &[u8; 32]) -> Result<Begun, StoreError> {
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
