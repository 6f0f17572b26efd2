//! Merchants.

use async_trait::async_trait;
use tokio_postgres::Row;
use tollgate_core::{Generation, MerchantId, Timestamp};

use super::changes::{By, kept, outlasts, recorded};
use super::column::{id, id_bytes, millis, number, params, status, text, time};
use super::engine::Postgres;
use super::pool::Statement;
use super::status::set_status;
use crate::{Act, Merchant, Merchants, Status, StoreError};

#[async_trait]
impl Merchants for Postgres {
    async fn create_merchant(&self, merchant: &Merchant, act: &Act) -> Result<(), StoreError> {
        let by = By::of(act.actor());
        self.write_by(
            act,
            recorded!(
                "done AS (
                     INSERT INTO merchants (id, name, disabled, created_at) VALUES ($1, $2, $3, $4) RETURNING id
                 )",
                "SELECT 1, 'merchant', id, NULL::bigint, $5, false FROM done",
                "$6, $7, $8",
                "SELECT FROM done"
            ),
            params![
                id(merchant.id.as_bytes()),
                merchant.name.as_bytes(),
                merchant.status == Status::Disabled,
                millis(merchant.created_at),
                kept(merchant.created_at),
                by.who(),
                by.from(),
                by.why(),
            ],
        )
        .await
        .map(drop)
    }

    async fn merchant(&self, wanted: MerchantId) -> Result<Option<Merchant>, StoreError> {
        let sql = "SELECT id, name, disabled, created_at FROM merchants WHERE id = $1";
        self.read_one(sql, params![id(wanted.as_bytes())]).await?.as_ref().map(merchant).transpose()
    }

    async fn merchants(&self, after: Option<MerchantId>, limit: u32) -> Result<Vec<Merchant>, StoreError> {
        let rows = self
            .read(
                "SELECT id, name, disabled, created_at FROM merchants WHERE $1 IS NULL OR id > $1 ORDER BY id LIMIT $2",
                params![after.map(|after| id(after.as_bytes())), i64::from(limit)],
            )
            .await?;
        rows.iter().map(merchant).collect()
    }

    async fn set_merchant_status(
        &self,
        merchant: MerchantId,
        status: Status,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        self.set_status(set_status!("merchants", "merchant"), id(merchant.as_bytes()), status, now, act).await
    }

    async fn rename_merchant(
        &self,
        merchant: MerchantId,
        name: &str,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let by = By::of(act.actor());
        let done = self
            .write_by(
                act,
                recorded!(
                    "done AS (UPDATE merchants SET name = $2 WHERE id = $1 RETURNING id)",
                    "SELECT 1, 'merchant', id, NULL::bigint, $3, false FROM done",
                    "$4, $5, $6",
                    "SELECT FROM done"
                ),
                params![id(merchant.as_bytes()), name.as_bytes(), kept(now), by.who(), by.from(), by.why()],
            )
            .await?;
        Ok(!done.is_empty())
    }

    async fn delete_merchant(
        &self,
        merchant: MerchantId,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let (merchant, by) = (id(merchant.as_bytes()), By::of(act.actor()));
        let done = self
            .act(act, &[
                // A client that is being created is waited for, and none can be from now on.
                Statement {
                    sql: "SELECT id FROM merchants WHERE id = $1 FOR UPDATE",
                    params: params![merchant],
                },
                Statement { sql: "DELETE FROM clients WHERE merchant_id = $1", params: params![merchant] },
                // Only now, so that one that was being added is deleted as well.
                Statement {
                    sql: "DELETE FROM secrets s WHERE NOT EXISTS (SELECT FROM clients c WHERE c.id = s.client_id)",
                    params: params![],
                },
                Statement {
                    sql: "DELETE FROM secret_uses u WHERE NOT EXISTS (SELECT FROM clients c WHERE c.id = u.client_id)",
                    params: params![],
                },
                Statement {
                    sql: recorded!(
                        "done AS (DELETE FROM merchants WHERE id = $1 RETURNING id)",
                        "SELECT 1, 'merchant', id, NULL::bigint, $2, false FROM done
                         UNION ALL SELECT 2, 'merchant revoked', id, $3, $4, true FROM done",
                        "$5, $6, $7",
                        "SELECT FROM done"
                    ),
                    params: params![
                        merchant,
                        kept(now),
                        number(Generation::END.number()),
                        outlasts(now),
                        by.who(),
                        by.from(),
                        by.why(),
                    ],
                },
            ])
            .await?;
        Ok(!done.is_empty())
    }
}

fn merchant(row: &Row) -> Result<Merchant, StoreError> {
    Ok(Merchant {
        id: MerchantId::from_bytes(id_bytes(row, 0)?),
        name: text(row, 1)?,
        status: status(row, 2)?,
        created_at: time(row, 3)?,
    })
}
