//! Merchants.

use tokio_postgres::Row;
use tollgate_core::{MerchantId, Timestamp};

use super::Postgres;
use super::changes::{kept, outlasts, recorded};
use super::column::{id, id_bytes, millis, params, status, text, time};
use crate::{Merchant, Status, StoreError};

pub(super) async fn create(store: &Postgres, merchant: &Merchant) -> Result<(), StoreError> {
    store
        .write(
            "INSERT INTO merchants (id, name, disabled, created_at) VALUES ($1, $2, $3, $4)",
            params![
                id(merchant.id.as_bytes()),
                merchant.name.as_bytes(),
                merchant.status == Status::Disabled,
                millis(merchant.created_at),
            ],
        )
        .await
        .map(drop)
}

pub(super) async fn one(store: &Postgres, merchant_id: MerchantId) -> Result<Option<Merchant>, StoreError> {
    let sql = "SELECT id, name, disabled, created_at FROM merchants WHERE id = $1";
    store.read_one(sql, params![id(merchant_id.as_bytes())]).await?.as_ref().map(merchant).transpose()
}

pub(super) async fn page(
    store: &Postgres,
    after: Option<MerchantId>,
    limit: u32,
) -> Result<Vec<Merchant>, StoreError> {
    let rows = store
        .read(
            "SELECT id, name, disabled, created_at FROM merchants WHERE $1 IS NULL OR id > $1 ORDER BY id LIMIT $2",
            params![after.map(|after| id(after.as_bytes())), i64::from(limit)],
        )
        .await?;
    rows.iter().map(merchant).collect()
}

pub(super) async fn set_status(
    store: &Postgres,
    merchant: MerchantId,
    status: Status,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = store
        .write(
            recorded!(
                "done AS (
                     UPDATE merchants SET disabled = $2, generation = generation + $2::integer
                     WHERE id = $1 RETURNING id, generation
                 )",
                "SELECT 1, 'merchant', id, NULL::bigint, $3, false FROM done
                 UNION ALL SELECT 2, 'merchant revoked', id, generation, $4, true FROM done WHERE $2",
                "SELECT FROM done"
            ),
            params![id(merchant.as_bytes()), status == Status::Disabled, kept(now), outlasts(now)],
        )
        .await?;
    Ok(!done.is_empty())
}

fn merchant(row: &Row) -> Result<Merchant, StoreError> {
    Ok(Merchant {
        id: MerchantId::from_bytes(id_bytes(row, 0)?),
        name: text(row, 1)?,
        status: status(row, 2)?,
        created_at: time(row, 3)?,
    })
}
