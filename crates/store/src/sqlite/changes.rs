//! The change log, and the revocations in it.

use rusqlite::{Connection, Result, Row, Transaction, TransactionBehavior, params, types};
use tollgate_core::{ClientId, MerchantId, Revocation, Revoked, SecretId, Timestamp, TokenId};

use super::column::{optional_time, time};
use crate::{CHANGES_KEPT, Change, Changed, Position};

/// Adds an entry, in the transaction of what it tells. For what is created, `now` is its creation.
pub(super) fn record(connection: &Connection, what: Changed, now: Timestamp) -> Result<()> {
    let kept = now.after(CHANGES_KEPT);
    let (kind, id, issued_until, until) = match &what {
        Changed::Client(id) => ("client", Some(id.as_bytes()), None, kept),
        Changed::Merchant(id) => ("merchant", Some(id.as_bytes()), None, kept),
        Changed::SigningKeys => ("signing keys", None, None, kept),
        Changed::Revocation(Revocation { subject, issued_until, expires_at }) => {
            let (kind, id) = match subject {
                Revoked::Token(id) => ("token revoked", id.as_bytes()),
                Revoked::Secret(id) => ("secret revoked", id.as_bytes()),
                Revoked::Client(id) => ("client revoked", id.as_bytes()),
                Revoked::Merchant(id) => ("merchant revoked", id.as_bytes()),
            };
            (kind, Some(id), Some(issued_until.millis()), *expires_at)
        }
    };
    connection
        .prepare_cached("INSERT INTO changes (kind, id, issued_until, until) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![kind, id, issued_until, until.millis()])
        .map(drop)
}

/// Adds a revocation of the tokens of `subject` that were issued in the second of `issued_until` or before.
pub(super) fn revoke(
    connection: &Connection,
    subject: Revoked,
    issued_until: Timestamp,
    expires_at: Timestamp,
) -> Result<()> {
    record(connection, Changed::Revocation(Revocation { subject, issued_until, expires_at }), issued_until)
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
            "SELECT seq, kind, id, issued_until, until FROM changes WHERE seq > ?1 ORDER BY seq LIMIT ?2",
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
            "SELECT seq, kind, id, issued_until, until FROM changes WHERE issued_until IS NOT NULL AND until > ?1",
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
        "client revoked" => Revoked::Client(ClientId::from_bytes(row.get(2)?)),
        "merchant revoked" => Revoked::Merchant(MerchantId::from_bytes(row.get(2)?)),
        _ => return Err(types::FromSqlError::InvalidType.into()),
    };
    let issued_until = optional_time(row, 3)?.unwrap_or(Timestamp::MAX);
    Ok(Changed::Revocation(Revocation { subject, issued_until, expires_at: time(row, 4)? }))
}
