//! Idempotency keys: the row is the lock, and a lease frees the keys of a process that died.
//!
//! The primary key ensures that a key has only one row, and the condition of the statement that takes a key ensures that a
//! lease which has not ended is never taken over. Nothing else keeps two holders from having one key.

use async_trait::async_trait;
use tollgate_core::Timestamp;
use tollgate_store::engine::PURGED_AT_ONCE;
use tollgate_store::{
    Act, Alone, Answer, Begun, Completed, Creation, Document, Idempotency, IdempotencyScope, Lease, Measured,
    Operation, StoreError,
};

use crate::begin::Begin;
use crate::clients;
use crate::clock::witness;
use crate::column::{id, millis, params};
use crate::complete::Complete;
use crate::engine::Postgres;
use crate::keyed::Key;
use crate::merchants;
use crate::secrets::{NewSecret, add_secret};

/// How many batches of expired keys one call of [`purge`] deletes, each in a transaction of its own: a vacuum can
/// follow, and nobody waits for long. That makes 28 million keys a day for each server.
const PURGES: u32 = 20;

#[async_trait]
impl Idempotency for Postgres {
    async fn begin(&self, lease: &Lease, now: Timestamp) -> Result<Begun, StoreError> {
        let job = Begin { lease: lease.clone(), now, witness: self.clock.instead(now) };
        let running = self.measures().start(Operation::Idempotency);
        running.end(self.begins.run(job, &self.pool, self.pool.deadline()).await.flatten())
    }

    async fn complete(
        &self,
        lease: &Lease,
        answer: &Answer,
        document: &Document,
    ) -> Result<bool, StoreError> {
        let (document, lease, answer) = (document.clone(), lease.clone(), answer.clone());
        let witness = self.clock.instead(document.created_at);
        let job = Complete { document, lease, answer, witness };
        let running = self.measures().start(Operation::Idempotency);
        running.end(self.completions.run(job, &self.pool, self.pool.deadline()).await)
    }

    async fn complete_creation(
        &self,
        lease: &Lease,
        answer: &Answer,
        creation: &Creation,
        now: Timestamp,
        act: &Act,
    ) -> Result<Completed, StoreError> {
        let key = Key::of(lease, answer, now, self.clock);
        let completed = match creation {
            Creation::Merchant(merchant) => merchants::create(self, merchant, &key, act).await?,
            Creation::Client(client) => {
                clients::create(self, std::slice::from_ref(client.as_ref()), &key, act).await?
            }
            Creation::Secret { client, secret, others_expire_at } => {
                let new = NewSecret { client: *client, secret, others_expire_at: *others_expire_at };
                add_secret(self, new, &key, now, act).await?
            }
        };
        if completed == Completed::Refused {
            self.abandon(lease).await?;
        }
        Ok(completed)
    }

    async fn abandon(&self, lease: &Lease) -> Result<(), StoreError> {
        let IdempotencyScope { merchant_id, environment, route, key } = &lease.scope;
        self.write(
            "DELETE FROM idempotency_keys
             WHERE merchant_id = $1 AND environment = $2 AND route = $3 AND key = $4 AND owner = $5 AND status IS NULL",
            params![id(merchant_id.as_bytes()), environment.as_str(), *route, key.as_str(), id(&lease.owner)],
        )
        .await
        .map(drop)
    }

    async fn is_taken(&self, scope: &IdempotencyScope, now: Timestamp) -> Result<bool, StoreError> {
        let IdempotencyScope { merchant_id, environment, route, key } = scope;
        let row = self
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
                    self.clock.instead(now).map(millis),
                ],
            )
            .await?;
        Ok(row.is_some())
    }
}

/// Deletes keys that are free by both clocks, some at a time.
pub(crate) async fn purge(store: &Postgres, now: Timestamp) -> Result<u64, StoreError> {
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
                // Checked again for the row that is deleted: its key may just have been taken.
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

/// Gives back the leases that were taken before a server found itself alone. The index leads to the leases, which end soon, and not
/// to the answers, which are many and are kept for longer.
pub(crate) async fn free_leases(store: &Postgres, alone: Alone) -> Result<u64, StoreError> {
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
