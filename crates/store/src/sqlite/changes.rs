//! The change log, and the revocations in it.

use rusqlite::{Connection, Result, Row, Transaction, TransactionBehavior, params, types};
use tollgate_core::{ClientId, Generation, MerchantId, Revocation, Revoked, SecretId, Timestamp, TokenId};

use super::column::{generation, time};
use super::installation;
use crate::{CHANGES_KEPT, CLOCKS_DIFFER, Change, Changed, Position};

/// Adds an entry, in the transaction of what it tells. For what is created, `now` is its creation.
pub(super) fn record(connection: &Connection, what: Changed, now: Timestamp) -> Result<()> {
    let kept = now.after(CHANGES_KEPT);
    let (kind, id, generation, until) = match &what {
        Changed::Client(id) => ("client", Some(id.as_bytes()), None, kept),
        Changed::Merchant(id) => ("merchant", Some(id.as_bytes()), None, kept),
        Changed::SigningKeys => ("signing keys", None, None, kept),
        Changed::Revocation(Revocation { subject, expires_at }) => {
            let (kind, id, generation) = match subject {
                Revoked::Token(id) => ("token revoked", id.as_bytes(), Generation::FIRST),
                Revoked::Secret(id) => ("secret revoked", id.as_bytes(), Generation::FIRST),
                Revoked::Client(id, from) => ("client revoked", id.as_bytes(), *from),
                Revoked::Merchant(id, from) => ("merchant revoked", id.as_bytes(), *from),
            };
            (kind, Some(id), Some(generation.number()), *expires_at)
        }
    };
    connection
        .prepare_cached("INSERT INTO changes (kind, id, generation, until) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![kind, id, generation, until.millis()])
        .map(drop)
}

/// Ends tokens at `now`, and remembers it for as long as any of them may live.
pub(super) fn revoke(connection: &Connection, subject: Revoked, now: Timestamp) -> Result<()> {
    let longest = installation::longest_lifetime(connection)?;
    let expires_at = now.after(longest).after(CLOCKS_DIFFER);
    record(connection, Changed::Revocation(Revocation { subject, expires_at }), now)
}

pub(super) fn last(connection: &Connection) -> Result<Position> {
    connection
        .prepare_cached("SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'changes'")?
        .query_one([], |row| Ok(position(row.get(0)?)))
}

/// A file has one history.
fn position(seq: u64) -> Position {
    Position { seq, ..Position::START }
}

pub(super) fn since(connection: &Connection, after: Position, limit: u32) -> Result<Option<Vec<Change>>> {
    let snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
    let purged: u64 =
        snapshot.prepare_cached("SELECT purged_change FROM installation")?.query_one([], |row| row.get(0))?;
    // A number from the future: the store was replaced by an older copy of itself.
    if after.seq < purged || after.seq > last(&snapshot)?.seq {
        return Ok(None);
    }
    snapshot
        .prepare_cached(
            "SELECT seq, kind, id, generation, until FROM changes WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        )?
        .query_map(params![after.seq, limit], |row| {
            Ok(Change { position: position(row.get(0)?), what: changed(row)? })
        })?
        .collect::<Result<_>>()
        .map(Some)
}

pub(super) fn revocations(connection: &Connection, now: Timestamp) -> Result<Vec<Revocation>> {
    connection
        .prepare_cached(
            "SELECT seq, kind, id, generation, until FROM changes WHERE generation IS NOT NULL AND until > ?1",
        )?
        .query_map([now.millis()], |row| match changed(row)? {
            Changed::Revocation(revocation) => Ok(Some(revocation)),
            Changed::Client(_) | Changed::Merchant(_) | Changed::SigningKeys => Ok(None),
        })?
        .filter_map(Result::transpose)
        .collect()
}

/// Deletes entries that have expired at `now`, up to `limit` of them, and remembers the greatest number among them.
pub(super) fn purge(connection: &Connection, now: Timestamp, limit: u32) -> Result<usize> {
    let gone: Vec<u64> = connection
        .prepare_cached(
            "DELETE FROM changes
             WHERE seq IN (SELECT seq FROM changes WHERE until <= ?1 ORDER BY until LIMIT ?2)
             RETURNING seq",
        )?
        .query_map(params![now.millis(), limit], |row| row.get(0))?
        .collect::<Result<_>>()?;
    if let Some(newest) = gone.iter().max() {
        connection
            .prepare_cached("UPDATE installation SET purged_change = max(purged_change, ?1)")?
            .execute([newest])?;
    }
    Ok(gone.len())
}

fn changed(row: &Row<'_>) -> Result<Changed> {
    let subject = match row.get_ref(1)?.as_str()? {
        "client" => return Ok(Changed::Client(ClientId::from_bytes(row.get(2)?))),
        "merchant" => return Ok(Changed::Merchant(MerchantId::from_bytes(row.get(2)?))),
        "signing keys" => return Ok(Changed::SigningKeys),
        "token revoked" => Revoked::Token(TokenId::from_bytes(row.get(2)?)),
        "secret revoked" => Revoked::Secret(SecretId::from_bytes(row.get(2)?)),
        "client revoked" => Revoked::Client(ClientId::from_bytes(row.get(2)?), generation(row, 3)?),
        "merchant revoked" => Revoked::Merchant(MerchantId::from_bytes(row.get(2)?), generation(row, 3)?),
        _ => return Err(types::FromSqlError::InvalidType.into()),
    };
    Ok(Changed::Revocation(Revocation { subject, expires_at: time(row, 4)? }))
}
