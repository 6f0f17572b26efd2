//! The installation that the store holds.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Result, params};
use tollgate_core::{KeyId, Timestamp};
use tollgate_store::{Act, Changed, Installation, Schema, Seal, SigningKey, StoreError};

use crate::column::millis;
use crate::engine::Sqlite;
use crate::writer::Durability;
use crate::{changes, keys, open, trail};

#[async_trait]
impl Installation for Sqlite {
    async fn install(&self, check: &[u8], key: &SigningKey, act: &Act) -> Result<Vec<u8>, StoreError> {
        let (check, key, act) = (check.to_owned(), key.clone(), act.clone());
        self.write(Durability::Power, move |connection| {
            let first = connection
                .prepare_cached("UPDATE installation SET check_value = ?1 WHERE check_value IS NULL")?
                .execute([check])?;
            if first == 1 {
                keys::insert(connection, &key)?;
                trail::append(connection, &act, trail::ends(connection)?.newest)?;
            }
            connection.prepare_cached("SELECT check_value FROM installation")?.query_one([], |row| row.get(0))
        })
        .await
    }

    async fn installation(&self) -> Result<Option<Seal>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT check_value, secrets_key, trail_key FROM installation WHERE check_value IS NOT NULL",
                )?
                .query_one([], |row| {
                    Ok(Seal { check: row.get(0)?, secrets_key: row.get(1)?, trail_key: row.get(2)? })
                })
                .optional()
        })
        .await
    }

    async fn reseal(
        &self,
        from: &[u8],
        seal: &Seal,
        keys: &[(KeyId, Vec<u8>)],
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let (from, seal, keys, actor) = (from.to_owned(), seal.clone(), keys.to_owned(), act.actor().clone());
        self.act(act, move |connection| {
            let same = is_sealed_with(connection, &from)? && are_all(connection, &keys)?;
            if same {
                replace(connection, &seal, &keys)?;
                changes::record(connection, Changed::SigningKeys, now, &actor)?;
            }
            Ok(same)
        })
        .await
    }

    async fn in_place(&self) -> Result<(), StoreError> {
        let place = self.place.clone();
        self.read(move |_| Ok(place.check())).await?
    }

    async fn schema(&self) -> Result<Schema, StoreError> {
        self.read(open::schema).await
    }

    async fn longest_lifetime(&self, at_least: Duration) -> Result<Duration, StoreError> {
        let longest = self.read(changes::longest_lifetime).await?;
        if longest >= at_least {
            return Ok(longest);
        }
        self.write(Durability::Power, move |connection| {
            connection
                .prepare_cached(
                    "UPDATE installation SET longest_lifetime = max(longest_lifetime, ?1) RETURNING longest_lifetime",
                )?
                .query_one([millis(at_least)], |row| row.get(0).map(Duration::from_millis))
        })
        .await
    }
}

fn is_sealed_with(connection: &Connection, check: &[u8]) -> Result<bool> {
    connection.prepare_cached("SELECT 1 FROM installation WHERE check_value = ?1")?.exists([check])
}

/// Says whether the store has these signing keys and no others.
fn are_all(connection: &Connection, keys: &[(KeyId, Vec<u8>)]) -> Result<bool> {
    let mut found: Vec<[u8; 16]> = connection
        .prepare_cached("SELECT id FROM signing_keys")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let mut given: Vec<[u8; 16]> = keys.iter().map(|(id, _)| *id.as_bytes()).collect();
    found.sort_unstable();
    given.sort_unstable();
    Ok(found == given)
}

fn replace(connection: &Connection, seal: &Seal, keys: &[(KeyId, Vec<u8>)]) -> Result<()> {
    connection
        .prepare_cached("UPDATE installation SET check_value = ?1, secrets_key = ?2, trail_key = ?3")?
        .execute(params![seal.check, seal.secrets_key, seal.trail_key])?;
    let mut update = connection.prepare_cached("UPDATE signing_keys SET sealed = ?2 WHERE id = ?1")?;
    keys.iter().try_for_each(|(id, sealed)| update.execute(params![id.as_bytes(), sealed]).map(drop))
}
