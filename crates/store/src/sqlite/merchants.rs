//! Merchants.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use tollgate_core::{MerchantId, Revoked, Timestamp};

use super::changes;
use super::column::{status, time};
use crate::{Changed, Merchant, Status, revoked_until};

pub(super) fn create(connection: &Connection, merchant: &Merchant) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO merchants (id, name, disabled, revoked_until, created_at) VALUES (?1, ?2, ?3, 0, ?4)",
        )?
        .execute(params![
            merchant.id.as_bytes(),
            merchant.name,
            merchant.status == Status::Disabled,
            merchant.created_at.millis(),
        ])
        .map(drop)
}

pub(super) fn one(connection: &Connection, id: MerchantId) -> Result<Option<Merchant>> {
    connection
        .prepare_cached("SELECT id, name, disabled, created_at FROM merchants WHERE id = ?1")?
        .query_one([id.as_bytes()], merchant)
        .optional()
}

pub(super) fn page(connection: &Connection, after: Option<MerchantId>, limit: u32) -> Result<Vec<Merchant>> {
    // No id is as small as the empty blob.
    let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
    connection
        .prepare_cached(
            "SELECT id, name, disabled, created_at FROM merchants WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?
        .query_map(params![after, limit], merchant)?
        .collect()
}

pub(super) fn set_status(
    connection: &Connection,
    id: MerchantId,
    status: Status,
    now: Timestamp,
    tokens_expire_at: Timestamp,
) -> Result<bool> {
    let disabled = status == Status::Disabled;
    let until = revoked_until(now);
    let found = connection
        .prepare_cached(
            "UPDATE merchants
             SET disabled = ?2, revoked_until = CASE WHEN ?2 THEN max(revoked_until, ?3) ELSE revoked_until END
             WHERE id = ?1",
        )?
        .execute(params![id.as_bytes(), disabled, until.millis()])?;
    if found == 0 {
        return Ok(false);
    }
    changes::record(connection, Changed::Merchant(id), now)?;
    if disabled {
        changes::revoke(connection, Revoked::Merchant(id), until, tokens_expire_at)?;
    }
    Ok(true)
}

fn merchant(row: &Row<'_>) -> Result<Merchant> {
    Ok(Merchant {
        id: MerchantId::from_bytes(row.get(0)?),
        name: row.get(1)?,
        status: status(row, 2)?,
        created_at: time(row, 3)?,
    })
}
