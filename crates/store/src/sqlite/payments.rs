//! Payment requests.

use rusqlite::{Connection, OptionalExtension, Result, Row, params, types};
use tollgate_core::{Environment, MerchantId, PaymentRequestId, Timestamp};

use super::column::{optional_time, parsed, time};
use super::idempotency;
use crate::{Answer, Lease, PaymentRequest, PaymentStatus};

pub(super) fn create(
    connection: &Connection,
    request: &PaymentRequest,
    answer: Option<&(Lease, Answer)>,
) -> Result<bool> {
    if let Some((lease, answer)) = answer
        && !idempotency::answer(connection, lease, answer)?
    {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT INTO payment_requests
                 (id, merchant_id, environment, details, status, created_at, expires_at, decided_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            request.id.as_bytes(),
            request.merchant_id.as_bytes(),
            request.environment.as_str(),
            request.details,
            word(request.status),
            request.created_at.millis(),
            request.expires_at.millis(),
            request.decided_at.map(Timestamp::millis),
        ])?;
    Ok(true)
}

pub(super) fn one(connection: &Connection, id: PaymentRequestId) -> Result<Option<PaymentRequest>> {
    connection
        .prepare_cached(
            "SELECT id, merchant_id, environment, details, status, created_at, expires_at, decided_at
             FROM payment_requests WHERE id = ?1",
        )?
        .query_one([id.as_bytes()], payment_request)
        .optional()
}

pub(super) fn page(
    connection: &Connection,
    merchant: MerchantId,
    environment: Environment,
    after: Option<(Timestamp, PaymentRequestId)>,
    limit: u32,
) -> Result<Vec<PaymentRequest>> {
    let (time, id) = after.unwrap_or((Timestamp::MAX, PaymentRequestId::from_bytes([0xff; 16])));
    connection
        .prepare_cached(
            "SELECT id, merchant_id, environment, details, status, created_at, expires_at, decided_at
             FROM payment_requests
             WHERE merchant_id = ?1 AND environment = ?2 AND (created_at, id) < (?3, ?4)
             ORDER BY created_at DESC, id DESC LIMIT ?5",
        )?
        .query_map(
            params![merchant.as_bytes(), environment.as_str(), time.millis(), id.as_bytes(), limit],
            payment_request,
        )?
        .collect()
}

pub(super) fn decide(
    connection: &Connection,
    id: PaymentRequestId,
    status: PaymentStatus,
    now: Timestamp,
) -> Result<Option<PaymentRequest>> {
    connection
        .prepare_cached(
            "UPDATE payment_requests SET status = ?2, decided_at = ?3
             WHERE id = ?1 AND status = 'pending' AND ?2 <> 'pending' AND expires_at > ?3",
        )?
        .execute(params![id.as_bytes(), word(status), now.millis()])?;
    one(connection, id)
}

fn payment_request(row: &Row<'_>) -> Result<PaymentRequest> {
    Ok(PaymentRequest {
        id: PaymentRequestId::from_bytes(row.get(0)?),
        merchant_id: MerchantId::from_bytes(row.get(1)?),
        environment: parsed(row, 2)?,
        details: row.get(3)?,
        status: match row.get_ref(4)?.as_str()? {
            "pending" => PaymentStatus::Pending,
            "approved" => PaymentStatus::Approved,
            "declined" => PaymentStatus::Declined,
            _ => return Err(types::FromSqlError::InvalidType.into()),
        },
        created_at: time(row, 5)?,
        expires_at: time(row, 6)?,
        decided_at: optional_time(row, 7)?,
    })
}

const fn word(status: PaymentStatus) -> &'static str {
    match status {
        PaymentStatus::Pending => "pending",
        PaymentStatus::Approved => "approved",
        PaymentStatus::Declined => "declined",
    }
}
