//! What the servers that share the store have agreed on, and which of them run.

use tokio_postgres::Row;
use tollgate_core::Timestamp;

use super::Postgres;
use super::changes::{kept, recorded};
use super::column::{column, id, id_bytes, millis, number, optional_time, params, time, unsigned};
use crate::{AGREEMENTS_SHOWN, Adoption, Agreement, RunningServer, SERVERS_KEPT, StoreError};

pub(super) async fn agreements(store: &Postgres) -> Result<Vec<Agreement>, StoreError> {
    let sql = "SELECT seq, terms, adopted_at, adopted_by, superseded_at FROM agreement
               ORDER BY seq DESC LIMIT $1";
    let agreement = |row: &Row| {
        Ok(Agreement {
            seq: unsigned(row, 0)?,
            terms: column(row, 1)?,
            adopted_at: time(row, 2)?,
            adopted_by: column(row, 3)?,
            superseded_at: optional_time(row, 4)?,
        })
    };
    store.read(sql, params![i64::from(AGREEMENTS_SHOWN)]).await?.iter().map(agreement).collect()
}

pub(super) async fn adopt(store: &Postgres, adoption: &Adoption) -> Result<bool, StoreError> {
    let Adoption { predecessor, terms, by, at } = adoption;
    let adopted = store
        .write_locked(
            // Of two that adopt at once, the second finds that it knew the wrong predecessor.
            ("SELECT id FROM installation FOR UPDATE", params![]),
            recorded!(
                "due AS (
                     SELECT last + 1 AS seq FROM (SELECT coalesce(max(seq), 0) AS last FROM agreement) newest
                     WHERE last = $1
                 ), superseded AS (
                     UPDATE agreement SET superseded_at = $4
                     WHERE superseded_at IS NULL AND EXISTS (SELECT seq FROM due)
                 ), done AS (
                     INSERT INTO agreement (seq, terms, adopted_at, adopted_by)
                     SELECT seq, $2, $4, $3 FROM due RETURNING seq
                 )",
                "SELECT 1, 'signing keys', NULL::uuid, NULL::bigint, $5, false FROM done",
                "SELECT seq FROM done"
            ),
            params![number(predecessor.unwrap_or(0)), terms.as_str(), by.as_str(), millis(*at), kept(*at)],
        )
        .await?;
    Ok(!adopted.is_empty())
}

pub(super) async fn beat(store: &Postgres, server: &RunningServer) -> Result<(), StoreError> {
    let RunningServer { id: server_id, name, process, terms, beat_at } = server;
    store
        .write(
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

pub(super) async fn leave(store: &Postgres, server: [u8; 16]) -> Result<(), StoreError> {
    store.write("DELETE FROM servers WHERE id = $1", params![id(&server)]).await.map(drop)
}

pub(super) async fn servers(store: &Postgres, since: Timestamp) -> Result<Vec<RunningServer>, StoreError> {
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
    store.read(sql, params![millis(since)]).await?.iter().map(server).collect()
}
