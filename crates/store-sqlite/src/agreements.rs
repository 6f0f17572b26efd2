//! The agreements of the servers that share the store.

use async_trait::async_trait;
use rusqlite::params;
use tollgate_store::engine::AGREEMENTS_SHOWN;
use tollgate_store::{Act, Adoption, Agreement, Agreements, Changed, StoreError};

use crate::changes;
use crate::column::{optional_time, time};
use crate::engine::Sqlite;

#[async_trait]
impl Agreements for Sqlite {
    async fn agreements(&self) -> Result<Vec<Agreement>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT seq, terms, adopted_at, adopted_by, superseded_at FROM agreement
                     ORDER BY seq DESC LIMIT ?1",
                )?
                .query_map([AGREEMENTS_SHOWN], |row| {
                    Ok(Agreement {
                        seq: row.get(0)?,
                        terms: row.get(1)?,
                        adopted_at: time(row, 2)?,
                        adopted_by: row.get(3)?,
                        superseded_at: optional_time(row, 4)?,
                    })
                })?
                .collect()
        })
        .await
    }

    async fn adopt(&self, adoption: &Adoption, act: &Act) -> Result<bool, StoreError> {
        let (Adoption { predecessor, terms, by, at }, actor) = (adoption.clone(), act.actor().clone());
        self.act(act, move |connection| {
            let last: u64 = connection
                .prepare_cached("SELECT ifnull(max(seq), 0) FROM agreement")?
                .query_one([], |row| row.get(0))?;
            if last != predecessor.unwrap_or(0) {
                return Ok(false);
            }
            connection
                .prepare_cached("UPDATE agreement SET superseded_at = ?1 WHERE superseded_at IS NULL")?
                .execute([at.millis()])?;
            connection
                .prepare_cached(
                    "INSERT INTO agreement (seq, terms, adopted_at, adopted_by) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![last + 1, terms, at.millis(), by])?;
            changes::record(connection, Changed::SigningKeys, at, &actor)?;
            Ok(true)
        })
        .await
    }
}
