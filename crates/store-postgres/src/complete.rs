//! The statement that completes idempotency keys, for many requests at once.

use std::collections::HashSet;

use tokio::time::Instant;
use tollgate_core::Timestamp;
use tollgate_store::{Answer, Document, Lease, StoreError};

use crate::clock::witness;
use crate::column::{id, id_bytes, millis, number, params};
use crate::group::{IMPATIENT, Job};
use crate::pool::{Pool, Statement, Transaction};

/// Keeps the answers under the leases that are still held, and adds the documents of those answers.
const COMPLETE: &str = concat!(
    "WITH given AS (
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
             given (kind, id, merchant_id, environment, document, state, created_at, expires_at, changed_at,
                 key_merchant_id, key_environment, route, key, owner, answer, body, answer_until, duration)
     ), held AS (
         UPDATE idempotency_keys k
         SET status = answer, body = given.body, until = greatest(answer_until, ",
    witness!("$19"),
    " + duration)
         FROM given
         WHERE k.merchant_id = key_merchant_id AND k.environment = key_environment AND k.route = given.route
             AND k.key = given.key AND k.owner = given.owner AND k.status IS NULL
         RETURNING given.id
     )
     INSERT INTO documents
         (kind, id, merchant_id, environment, body, state, created_at, expires_at, changed_at)
     SELECT kind, given.id, merchant_id, environment, document, state, created_at, expires_at, changed_at
     FROM given JOIN held ON held.id = given.id
     RETURNING id"
);

/// The job of adding a document together with the answer to the request that asked for it.
pub(crate) struct Complete {
    pub(crate) document: Document,
    pub(crate) lease: Lease,
    pub(crate) answer: Answer,
    pub(crate) witness: Option<Timestamp>,
}

impl Job for Complete {
    type Output = bool;
    type Engine = Pool;

    /// Says whether no other job has the same key: only one of them could succeed. A test's clock must be the same for all jobs.
    fn goes_with(&self, others: &[Self]) -> bool {
        others.iter().all(|other| {
            other.witness == self.witness
                && other.lease.scope != self.lease.scope
                && other.document.id != self.document.id
        })
    }

    async fn run(
        jobs: &[Self],
        pool: &Pool,
        deadline: Instant,
        alone: bool,
    ) -> Result<Vec<bool>, StoreError> {
        fn each<'a, T>(jobs: &'a [Complete], of: impl Fn(&'a Complete) -> T) -> Vec<T> {
            jobs.iter().map(of).collect()
        }
        // The document is created now, by the server's clock.
        let duration = |job: &Complete| {
            number(job.answer.expires_at.millis().saturating_sub(job.document.created_at.millis()))
        };
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
                                each(jobs, |job| job.document.kind),
                                each(jobs, |job| id(&job.document.id)),
                                each(jobs, |job| id(job.document.merchant_id.as_bytes())),
                                each(jobs, |job| job.document.environment.as_str()),
                                each(jobs, |job| job.document.body.as_bytes()),
                                each(jobs, |job| job.document.state.as_str()),
                                each(jobs, |job| millis(job.document.created_at)),
                                each(jobs, |job| millis(job.document.expires_at)),
                                each(jobs, |job| job.document.changed_at.map(millis)),
                                each(jobs, |job| id(job.lease.scope.merchant_id.as_bytes())),
                                each(jobs, |job| job.lease.scope.environment.as_str()),
                                each(jobs, |job| job.lease.scope.route),
                                each(jobs, |job| job.lease.scope.key.as_str()),
                                each(jobs, |job| id(&job.lease.owner)),
                                each(jobs, |job| i32::from(job.answer.status)),
                                each(jobs, |job| job.answer.body.as_slice()),
                                each(jobs, |job| millis(job.answer.expires_at)),
                                each(jobs, duration),
                                jobs.first().and_then(|job| job.witness).map(millis),
                            ],
                        },
                    ][first..],
                    repeatable: false,
                },
            )
            .await?;
        let mut added = HashSet::with_capacity(jobs.len());
        for row in rows.last().into_iter().flatten() {
            added.insert(id_bytes(row, 0)?);
        }
        Ok(each(jobs, |job| added.contains(&job.document.id)))
    }
}
