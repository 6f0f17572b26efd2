//! Creates objects in the transaction that keeps the answer under an idempotency key, if the request has one.

use tollgate_core::Timestamp;
use tollgate_store::{Act, Answer, Completed, Lease, StoreError};
use uuid::Uuid;

use crate::clock::Clock;
use crate::column::{Param, id, millis, never_written, number, params, unsigned};
use crate::engine::Postgres;
use crate::pool::Statement;

/// The key of a request, as the first parameters of a statement: `$1` to `$10`. All are NULL for a request without one.
#[derive(Default)]
pub(crate) struct Key<'a> {
    pub(crate) merchant: Option<Uuid>,
    pub(crate) environment: Option<&'a str>,
    pub(crate) route: Option<&'a str>,
    pub(crate) text: Option<&'a str>,
    pub(crate) owner: Option<Uuid>,
    pub(crate) status: Option<i32>,
    pub(crate) body: Option<&'a [u8]>,
    pub(crate) until: Option<i64>,
    pub(crate) duration: Option<i64>,
    pub(crate) witness: Option<i64>,
}

impl<'a> Key<'a> {
    pub(crate) fn of(lease: &'a Lease, answer: &'a Answer, now: Timestamp, clock: Clock) -> Self {
        Self {
            merchant: Some(id(lease.scope.merchant_id.as_bytes())),
            environment: Some(lease.scope.environment.as_str()),
            route: Some(lease.scope.route),
            text: Some(&lease.scope.key),
            owner: Some(id(&lease.owner)),
            status: Some(i32::from(answer.status)),
            body: Some(&answer.body),
            until: Some(millis(answer.expires_at)),
            duration: Some(number(answer.expires_at.millis().saturating_sub(now.millis()))),
            witness: clock.instead(now).map(millis),
        }
    }
}

/// Keeps others from taking over the lease until the new object has been committed.
const LOCK: &str = "UPDATE idempotency_keys SET owner = owner
                    WHERE merchant_id = $1 AND environment = $2 AND route = $3 AND key = $4 AND owner = $5
                        AND status IS NULL";

/// Runs a statement that creates something, after taking the locks of the key's lease, if there is one, and of `lock`.
pub(crate) async fn create_keyed(
    store: &Postgres,
    act: &Act,
    key: &Key<'_>,
    lock: Option<Statement<'_>>,
    sql: &str,
    params: &[Param<'_>],
) -> Result<Completed, StoreError> {
    let lease: &[Param<'_>] = params![key.merchant, key.environment, key.route, key.text, key.owner];
    let lease = key.owner.is_some().then_some(Statement { sql: LOCK, params: lease });
    let statements: Vec<_> = lease.into_iter().chain(lock).chain([Statement { sql, params }]).collect();
    let done = store.act(act, &statements).await?;
    let row = done.first().ok_or_else(never_written)?;
    Ok(match (unsigned(row, 0)?, unsigned(row, 1)?) {
        (0, 0) if key.owner.is_some() => Completed::LeaseLost,
        (0, _) => Completed::Refused,
        (_, _) => Completed::Created,
    })
}

/// A common table expression `held`, which has a row if the lease of the key is held.
macro_rules! held {
    () => {
        "held AS (
             SELECT 1 AS one FROM idempotency_keys
             WHERE merchant_id = $1 AND environment = $2 AND route = $3 AND key = $4 AND owner = $5
                 AND status IS NULL
         ), "
    };
}
pub(crate) use held;

/// The condition under which something is created: there is no key, or its lease is held.
macro_rules! may_create {
    () => {
        "($5 IS NULL OR EXISTS (SELECT FROM held))"
    };
}
pub(crate) use may_create;

/// A common table expression that keeps the answer if `done` has a row.
macro_rules! kept_answer {
    () => {
        concat!(
            ", kept AS (
                 UPDATE idempotency_keys SET status = $6, body = $7, until = greatest($8, ",
            $crate::clock::witness!("$10"),
            " + $9)
                 WHERE merchant_id = $1 AND environment = $2 AND route = $3 AND key = $4 AND owner = $5
                     AND status IS NULL AND EXISTS (SELECT FROM done)
             )"
        )
    };
}
pub(crate) use kept_answer;

/// The result of a statement that creates something: whether it did, and whether the lease was held.
macro_rules! completed {
    () => {
        "SELECT (SELECT count(*) FROM done), (SELECT count(*) FROM held)"
    };
}
pub(crate) use completed;

/// Makes a list of the parameters of a key, followed by others.
macro_rules! keyed_params {
    ($key:expr; $($value:expr),* $(,)?) => {
        $crate::column::params![
            $key.merchant, $key.environment, $key.route, $key.text, $key.owner, $key.status, $key.body, $key.until,
            $key.duration, $key.witness, $($value),*
        ]
    };
}
pub(crate) use keyed_params;
