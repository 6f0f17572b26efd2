//! Payment requests.

use std::collections::HashSet;

use tokio::time::Instant;
use tokio_postgres::Row;
use tollgate_core::{Environment, MerchantId, PaymentRequestId, Timestamp};

use super::clock::witness;
use super::column::{
    column, id, id_bytes, millis, never_written, number, optional_time, params, parsed, text, time,
};
use super::group::Job;
use super::idempotency::IMPATIENT;
use super::pool::{Pool, Statement, Transaction};
use super::{Postgres, last};
use crate::{Answer, Lease, PaymentRequest, PaymentStatus, StoreError};

/// Answers under the leases that are still held, and adds the payment requests of these.
const COMPLETE: &str = concat!(
    "WITH given AS (
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
             given (id, merchant_id, environment, details, status, created_at, expires_at, decided_at,
                 key_merchant_id, key_environment, route, key, owner, answer, body, answer_until, duration)
     ), held AS (
         UPDATE idempotency_keys k
         SET status = answer, body = given.body, until = greatest(answer_until, ",
    witness!("$18"),
    " + duration)
         FROM given
         WHERE k.merchant_id = key_merchant_id AND k.environment = key_environment AND k.route = given.route
             AND k.key = given.key AND k.owner = given.owner AND k.status IS NULL
         RETURNING given.id
     )
     INSERT INTO payment_requests
         (id, merchant_id, environment, details, status, created_at, expires_at, decided_at)
     SELECT given.id, merchant_id, environment, details, status, created_at, expires_at, decided_at
     FROM given JOIN held ON held.id = given.id
     RETURNING id"
);

/// A payment request that is to be added with its answer.
pub(super) struct Create {
    request: PaymentRequest,
    lease: Lease,
    answer: Answer,
    witness: Option<Timestamp>,
}

impl Job for Create {
    type Output = bool;
    type Engine = Pool;

    /// A test's clock is the same for all. Of several under one key only one could be told to have succeeded.
    fn goes_with(&self, others: &[Self]) -> bool {
        others.iter().all(|other| {
            other.witness == self.witness
                && other.lease.scope != self.lease.scope
                && other.request.id != self.request.id
        })
    }

    async fn run(
        jobs: &[Self],
        pool: &Pool,
        deadline: Instant,
        alone: bool,
    ) -> Result<Vec<bool>, StoreError> {
        fn each<'a, T>(jobs: &'a [Create], of: impl Fn(&'a Create) -> T) -> Vec<T> {
            jobs.iter().map(of).collect()
        }
        let first = usize::from(alone);
        let rows = pool
            .run_until(
                deadline,
                Transaction {
                    statements: &[
                        Statement { sql: IMPATIENT, params: params![] },
                        Statement {
                            sql: COMPLETE,
                            params: params![
                                each(jobs, |job| id(job.request.id.as_bytes())),
                                each(jobs, |job| id(job.request.merchant_id.as_bytes())),
                                each(jobs, |job| job.request.environment.as_str()),
                                each(jobs, |job| job.request.details.as_bytes()),
                                each(jobs, |job| word(job.request.status)),
                                each(jobs, |job| millis(job.request.created_at)),
                                each(jobs, |job| millis(job.request.expires_at)),
                                each(jobs, |job| job.request.decided_at.map(millis)),
                                each(jobs, |job| id(job.lease.scope.merchant_id.as_bytes())),
                                each(jobs, |job| job.lease.scope.environment.as_str()),
                                each(jobs, |job| job.lease.scope.route),
                                each(jobs, |job| job.lease.scope.key.as_str()),
                                each(jobs, |job| id(&job.lease.owner)),
                                each(jobs, |job| i32::from(job.answer.status)),
                                each(jobs, |job| job.answer.body.as_slice()),
                                each(jobs, |job| millis(job.answer.expires_at)),
                                // By the server's clock it is created now.
                                each(jobs, |job| {
                                    number(
                                        job.answer
                                            .expires_at
                                            .millis()
                                            .saturating_sub(job.request.created_at.millis()),
                                    )
                                }),
                                jobs.first().and_then(|job| job.witness).map(millis),
                            ],
                        },
                    ][first..],
                    repeatable: false,
                },
            )
            .await?;
        let mut created = HashSet::with_capacity(jobs.len());
        for row in rows.last().into_iter().flatten() {
            created.insert(id_bytes(row, 0)?);
        }
        Ok(each(jobs, |job| created.contains(job.request.id.as_bytes())))
    }
}

pub(super) async fn create(
    store: &Postgres,
    request: &PaymentRequest,
    answer: Option<(&Lease, &Answer)>,
) -> Result<bool, StoreError> {
    let Some((lease, answer)) = answer else { return create_unasked(store, request).await };
    let (request, lease, answer) = (request.clone(), lease.clone(), answer.clone());
    let witness = store.clock.instead(request.created_at);
    let create = Create { request, lease, answer, witness };
    store.creates.run(create, &store.pool, store.pool.deadline()).await
}

async fn create_unasked(store: &Postgres, request: &PaymentRequest) -> Result<bool, StoreError> {
    store
        .write(
            "INSERT INTO payment_requests
                 (id, merchant_id, environment, details, status, created_at, expires_at, decided_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            params![
                id(request.id.as_bytes()),
                id(request.merchant_id.as_bytes()),
                request.environment.as_str(),
                request.details.as_bytes(),
                word(request.status),
                millis(request.created_at),
                millis(request.expires_at),
                request.decided_at.map(millis),
            ],
        )
        .await?;
    Ok(true)
}

const ONE: &str = "SELECT id, merchant_id, environment, details, status, created_at, expires_at, decided_at
                   FROM payment_requests WHERE id = $1";

pub(super) async fn one(
    store: &Postgres,
    request: PaymentRequestId,
) -> Result<Option<PaymentRequest>, StoreError> {
    store.read_one(ONE, params![id(request.as_bytes())]).await?.as_ref().map(payment_request).transpose()
}

pub(super) async fn page(
    store: &Postgres,
    merchant: MerchantId,
    environment: Environment,
    after: Option<(Timestamp, PaymentRequestId)>,
    limit: u32,
) -> Result<Vec<PaymentRequest>, StoreError> {
    let (time, last) = after.unwrap_or((Timestamp::MAX, PaymentRequestId::from_bytes([0xff; 16])));
    let rows = store
        .read(
            "SELECT id, merchant_id, environment, details, status, created_at, expires_at, decided_at
             FROM payment_requests
             WHERE merchant_id = $1 AND environment = $2 AND (created_at, id) < ($3, $4)
             ORDER BY created_at DESC, id DESC LIMIT $5",
            params![
                id(merchant.as_bytes()),
                environment.as_str(),
                millis(time),
                id(last.as_bytes()),
                i64::from(limit),
            ],
        )
        .await?;
    rows.iter().map(payment_request).collect()
}

pub(super) async fn decide(
    store: &Postgres,
    request: PaymentRequestId,
    status: PaymentStatus,
    now: Timestamp,
) -> Result<Option<PaymentRequest>, StoreError> {
    let rows = store
        .write_all(&[
            Statement {
                sql: "UPDATE payment_requests SET status = $2, decided_at = $3
                      WHERE id = $1 AND status = 'pending' AND $2 <> 'pending' AND expires_at > $3",
                params: params![id(request.as_bytes()), word(status), millis(now)],
            },
            Statement { sql: ONE, params: params![id(request.as_bytes())] },
        ])
        .await?;
    last(rows).first().map(payment_request).transpose()
}

fn payment_request(row: &Row) -> Result<PaymentRequest, StoreError> {
    Ok(PaymentRequest {
        id: PaymentRequestId::from_bytes(id_bytes(row, 0)?),
        merchant_id: MerchantId::from_bytes(id_bytes(row, 1)?),
        environment: parsed(row, 2)?,
        details: text(row, 3)?,
        status: match column(row, 4)? {
            "pending" => PaymentStatus::Pending,
            "approved" => PaymentStatus::Approved,
            "declined" => PaymentStatus::Declined,
            _ => return Err(never_written()),
        },
        created_at: time(row, 5)?,
        expires_at: time(row, 6)?,
        decided_at: optional_time(row, 7)?,
    })
}

const fn word(status: PaymentStatus) -> &'static str {
    match status {
        PaymentStatus::Pending => "pending",
        PaymentStatus::Approved => "approved",
        PaymentStatus::Declined => "declined",
    }
}
