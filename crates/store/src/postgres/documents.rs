//! Documents, and their completion of an idempotency key.

use std::collections::HashSet;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_postgres::Row;
use tollgate_core::{Environment, MerchantId, Timestamp};

use super::clock::witness;
use super::column::{column, id, id_bytes, millis, number, optional_time, params, parsed, text, time};
use super::group::Job;
use super::idempotency::IMPATIENT;
use super::pool::{Pool, Statement, Transaction};
use super::{Postgres, last};
use crate::{Answer, Document, Documents, Lease, StoreError};

/// Answers under the leases that are still held, and adds the documents of these.
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

/// A document that is to be added with the answer to the request that asked for it.
pub(super) struct Complete {
    document: Document,
    lease: Lease,
    answer: Answer,
    witness: Option<Timestamp>,
}

impl Job for Complete {
    type Output = bool;
    type Engine = Pool;

    /// A test's clock is the same for all. Of several under one key only one could be told to have succeeded.
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
        // By the server's clock the document is created now.
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

/// Adds a document and keeps the answer under the lease's key. `false` if the lease is held no longer.
pub(super) async fn complete(
    store: &Postgres,
    lease: &Lease,
    answer: &Answer,
    document: &Document,
) -> Result<bool, StoreError> {
    let (document, lease, answer) = (document.clone(), lease.clone(), answer.clone());
    let witness = store.clock.instead(document.created_at);
    let complete = Complete { document, lease, answer, witness };
    store.completions.run(complete, &store.pool, store.pool.deadline()).await
}

const ONE: &str = "SELECT id, merchant_id, environment, body, state, created_at, expires_at, changed_at
                   FROM documents WHERE id = $1 AND kind = $2";

#[async_trait]
impl Documents for Postgres {
    async fn add_document(&self, document: &Document) -> Result<(), StoreError> {
        self.write(
            "INSERT INTO documents
                 (kind, id, merchant_id, environment, body, state, created_at, expires_at, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            params![
                document.kind,
                id(&document.id),
                id(document.merchant_id.as_bytes()),
                document.environment.as_str(),
                document.body.as_bytes(),
                document.state.as_str(),
                millis(document.created_at),
                millis(document.expires_at),
                document.changed_at.map(millis),
            ],
        )
        .await
        .map(drop)
    }

    async fn document(&self, kind: &'static str, wanted: [u8; 16]) -> Result<Option<Document>, StoreError> {
        let row = self.read_one(ONE, params![id(&wanted), kind]).await?;
        row.map(|row| document(kind, &row)).transpose()
    }

    async fn documents(
        &self,
        kind: &'static str,
        merchant: MerchantId,
        environment: Environment,
        after: Option<(Timestamp, [u8; 16])>,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        let (time, last) = after.unwrap_or((Timestamp::MAX, [0xff; 16]));
        let rows = self
            .read(
                "SELECT id, merchant_id, environment, body, state, created_at, expires_at, changed_at
                 FROM documents
                 WHERE merchant_id = $1 AND environment = $2 AND kind = $3 AND (created_at, id) < ($4, $5)
                 ORDER BY created_at DESC, id DESC LIMIT $6",
                params![
                    id(merchant.as_bytes()),
                    environment.as_str(),
                    kind,
                    millis(time),
                    id(&last),
                    i64::from(limit),
                ],
            )
            .await?;
        rows.iter().map(|row| document(kind, row)).collect()
    }

    async fn change_document(
        &self,
        kind: &'static str,
        wanted: [u8; 16],
        from: &str,
        to: &str,
        now: Timestamp,
    ) -> Result<Option<Document>, StoreError> {
        let rows = self
            .write_all(&[
                Statement {
                    sql: "UPDATE documents SET state = $4, changed_at = $5
                          WHERE id = $1 AND kind = $2 AND state = $3 AND expires_at > $5",
                    params: params![id(&wanted), kind, from, to, millis(now)],
                },
                Statement { sql: ONE, params: params![id(&wanted), kind] },
            ])
            .await?;
        last(rows).first().map(|row| document(kind, row)).transpose()
    }
}

fn document(kind: &'static str, row: &Row) -> Result<Document, StoreError> {
    Ok(Document {
        kind,
        id: id_bytes(row, 0)?,
        merchant_id: MerchantId::from_bytes(id_bytes(row, 1)?),
        environment: parsed(row, 2)?,
        body: text(row, 3)?,
        state: column(row, 4)?,
        created_at: time(row, 5)?,
        expires_at: time(row, 6)?,
        changed_at: optional_time(row, 7)?,
    })
}
