//! The signing keys in the store.

use async_trait::async_trait;
use rusqlite::{Connection, Result, params};
use tollgate_core::{KeyId, Timestamp};
use tollgate_store::{Act, Actor, Changed, Keys, SigningKey, StoreError};

use crate::changes;
use crate::column::{optional_time, parsed, time};
use crate::engine::Sqlite;

#[async_trait]
impl Keys for Sqlite {
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, alg, sealed, public_key, created_at, activates_at, retires_at, compromised
                     FROM signing_keys ORDER BY created_at, id",
                )?
                .query_map([], |row| {
                    Ok(SigningKey {
                        id: KeyId::from_bytes(row.get(0)?),
                        algorithm: parsed(row, 1)?,
                        sealed: row.get(2)?,
                        public_key: row.get(3)?,
                        created_at: time(row, 4)?,
                        activates_at: time(row, 5)?,
                        retires_at: optional_time(row, 6)?,
                        compromised: row.get(7)?,
                    })
                })?
                .collect()
        })
        .await
    }

    async fn add_signing_key(
        &self,
        key: &SigningKey,
        others_retire_at: Timestamp,
        act: &Act,
    ) -> Result<(), StoreError> {
        let (key, actor) = (key.clone(), act.actor().clone());
        self.act(act, move |connection| add(connection, &key, others_retire_at, &actor)).await
    }

    async fn replace_signing_keys(&self, key: &SigningKey, act: &Act) -> Result<(), StoreError> {
        let (key, actor) = (key.clone(), act.actor().clone());
        self.act(act, move |connection| {
            connection
                .prepare_cached("UPDATE signing_keys SET compromised = 1 WHERE alg = ?1")?
                .execute([key.algorithm.as_str()])?;
            add(connection, &key, key.created_at, &actor)
        })
        .await
    }

    async fn succeed_signing_key(
        &self,
        predecessor: KeyId,
        key: &SigningKey,
        others_retire_at: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let (key, actor) = (key.clone(), act.actor().clone());
        self.act(act, move |connection| {
            // Adding a key sets an end for the others of its algorithm, so only the newest of each algorithm has none.
            let is_newest = connection
                .prepare_cached("SELECT 1 FROM signing_keys WHERE id = ?1 AND retires_at IS NULL")?
                .exists([predecessor.as_bytes()])?;
            if is_newest {
                add(connection, &key, others_retire_at, &actor)?;
            }
            Ok(is_newest)
        })
        .await
    }
}

fn add(connection: &Connection, key: &SigningKey, others_retire_at: Timestamp, actor: &Actor) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE signing_keys SET retires_at = min(ifnull(retires_at, ?1), ?1) WHERE alg = ?2",
        )?
        .execute(params![others_retire_at.millis(), key.algorithm.as_str()])?;
    insert(connection, key)?;
    changes::record(connection, Changed::SigningKeys, key.created_at, actor)
}

pub(crate) fn insert(connection: &Connection, key: &SigningKey) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO signing_keys
                 (id, alg, sealed, public_key, created_at, activates_at, retires_at, compromised)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            key.id.as_bytes(),
            key.algorithm.as_str(),
            key.sealed,
            key.public_key,
            key.created_at.millis(),
            key.activates_at.millis(),
            key.retires_at.map(Timestamp::millis),
            key.compromised,
        ])
        .map(drop)
}

/// Deletes the keys that retired at `until` or before.
pub(crate) fn purge(connection: &Connection, until: Timestamp) -> Result<usize> {
    connection.prepare_cached("DELETE FROM signing_keys WHERE retires_at <= ?1")?.execute([until.millis()])
}
