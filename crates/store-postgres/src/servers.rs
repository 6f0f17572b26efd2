//! The servers that share the store.

use async_trait::async_trait;
use tokio_postgres::Row;
use tollgate_core::Timestamp;
use tollgate_store::engine::SERVERS_KEPT;
use tollgate_store::{Alone, LeaderLease, RunningServer, Servers, StoreError};

use crate::column::{column, id, id_bytes, millis, params, time};
use crate::engine::Postgres;
use crate::idempotency;

#[async_trait]
impl Servers for Postgres {
    async fn beat(&self, server: &RunningServer) -> Result<(), StoreError> {
        let RunningServer { id: server_id, name, process, terms, beat_at } = server;
        self.write(
            "WITH gone AS (DELETE FROM servers WHERE beat_at <= $6 AND id <> $1)
             INSERT INTO servers (id, name, process, terms, beat_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at",
            params![
                id(server_id),
                name.as_str(),
                process.as_str(),
                terms.as_str(),
                millis(*beat_at),
                millis(beat_at.before(SERVERS_KEPT)),
            ],
        )
        .await
        .map(drop)
    }

    async fn leave(&self, server: [u8; 16]) -> Result<(), StoreError> {
        self.write("DELETE FROM servers WHERE id = $1", params![id(&server)]).await.map(drop)
    }

    async fn servers(&self, since: Timestamp) -> Result<Vec<RunningServer>, StoreError> {
        let sql = "SELECT id, name, process, terms, beat_at FROM servers WHERE beat_at >= $1 ORDER BY id";
        let server = |row: &Row| {
            Ok(RunningServer {
                id: id_bytes(row, 0)?,
                name: column(row, 1)?,
                process: column(row, 2)?,
                terms: column(row, 3)?,
                beat_at: time(row, 4)?,
            })
        };
        self.read(sql, params![millis(since)]).await?.iter().map(server).collect()
    }

    async fn start_serving(&self, alone: Option<Alone>) -> Result<u64, StoreError> {
        match alone {
            Some(alone) => idempotency::free_leases(self, alone).await,
            None => Ok(0),
        }
    }

    async fn lead(&self, lease: &LeaderLease, now: Timestamp) -> Result<bool, StoreError> {
        let LeaderLease { task, holder, until } = lease;
        let leads = self
            .write(
                "INSERT INTO elected (office, holder, until) VALUES ($1, $2, $3)
                 ON CONFLICT (office) DO UPDATE SET holder = excluded.holder, until = excluded.until
                 WHERE elected.holder = excluded.holder OR elected.until <= $4
                 RETURNING office",
                params![*task, id(holder), millis(*until), millis(now)],
            )
            .await?;
        Ok(!leads.is_empty())
    }

    async fn stop_leading(&self, lease: &LeaderLease) -> Result<(), StoreError> {
        let sql = "DELETE FROM elected WHERE office = $1 AND holder = $2";
        self.write(sql, params![lease.task, id(&lease.holder)]).await.map(drop)
    }
}
