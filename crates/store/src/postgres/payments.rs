//! Payment requests.

use tokio_postgres::Row;
use tollgate_core::{Environment, MerchantId, PaymentRequestId, Timestamp};

use super::clock::witness;
use super::column::{
    column, id, id_bytes, millis, never_written, number, optional_time, params, parsed, text, time,
};
use super::pool::Statement;
use super::{Postgres, last};
use crate::{Answer, Lease, PaymentRequest, PaymentStatus, StoreError};

pub(super) async fn create(
    store: &Postgres,
    request: &PaymentRequest,
    answer: Option<(&Lease, &Answer)>,
) -> Result<bool, StoreError> {
    let Some((lease, answer)) = answer else { return create_unasked(store, request).await };
    let created = store
        .write(
            concat!(
                "WITH held AS (
                     UPDATE idempotency_keys SET status = $14, body = $15, until = greatest($16, ",
                witness!("$18"),
                " + $17)
                     WHERE merchant_id = $9 AND environment = $10 AND route = $11 AND key = $12 AND owner = $13
                         AND status IS NULL
                     RETURNING owner
                 )
                 INSERT INTO payment_requests
                     (id, merchant_id, environment, details, status, created_at, expires_at, decided_at)
                 SELECT $1, $2, $3, $4, $5, $6, $7, $8 FROM held
                 RETURNING id"
            ),
            params![
                id(request.id.as_bytes()),
                id(request.merchant_id.as_bytes()),
                request.environment.as_str(),
                request.details.as_bytes(),
                word(request.status),
                millis(request.created_at),
                millis(request.expires_at),
                request.decided_at.map(millis),
                id(lease.scope.merchant_id.as_bytes()),
                lease.scope.environment.as_str(),
                lease.scope.route,
                lease.scope.key.as_str(),
                id(&lease.owner),
                i32::from(answer.status),
                answer.body.as_slice(),
                millis(answer.expires_at),
                // By the server's clock it is created now.
                number(answer.expires_at.millis().saturating_sub(request.created_at.millis())),
                store.clock.instead(request.created_at).map(millis),
            ],
        )
        .await?;
    Ok(!created.is_empty())
}

async fn create_unasked(store: &Postgres, request: &PaymentRequest) -> Result<bool, StoreError> {
    store
        .write(
            "INSERT INTO payment_requests
                 (id, merchant_id, environment, details, status, created_at, expires_at, decided_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            params![
                id(request.id.as_bytes()),
                id(request.merchant_id.as_bytes()),
                request.environment.as_str(),
                request.details.as_bytes(),
                word(request.status),
                millis(request.created_at),
                millis(request.expires_at),
                request.decided_at.map(millis),
            ],
        )
        .await?;
    Ok(true)
}

const ONE: &str = "SELECT id, merchant_id, environment, details, status, created_at, expires_at, decided_at
                   FROM payment_requests WHERE id = $1";

pub(super) async fn one(
    store: &Postgres,
    request: PaymentRequestId,
) -> Result<Option<PaymentRequest>, StoreError> {
    store.read_one(ONE, params![id(request.as_bytes())]).await?.as_ref().map(payment_request).transpose()
}

pub(super) async fn page(
    store: &Postgres,
    merchant: MerchantId,
    environment: Environment,
    after: Option<(Timestamp, PaymentRequestId)>,
    limit: u32,
) -> Result<Vec<PaymentRequest>, StoreError> {
    let (time, last) = after.unwrap_or((Timestamp::MAX, PaymentRequestId::from_bytes([0xff; 16])));
    let rows = store
        .read(
            "SELECT id, merchant_id, environment, details, status, created_at, expires_at, decided_at
             FROM payment_requests
             WHERE merchant_id = $1 AND environment = $2 AND (created_at, id) < ($3, $4)
             ORDER BY created_at DESC, id DESC LIMIT $5",
            params![
                id(merchant.as_bytes()),
                environment.as_str(),
                millis(time),
                id(last.as_bytes()),
                i64::from(limit),
            ],
        )
        .await?;
    rows.iter().map(payment_request).collect()
}

pub(super) async fn decide(
    store: &Postgres,
    request: PaymentRequestId,
    status: PaymentStatus,
    now: Timestamp,
) -> Result<Option<PaymentRequest>, StoreError> {
    let rows = store
        .write_all(&[
            Statement {
                sql: "UPDATE payment_requests SET status = $2, decided_at = $3
                      WHERE id = $1 AND status = 'pending' AND $2 <> 'pending' AND expires_at > $3",
                params: params![id(request.as_bytes()), word(status), millis(now)],
            },
            Statement { sql: ONE, params: params![id(request.as_bytes())] },
        ])
        .await?;
    last(rows).first().map(payment_request).transpose()
}

fn payment_request(row: &Row) -> Result<PaymentRequest, StoreError> {
    Ok(PaymentRequest {
        id: PaymentRequestId::from_bytes(id_bytes(row, 0)?),
        merchant_id: MerchantId::from_bytes(id_bytes(row, 1)?),
        environment: parsed(row, 2)?,
        details: text(row, 3)?,
        status: match column(row, 4)? {
            "pending" => PaymentStatus::Pending,
            "approved" => PaymentStatus::Approved,
            "declined" => PaymentStatus::Declined,
            _ => return Err(never_written()),
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
