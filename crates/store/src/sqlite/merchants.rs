//! Merchants.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use tollgate_core::{MerchantId, Revoked, Timestamp};

use super::changes;
use super::column::{generation, status, time};
use crate::{Changed, Merchant, Status};

pub(super) fn create(connection: &Connection, merchant: &Merchant) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO merchants (id, name, disabled, created_at) VALUES (?1, ?2, ?3, ?4)")?
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
) -> Result<bool> {
    let disabled = status == Status::Disabled;
    let raised = connection
        .prepare_cached("UPDATE merchants SET disabled = ?2, generation = generation + ?2 WHERE id = ?1 RETURNING generation")?
        .query_one(params![id.as_bytes(), disabled], |row| generation(row, 0))
        .optional()?;
    let Some(raised) = raised else { return Ok(false) };
    changes::record(connection, Changed::Merchant(id), now)?;
    if disabled {
        changes::revoke(connection, Revoked::Merchant(id, raised), now)?;
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
