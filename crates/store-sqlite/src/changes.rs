//! The change log, and the revocations in it.

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, Transaction, TransactionBehavior, params};
use tollgate_core::{Generation, Revocation, Revoked, Timestamp};
use tollgate_store::engine::{CHANGES_KEPT, ChangeColumns};
use tollgate_store::{
    Act, Actor, CLOCKS_DIFFER, Change, ChangeLog, Changed, Operation, Position, Revocations, StoreError,
};

use crate::column::time;
use crate::engine::Sqlite;

#[async_trait]
impl ChangeLog for Sqlite {
    async fn last_change(&self) -> Result<Position, StoreError> {
        self.read_for(Operation::ChangeLog, last).await
    }

    async fn changes_since(&self, after: Position, limit: u32) -> Result<Option<Vec<Change>>, StoreError> {
        self.read_for(Operation::ChangeLog, move |connection| since(connection, after, limit)).await
    }
}

#[async_trait]
impl Revocations for Sqlite {
    async fn revocations(&self, now: Timestamp) -> Result<Vec<Revocation>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT seq, kind, id, generation, until FROM changes
                     WHERE generation IS NOT NULL AND until > ?1",
                )?
                .query_map([now.millis()], revocation)?
                .collect()
        })
        .await
    }

    async fn revocations_after(
        &self,
        after: u64,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<(u64, Revocation)>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT seq, kind, id, generation, until FROM changes
                     WHERE generation IS NOT NULL AND until > ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
                )?
                .query_map(params![now.millis(), after, limit], |row| Ok((row.get(0)?, revocation(row)?)))?
                .collect()
        })
        .await
    }

    async fn revoke(&self, revocation: &Revocation, now: Timestamp, act: &Act) -> Result<(), StoreError> {
        let (change, actor) = (Changed::Revocation(*revocation), act.actor().clone());
        self.act(act, move |connection| record(connection, change, now, &actor)).await
    }
}

/// Adds an entry, in the transaction of the change. When an object is created, `now` is its creation time.
pub(crate) fn record(connection: &Connection, what: Changed, now: Timestamp, actor: &Actor) -> Result<()> {
    let ChangeColumns { kind, id, generation, until } = what.columns(now.after(CHANGES_KEPT));
    connection
        .prepare_cached(
            "INSERT INTO changes (kind, id, generation, until, actor, source, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            kind,
            id,
            generation.map(Generation::number),
            until.millis(),
            actor.kind.to_string(),
            actor.from,
            actor.why,
        ])
        .map(drop)
}

/// Ends tokens at `now`, and keeps the revocation for as long as any of them may live.
pub(crate) fn revoke(connection: &Connection, subject: Revoked, now: Timestamp, actor: &Actor) -> Result<()> {
    let expires_at = now.after(longest_lifetime(connection)?).after(CLOCKS_DIFFER);
    record(connection, Changed::Revocation(Revocation { subject, expires_at }), now, actor)
}

/// Returns the longest lifetime of any token that was ever issued.
pub(crate) fn longest_lifetime(connection: &Connection) -> Result<Duration> {
    connection
        .prepare_cached("SELECT longest_lifetime FROM installation")?
        .query_one([], |row| row.get(0).map(Duration::from_millis))
}

pub(crate) fn last(connection: &Connection) -> Result<Position> {
    connection
        .prepare_cached(
            "SELECT given.seq, c.until, c.id, purged_mark
             FROM installation JOIN sqlite_sequence given LEFT JOIN changes c ON c.seq = given.seq
             WHERE given.name = 'changes' ORDER BY given.seq DESC LIMIT 1",
        )?
        .query_one([], |row| {
            let until: Option<u64> = row.get(1)?;
            let mark = if until.is_some() { mark(row, 1)? } else { row.get(3)? };
            Ok(Position { seq: row.get(0)?, mark })
        })
        .optional()
        .map(|found| found.unwrap_or(Position::START))
}

/// Returns the mark of a change, made of its columns `until` (a time in milliseconds) and `id`: a backup that was put in place of the
/// store gives the numbers of the changes that it lacks to other changes.
fn mark(row: &Row<'_>, until: usize) -> Result<[u8; 16]> {
    let id = row.get::<_, Option<[u8; 16]>>(until + 1)?.unwrap_or_default();
    Ok((u128::from_be_bytes(id) ^ u128::from(time(row, until)?.millis())).to_be_bytes())
}

fn since(connection: &Connection, after: Position, limit: u32) -> Result<Option<Vec<Change>>> {
    let snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let purged = snapshot
        .prepare_cached("SELECT purged_change, purged_mark FROM installation")?
        .query_one([], |row| Ok(Position { seq: row.get(0)?, mark: row.get(1)? }))?;
    let here = snapshot
        .prepare_cached("SELECT until, id FROM changes WHERE seq = ?1")?
        .query_one([after.seq], |row| mark(row, 0))
        .optional()?
        .or_else(|| (after.seq == purged.seq).then_some(purged.mark));
    // Without a mark here, the number is from the future. With another mark, another change has the number. Either way the store was
    // replaced by an older copy of itself.
    if after.seq < purged.seq || here != Some(after.mark) {
        return Ok(None);
    }
    snapshot
        .prepare_cached(
            "SELECT seq, kind, id, generation, until, id FROM changes WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        )?
        .query_map(params![after.seq, limit], |row| {
            let position = Position { seq: row.get(0)?, mark: mark(row, 4)? };
            Ok(Change { position, what: changed(row)? })
        })?
        .collect::<Result<_>>()
        .map(Some)
}

/// Deletes up to `limit` entries that have expired at `now`, and remembers the greatest number among them with its mark.
pub(crate) fn purge(connection: &Connection, now: Timestamp, limit: u32) -> Result<usize> {
    let gone: Vec<(u64, [u8; 16])> = connection
        .prepare_cached(
            "DELETE FROM changes
             WHERE seq IN (SELECT seq FROM changes WHERE until <= ?1 ORDER BY until LIMIT ?2)
             RETURNING seq, until, id",
        )?
        .query_map(params![now.millis(), limit], |row| Ok((row.get(0)?, mark(row, 1)?)))?
        .collect::<Result<_>>()?;
    if let Some((seq, mark)) = gone.iter().max() {
        connection
            .prepare_cached(
                "UPDATE installation SET purged_change = ?1, purged_mark = ?2 WHERE purged_change < ?1",
            )?
            .execute(params![seq, mark])?;
    }
    Ok(gone.len())
}

fn revocation(row: &Row<'_>) -> Result<Revocation> {
    match changed(row)? {
        Changed::Revocation(revocation) => Ok(revocation),
        Changed::Client(_) | Changed::Merchant(_) | Changed::SigningKeys => Err(never_written()),
    }
}

fn changed(row: &Row<'_>) -> Result<Changed> {
    let columns = ChangeColumns {
        kind: row.get_ref(1)?.as_str()?,
        id: row.get(2)?,
        generation: row.get::<_, Option<u64>>(3)?.map(Generation::from_number),
        until: time(row, 4)?,
    };
    Changed::read(&columns).ok_or_else(never_written)
}

fn never_written() -> rusqlite::Error {
    FromSqlError::InvalidType.into()
}
