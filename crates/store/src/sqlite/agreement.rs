//! What the servers that share the store have agreed on, and which of them run.

use rusqlite::{Connection, Result, params};
use tollgate_core::Timestamp;

use super::changes;
use super::column::{optional_time, time};
use crate::{AGREEMENTS_SHOWN, Adoption, Agreement, Changed, RunningServer, SERVERS_KEPT};

pub(super) fn agreements(connection: &Connection) -> Result<Vec<Agreement>> {
    connection
        .prepare_cached(
            "SELECT seq, terms, adopted_at, adopted_by, superseded_at FROM agreement ORDER BY seq DESC LIMIT ?1",
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
}

pub(super) fn adopt(connection: &Connection, adoption: &Adoption) -> Result<bool> {
    let Adoption { predecessor, terms, by, at } = adoption;
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
        .prepare_cached("INSERT INTO agreement (seq, terms, adopted_at, adopted_by) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![last + 1, terms, at.millis(), by])?;
    changes::record(connection, Changed::SigningKeys, *at)?;
    Ok(true)
}

pub(super) fn beat(connection: &Connection, server: &RunningServer) -> Result<()> {
    let RunningServer { id, name, process, terms, beat_at } = server;
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
}

pub(super) fn leave(connection: &Connection, server: [u8; 16]) -> Result<()> {
    connection.prepare_cached("DELETE FROM servers WHERE id = ?1")?.execute([server]).map(drop)
}

pub(super) fn servers(connection: &Connection, since: Timestamp) -> Result<Vec<RunningServer>> {
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
}
