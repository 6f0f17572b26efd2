//! Idempotency keys: the row is the lock, the lease frees what a dead process held.
//!
//! The primary key alone says that there is one row for a key, and the condition of the statement that takes it that a
//! lease which has not ended is never taken over. Nothing else keeps two from holding one key.

use std::collections::HashSet;

use tokio::time::Instant;
use tokio_postgres::Row;
use tollgate_core::Timestamp;

use super::Postgres;
use super::clock::witness;
use super::column::{array, column, id, id_bytes, millis, never_written, number, params, time, unsigned};
use super::group::Job;
use super::pool::{Pool, Statement, Transaction};
use crate::{Alone, Answer, Begun, IdempotencyScope, Lease, PURGED_AT_ONCE, StoreError};

/// How often expired keys are deleted in one call of [`purge`], each time in a transaction of its own: a vacuum can
/// follow, and nobody waits for long. 28 million keys a day, for each server.
const PURGES: u32 = 20;

/// Takes keys, and reads their rows. Whoever finds one taken waits until no transaction changes it any more, and sees what
/// that has left.
///
/// They are taken in their order, so that of two who take the same ones neither waits for the other in turn.
///
/// A lease that is lost in a power cut had no effect yet, so its commit need not wait for the disk. That of who finds an
/// answer must: the answer may be there without being safe, if whoever gave it went away while it was on its way to a
/// standby.
const TAKE: &str = concat!(
    "INSERT INTO idempotency_keys (merchant_id, environment, route, key, owner, fingerprint, taken_at, until)
     SELECT merchant_id, environment, route, key, owner, fingerprint, ",
    witness!("$10"),
    ", greatest(now, ",
    witness!("$10"),
    ") + duration
     FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
         given (merchant_id, environment, route, key, owner, fingerprint, now, duration)
     ORDER BY merchant_id, environment, route, key
     ON CONFLICT (merchant_id, environment, route, key) DO UPDATE
     SET owner = excluded.owner, fingerprint = excluded.fingerprint, taken_at = excluded.taken_at,
         until = excluded.until, status = NULL, body = NULL
     WHERE idempotency_keys.until <= least($9, excluded.taken_at)
     RETURNING owner"
);
const FIND: &str = "SELECT place, k.fingerprint, k.until, k.status, k.body
     FROM unnest($1, $2, $3, $4) WITH ORDINALITY given (merchant_id, environment, route, key, place)
         JOIN idempotency_keys k USING (merchant_id, environment, route, key)";
const NO_ANSWER: &str = "SELECT set_config('synchronous_commit', 'off', true)
     WHERE NOT EXISTS (
         SELECT FROM unnest($1, $2, $3, $4) given (merchant_id, environment, route, key)
             JOIN idempotency_keys k USING (merchant_id, environment, route, key)
         WHERE k.status IS NOT NULL)";
/// One who holds a row for long must not hold up those who want others: they go by themselves then.
pub(super) const IMPATIENT: &str = "SELECT set_config('lock_timeout', '50ms', true)";

/// A key that is to be taken.
pub(super) struct Begin {
    lease: Lease,
    now: Timestamp,
    witness: Option<Timestamp>,
}

impl Job for Begin {
    type Output = Result<Begun, StoreError>;
    type Engine = Pool;

    /// No statement writes a row twice, and a test's clock is the same for all.
    fn goes_with(&self, others: &[Self]) -> bool {
        others.iter().all(|other| other.lease.scope != self.lease.scope && other.witness == self.witness)
    }

    async fn run(
        jobs: &[Self],
        pool: &Pool,
        deadline: Instant,
        alone: bool,
    ) -> Result<Vec<Self::Output>, StoreError> {
        let scopes = || jobs.iter().map(|job| &job.lease.scope);
        let merchants: Vec<_> = scopes().map(|scope| id(scope.merchant_id.as_bytes())).collect();
        let environments: Vec<_> = scopes().map(|scope| scope.environment.as_str()).collect();
        let routes: Vec<_> = scopes().map(|scope| scope.route).collect();
        let keys: Vec<_> = scopes().map(|scope| scope.key.as_str()).collect();
        let owners: Vec<_> = jobs.iter().map(|job| id(&job.lease.owner)).collect();
        let fingerprints: Vec<_> = jobs.iter().map(|job| job.lease.fingerprint.as_slice()).collect();
        let nows: Vec<_> = jobs.iter().map(|job| millis(job.now)).collect();
        let durations: Vec<_> = jobs
            .iter()
            .map(|job| number(job.lease.until.millis().saturating_sub(job.now.millis())))
            .collect();
        // The clock was read for each; the earliest reading frees no key too soon.
        let earliest = nows.iter().copied().min().unwrap_or_default();
        let witness = jobs.first().and_then(|job| job.witness).map(millis);
        let statements = [
            Statement { sql: IMPATIENT, params: params![] },
            Statement {
                sql: TAKE,
                params: params![
                    merchants,
                    environments,
                    routes,
                    keys,
                    owners,
                    fingerprints,
                    nows,
                    durations,
                    earliest,
                    witness
                ],
            },
            Statement { sql: FIND, params: params![merchants, environments, routes, keys] },
            Statement { sql: NO_ANSWER, params: params![merchants, environments, routes, keys] },
        ];
        let statements = if alone { &statements[1..] } else { &statements[..] };
        let transaction = Transaction { statements, repeatable: false };
        let rows = pool.run_until(deadline, transaction).await?;
        let [.., taken, found, _] = rows.as_slice() else { return Err(never_written()) };
        outcomes(jobs, taken, found)
    }
}

/// What came of each key.
fn outcomes(
    jobs: &[Begin],
    taken: &[Row],
    found: &[Row],
) -> Result<Vec<Result<Begun, StoreError>>, StoreError> {
    let mut owners = HashSet::with_capacity(taken.len());
    for row in taken {
        owners.insert(id_bytes(row, 0)?);
    }
    let mut rows: Vec<Option<&Row>> = vec![None; jobs.len()];
    for row in found {
        let place = usize::try_from(unsigned(row, 0)?).map_err(|_| never_written())?;
        *place.checked_sub(1).and_then(|place| rows.get_mut(place)).ok_or_else(never_written)? = Some(row);
    }
    let outcome = |(job, row): (&Begin, Option<&Row>)| {
        if owners.contains(&job.lease.owner) {
            return Ok(Begun::Fresh);
        }
        begun(row.ok_or_else(never_written)?, &job.lease.fingerprint)
    };
    Ok(jobs.iter().zip(rows).map(outcome).collect())
}

pub(super) async fn begin(store: &Postgres, lease: &Lease, now: Timestamp) -> Result<Begun, StoreError> {
    let job = Begin { lease: lease.clone(), now, witness: store.clock.instead(now) };
    store.begins.run(job, &store.pool, store.pool.deadline()).await?
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

/// Gives back the leases that were taken before a server came to be alone. The index leads to those that end soon: the
/// answers, which are many, are kept for longer.
pub(super) async fn free_leases(store: &Postgres, alone: Alone) -> Result<u64, StoreError> {
    store
        .write_count(
            "WITH gone AS (
                 DELETE FROM idempotency_keys
                 WHERE until <= $1 AND status IS NULL AND taken_at < $2
                 RETURNING until
             )
             SELECT count(*) FROM gone",
            params![millis(alone.since.after(alone.longest_lease)), millis(alone.since)],
        )
        .await
}

fn begun(row: &Row, fingerprint: &[u8; 32]) -> Result<Begun, StoreError> {
    if array::<32>(row, 1)? != *fingerprint {
        return Ok(Begun::Mismatch);
    }
    let until = time(row, 2)?;
    Ok(match column::<Option<i32>>(row, 3)? {
        Some(status) => Begun::Answered(Answer {
            status: status.try_into().map_err(|_| never_written())?,
            body: column(row, 4)?,
            expires_at: until,
        }),
        None => Begun::InProgress { until },
    })
}
