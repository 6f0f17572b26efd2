//! What makes the store an installation.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::OptionalExtension;

use super::column::millis;
use super::engine::Sqlite;
use super::writer::Durability;
use super::{changes, keys};
use crate::{Installation, SigningKey, StoreError};

#[async_trait]
impl Installation for Sqlite {
    async fn install(&self, check: &[u8], key: &SigningKey) -> Result<Vec<u8>, StoreError> {
        let (check, key) = (check.to_owned(), key.clone());
        self.write(Durability::Power, move |connection| {
            let first = connection
                .prepare_cached("UPDATE installation SET check_value = ?1 WHERE check_value IS NULL")?
                .execute([check])?;
            if first == 1 {
                keys::insert(connection, &key)?;
            }
            connection.prepare_cached("SELECT check_value FROM installation")?.query_one([], |row| row.get(0))
        })
        .await
    }

    async fn installation(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT check_value FROM installation WHERE check_value IS NOT NULL")?
                .query_one([], |row| row.get(0))
                .optional()
        })
        .await
    }

    async fn in_place(&self) -> Result<(), StoreError> {
        let place = self.place.clone();
        self.read(move |_| Ok(place.check())).await?
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
