//! The servers that share the store.

use async_trait::async_trait;
use rusqlite::params;
use tollgate_core::Timestamp;
use tollgate_store::engine::SERVERS_KEPT;
use tollgate_store::{Alone, LeaderLease, RunningServer, Servers, StoreError};

use crate::column::time;
use crate::engine::Sqlite;
use crate::idempotency;
use crate::writer::Durability;

#[async_trait]
impl Servers for Sqlite {
    async fn beat(&self, server: &RunningServer) -> Result<(), StoreError> {
        let RunningServer { id, name, process, terms, beat_at } = server.clone();
        self.write(Durability::Process, move |connection| {
            connection
                .prepare_cached("DELETE FROM servers WHERE beat_at <= ?1")?
                .execute([beat_at.before(SERVERS_KEPT).millis()])?;
            connection
                .prepare_cached(
                    "INSERT INTO servers (id, name, process, terms, beat_at) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at",
                )?
                .execute(params![id, name, process, terms, beat_at.millis()])
                .map(drop)
        })
        .await
    }

    async fn leave(&self, server: [u8; 16]) -> Result<(), StoreError> {
        self.write(Durability::Process, move |connection| {
            connection.prepare_cached("DELETE FROM servers WHERE id = ?1")?.execute([server]).map(drop)
        })
        .await
    }

    async fn servers(&self, since: Timestamp) -> Result<Vec<RunningServer>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT id, name, process, terms, beat_at FROM servers WHERE beat_at >= ?1 ORDER BY id",
                )?
                .query_map([since.millis()], |row| {
                    Ok(RunningServer {
                        id: row.get(0)?,
                        name: row.get(1)?,
                        process: row.get(2)?,
                        terms: row.get(3)?,
                        beat_at: time(row, 4)?,
                    })
                })?
                .collect()
        })
        .await
    }

    async fn start_serving(&self, _alone: Option<Alone>) -> Result<u64, StoreError> {
        let alone = self.serving.try_alone().await?;
        let freed = if alone { self.write(Durability::Process, idempotency::free_leases).await? } else { 0 };
        self.serving.share().await?;
        Ok(freed)
    }

    async fn lead(&self, lease: &LeaderLease, now: Timestamp) -> Result<bool, StoreError> {
        let LeaderLease { task, holder, until } = *lease;
        self.write(Durability::Process, move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO elected (office, holder, until) VALUES (?1, ?2, ?3)
                     ON CONFLICT (office) DO UPDATE SET holder = excluded.holder, until = excluded.until
                     WHERE elected.holder = excluded.holder OR elected.until <= ?4",
                )?
                .execute(params![task, holder, until.millis(), now.millis()])
                .map(|rows| rows == 1)
        })
        .await
    }

    async fn stop_leading(&self, lease: &LeaderLease) -> Result<(), StoreError> {
        let LeaderLease { task, holder, .. } = *lease;
        self.write(Durability::Process, move |connection| {
            connection
                .prepare_cached("DELETE FROM elected WHERE office = ?1 AND holder = ?2")?
                .execute(params![task, holder])
                .map(drop)
        })
        .await
    }
}
