//! The merchants in the store.

use async_trait::async_trait;
use tokio_postgres::Row;
use tollgate_core::{Generation, MerchantId, Timestamp};
use tollgate_store::{Act, Completed, Merchant, Merchants, Status, StoreError, Version};

use crate::changes::{By, kept, outlasts, recorded};
use crate::column::{id, id_bytes, millis, number, params, status, text, time, version};
use crate::engine::Postgres;
use crate::keyed::{Key, completed, create_keyed, held, kept_answer, keyed_params, may_create};
use crate::pool::Statement;
use crate::status::set_status;

/// A statement that deletes what belongs to a merchant, if the merchant has the version `$2`.
macro_rules! of_merchant {
    ($table:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE merchant_id = $1
                 AND EXISTS (SELECT FROM merchants WHERE id = $1 AND ($2 IS NULL OR version = $2))"
        )
    };
}
#[async_trait]
impl Merchants for Postgres {
    async fn create_merchant(&self, merchant: &Merchant, act: &Act) -> Result<(), StoreError> {
        create(self, merchant, &Key::default(), act).await.map(drop)
    }

    async fn merchant(&self, wanted: MerchantId) -> Result<Option<Merchant>, StoreError> {
        let sql = "SELECT id, name, disabled, created_at, version FROM merchants WHERE id = $1";
        self.read_one(sql, params![id(wanted.as_bytes())]).await?.as_ref().map(merchant).transpose()
    }

    async fn merchants(&self, after: Option<MerchantId>, limit: u32) -> Result<Vec<Merchant>, StoreError> {
        let rows = self
            .read(
                "SELECT id, name, disabled, created_at, version FROM merchants WHERE $1 IS NULL OR id > $1 ORDER BY id LIMIT $2",
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
        let sql = set_status!("merchants", "merchant", "disabled = $2, version = version + 1, ");
        self.set_status(sql, id(merchant.as_bytes()), status, now, act).await
    }

    async fn end_merchant_tokens(
        &self,
        merchant: MerchantId,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let sql = set_status!("merchants", "merchant", "");
        self.set_status(sql, id(merchant.as_bytes()), Status::Disabled, now, act).await
    }

    async fn rename_merchant(
        &self,
        merchant: MerchantId,
        name: &str,
        only: Option<Version>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let by = By::of(act.actor());
        let done = self
            .write_by(
                act,
                recorded!(
                    "done AS (
                         UPDATE merchants SET name = $2, version = version + 1
                         WHERE id = $1 AND ($7 IS NULL OR version = $7) RETURNING id
                     )",
                    "SELECT 1, 'merchant', id, NULL::bigint, $3, false FROM done",
                    "$4, $5, $6",
                    "SELECT FROM done"
                ),
                params![
                    id(merchant.as_bytes()),
                    name.as_bytes(),
                    kept(now),
                    by.who(),
                    by.from(),
                    by.why(),
                    only.map(|only| number(only.number())),
                ],
            )
            .await?;
        Ok(!done.is_empty())
    }

    async fn delete_merchant(
        &self,
        merchant: MerchantId,
        only: Option<Version>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let (merchant, by) = (id(merchant.as_bytes()), By::of(act.actor()));
        let only = only.map(|only| number(only.number()));
        let done = self
            .act(act, &[
                // This waits for a client that is being created; no further one can be.
                Statement {
                    sql: "SELECT id FROM merchants WHERE id = $1 FOR UPDATE",
                    params: params![merchant],
                },
                Statement { sql: of_merchant!("clients"), params: params![merchant, only] },
                Statement { sql: of_merchant!("documents"), params: params![merchant, only] },
                Statement { sql: of_merchant!("idempotency_keys"), params: params![merchant, only] },
                // Only now, so that a client that was being added is deleted as well.
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
                        "done AS (DELETE FROM merchants WHERE id = $1 AND ($8 IS NULL OR version = $8) RETURNING id)",
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
                        only,
                    ],
                },
            ])
            .await?;
        Ok(!done.is_empty())
    }
}

/// Adds a merchant, and keeps the answer under the key of the request if it has one.
pub(crate) async fn create(
    store: &Postgres,
    merchant: &Merchant,
    key: &Key<'_>,
    act: &Act,
) -> Result<Completed, StoreError> {
    let by = By::of(act.actor());
    create_keyed(
        store,
        act,
        key,
        None,
        recorded!(
            concat!(
                held!(),
                "done AS (
                         INSERT INTO merchants (id, name, disabled, created_at, version)
                         SELECT $11, $12, $13, $14, $15 WHERE ",
                may_create!(),
                " RETURNING id
                     )",
                kept_answer!()
            ),
            "SELECT 1, 'merchant', id, NULL::bigint, $16, false FROM done",
            "$17, $18, $19",
            completed!()
        ),
        keyed_params![key;
            id(merchant.id.as_bytes()),
            merchant.name.as_bytes(),
            merchant.status == Status::Disabled,
            millis(merchant.created_at),
            number(merchant.version.number()),
            kept(merchant.created_at),
            by.who(),
            by.from(),
            by.why(),
        ],
    )
    .await
}

fn merchant(row: &Row) -> Result<Merchant, StoreError> {
    Ok(Merchant {
        id: MerchantId::from_bytes(id_bytes(row, 0)?),
        name: text(row, 1)?,
        status: status(row, 2)?,
        created_at: time(row, 3)?,
        version: version(row, 4)?,
    })
}
