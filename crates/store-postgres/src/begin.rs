//! The statements that take idempotency keys, for many requests at once.

use std::collections::HashSet;

use tokio::time::Instant;
use tokio_postgres::Row;
use tollgate_core::Timestamp;
use tollgate_store::{Answer, Begun, Lease, StoreError};

use crate::clock::witness;
use crate::column::{array, column, id, id_bytes, millis, never_written, number, params, time, unsigned};
use crate::group::{IMPATIENT, Job};
use crate::pool::{Pool, Statement, Transaction};

/// Takes keys, and reads their rows. A transaction that finds a key taken waits until no other transaction changes its row,
/// and reads the result.
///
/// Keys are taken in their order, so that two transactions that take the same keys do not deadlock.
///
/// A lease that is lost in a power cut had no effect yet, so its commit need not wait for the disk. The commit of a
/// transaction that finds an answer must: the server that gave the answer may have failed before a standby had it.
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
/// The job of taking a key.
pub(crate) struct Begin {
    pub(crate) lease: Lease,
    pub(crate) now: Timestamp,
    pub(crate) witness: Option<Timestamp>,
}

impl Job for Begin {
    type Output = Result<Begun, StoreError>;
    type Engine = Pool;

    /// Says whether no row would be written twice. A test's clock must be the same for all jobs.
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
        // Each job has its own reading of the clock; the earliest frees no key too soon.
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

/// Returns the outcome for each key.
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
