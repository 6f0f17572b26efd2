//! Idempotency keys: the row is the lock, and a lease frees the keys of a process that died.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use tollgate_core::Timestamp;
use tollgate_store::{
    Act, Actor, Answer, Begun, Completed, Creation, Document, Idempotency, IdempotencyScope, Lease,
    Operation, StoreError,
};

use crate::column::time;
use crate::engine::Sqlite;
use crate::writer::Durability;
use crate::{clients, documents, merchants, secrets};

#[async_trait]
impl Idempotency for Sqlite {
    async fn begin(&self, lease: &Lease, now: Timestamp) -> Result<Begun, StoreError> {
        let lease = lease.clone();
        self.write_for(Operation::Idempotency, Durability::Process, move |connection| {
            begin(connection, &lease, now)
        })
        .await
    }

    async fn complete(
        &self,
        lease: &Lease,
        answer: &Answer,
        document: &Document,
    ) -> Result<bool, StoreError> {
        let (lease, answer, document) = (lease.clone(), answer.clone(), document.clone());
        self.write_for(Operation::Idempotency, Durability::Power, move |connection| {
            let held = keep(connection, &lease, &answer)?;
            if held {
                documents::add(connection, &document)?;
            }
            Ok(held)
        })
        .await
    }

    async fn complete_creation(
        &self,
        lease: &Lease,
        answer: &Answer,
        creation: &Creation,
        now: Timestamp,
        act: &Act,
    ) -> Result<Completed, StoreError> {
        let (lease, answer, creation, actor) =
            (lease.clone(), answer.clone(), creation.clone(), act.actor().clone());
        self.act(act, move |connection| {
            if !keep(connection, &lease, &answer)? {
                return Ok(Completed::LeaseLost);
            }
            if create(connection, &creation, now, &actor)? {
                return Ok(Completed::Created);
            }
            forget(connection, &lease)?;
            Ok(Completed::Refused)
        })
        .await
    }

    async fn abandon(&self, lease: &Lease) -> Result<(), StoreError> {
        let Lease { scope, owner, .. } = lease.clone();
        self.write(Durability::Process, move |connection| {
            let IdempotencyScope { merchant_id, environment, route, key } = &scope;
            connection
                .prepare_cached(
                    "DELETE FROM idempotency_keys
                     WHERE merchant_id = ?1 AND environment = ?2 AND route = ?3 AND key = ?4 AND owner = ?5
                         AND status IS NULL",
                )?
                .execute(params![merchant_id.as_bytes(), environment.as_str(), route, key, owner])
                .map(drop)
        })
        .await
    }

    async fn is_taken(&self, scope: &IdempotencyScope, now: Timestamp) -> Result<bool, StoreError> {
        let IdempotencyScope { merchant_id, environment, route, key } = scope.clone();
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT 1 FROM idempotency_keys
                     WHERE merchant_id = ?1 AND environment = ?2 AND route = ?3 AND key = ?4 AND until > ?5",
                )?
                .exists(params![merchant_id.as_bytes(), environment.as_str(), route, key, now.millis()])
        })
        .await
    }
}

/// Creates what an operator's request asks for. Returns `false` if the merchant or client that it should belong to does not exist.
fn create(connection: &Connection, creation: &Creation, now: Timestamp, actor: &Actor) -> Result<bool> {
    match creation {
        Creation::Merchant(merchant) => merchants::create(connection, merchant, actor).map(|()| true),
        Creation::Client(client) => clients::create(connection, client, actor),
        Creation::Secret { client, secret, others_expire_at } => {
            secrets::add_secret(connection, *client, secret, *others_expire_at, now, actor)
        }
    }
}

/// Frees the key of a lease whose answer was kept in the same transaction.
fn forget(connection: &Connection, lease: &Lease) -> Result<()> {
    let IdempotencyScope { merchant_id, environment, route, key } = &lease.scope;
    connection
        .prepare_cached(
            "DELETE FROM idempotency_keys
             WHERE merchant_id = ?1 AND environment = ?2 AND route = ?3 AND key = ?4 AND owner = ?5",
        )?
        .execute(params![merchant_id.as_bytes(), environment.as_str(), route, key, lease.owner])
        .map(drop)
}

fn begin(connection: &Connection, lease: &Lease, now: Timestamp) -> Result<Begun> {
    let IdempotencyScope { merchant_id, environment, route, key } = &lease.scope;
    let taken = connection
        .prepare_cached(
            "SELECT fingerprint, until, status, body FROM idempotency_keys
             WHERE merchant_id = ?1 AND environment = ?2 AND route = ?3 AND key = ?4 AND until > ?5",
        )?
        .query_one(params![merchant_id.as_bytes(), environment.as_str(), route, key, now.millis()], |row| {
            taken(row, &lease.fingerprint)
        })
        .optional()?;
    if let Some(taken) = taken {
        return Ok(taken);
    }
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO idempotency_keys
                 (merchant_id, environment, route, key, owner, fingerprint, until, status, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, NULL)",
        )?
        .execute(params![
            merchant_id.as_bytes(),
            environment.as_str(),
            route,
            key,
            lease.owner,
            lease.fingerprint,
            lease.until.millis(),
        ])?;
    Ok(Begun::Fresh)
}

/// Keeps the answer under the lease's key. Returns `false` if the lease is no longer held.
fn keep(connection: &Connection, lease: &Lease, answer: &Answer) -> Result<bool> {
    let IdempotencyScope { merchant_id, environment, route, key } = &lease.scope;
    let held = connection
        .prepare_cached(
            "UPDATE idempotency_keys SET status = ?6, body = ?7, until = ?8
             WHERE merchant_id = ?1 AND environment = ?2 AND route = ?3 AND key = ?4 AND owner = ?5 AND status IS NULL",
        )?
        .execute(params![
            merchant_id.as_bytes(),
            environment.as_str(),
            route,
            key,
            lease.owner,
            answer.status,
            answer.body,
            answer.expires_at.millis(),
        ])?;
    Ok(held == 1)
}

/// Gives back every lease, whoever holds it. Returns their number.
pub(crate) fn free_leases(connection: &Connection) -> Result<u64> {
    let freed = connection.prepare_cached("DELETE FROM idempotency_keys WHERE status IS NULL")?.execute([])?;
    Ok(freed as u64)
}

/// Deletes keys that are free at `now`, up to `limit` of them.
pub(crate) fn purge(connection: &Connection, now: Timestamp, limit: u32) -> Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM idempotency_keys
             WHERE (merchant_id, environment, route, key) IN
                 (SELECT merchant_id, environment, route, key FROM idempotency_keys WHERE until <= ?1 LIMIT ?2)",
        )?
        .execute(params![now.millis(), limit])
}

fn taken(row: &Row<'_>, fingerprint: &[u8; 32]) -> Result<Begun> {
    if row.get::<_, [u8; 32]>(0)? != *fingerprint {
        return Ok(Begun::Mismatch);
    }
    let until = time(row, 1)?;
    Ok(match row.get(2)? {
        Some(status) => Begun::Answered(Answer { status, body: row.get(3)?, expires_at: until }),
        None => Begun::InProgress { until },
    })
}
