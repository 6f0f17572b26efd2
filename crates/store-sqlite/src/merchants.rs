//! The merchants in the store.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use tollgate_core::{Generation, MerchantId, Revoked, Timestamp};
use tollgate_store::{Act, Actor, Changed, Merchant, Merchants, Status, StoreError, Version};

use crate::changes;
use crate::column::{status, time, version};
use crate::engine::Sqlite;
use crate::status::Subject;

#[async_trait]
impl Merchants for Sqlite {
    async fn create_merchant(&self, merchant: &Merchant, act: &Act) -> Result<(), StoreError> {
        let (merchant, actor) = (merchant.clone(), act.actor().clone());
        self.act(act, move |connection| create(connection, &merchant, &actor)).await
    }

    async fn merchant(&self, id: MerchantId) -> Result<Option<Merchant>, StoreError> {
        self.read(move |connection| {
            connection
                .prepare_cached(
                    "SELECT id, name, disabled, created_at, version FROM merchants WHERE id = ?1",
                )?
                .query_one([id.as_bytes()], merchant)
                .optional()
        })
        .await
    }

    async fn merchants(&self, after: Option<MerchantId>, limit: u32) -> Result<Vec<Merchant>, StoreError> {
        self.read(move |connection| {
            // Every id is greater than the empty blob.
            let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
            connection
                .prepare_cached(
                    "SELECT id, name, disabled, created_at, version FROM merchants WHERE id > ?1 ORDER BY id LIMIT ?2",
                )?
                .query_map(params![after, limit], merchant)?
                .collect()
        })
        .await
    }

    async fn set_merchant_status(
        &self,
        id: MerchantId,
        status: Status,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE merchants SET disabled = ?2, generation = generation + ?2, version = version + 1 WHERE id = ?1
                   RETURNING generation";
        let subject = Subject {
            sql,
            id: *id.as_bytes(),
            change: Changed::Merchant(id),
            end: move |raised| Revoked::Merchant(id, raised),
        };
        self.set_status(subject, status, now, act).await
    }

    async fn end_merchant_tokens(
        &self,
        id: MerchantId,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let subject = Subject {
            sql: "UPDATE merchants SET generation = generation + ?2 WHERE id = ?1 RETURNING generation",
            id: *id.as_bytes(),
            change: Changed::Merchant(id),
            end: move |raised| Revoked::Merchant(id, raised),
        };
        self.set_status(subject, Status::Disabled, now, act).await
    }

    async fn rename_merchant(
        &self,
        id: MerchantId,
        name: &str,
        only: Option<Version>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let (name, actor) = (name.to_owned(), act.actor().clone());
        self.act(act, move |connection| {
            let found = connection
                .prepare_cached(
                    "UPDATE merchants SET name = ?2, version = version + 1
                     WHERE id = ?1 AND (?3 IS NULL OR version = ?3)",
                )?
                .execute(params![id.as_bytes(), name, only.map(Version::number)])?;
            if found > 0 {
                changes::record(connection, Changed::Merchant(id), now, &actor)?;
            }
            Ok(found > 0)
        })
        .await
    }

    async fn delete_merchant(
        &self,
        id: MerchantId,
        only: Option<Version>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let actor = act.actor().clone();
        self.act(act, move |connection| {
            let found = connection
                .prepare_cached("SELECT 1 FROM merchants WHERE id = ?1 AND (?2 IS NULL OR version = ?2)")?
                .exists(params![id.as_bytes(), only.map(Version::number)])?;
            if !found {
                return Ok(false);
            }
            for sql in [
                "DELETE FROM secret_uses WHERE client_id IN (SELECT id FROM clients WHERE merchant_id = ?1)",
                "DELETE FROM secrets WHERE client_id IN (SELECT id FROM clients WHERE merchant_id = ?1)",
                "DELETE FROM clients WHERE merchant_id = ?1",
                "DELETE FROM documents WHERE merchant_id = ?1",
                "DELETE FROM idempotency_keys WHERE merchant_id = ?1",
                "DELETE FROM merchants WHERE id = ?1",
            ] {
                connection.prepare_cached(sql)?.execute([id.as_bytes()])?;
            }
            changes::record(connection, Changed::Merchant(id), now, &actor)?;
            changes::revoke(connection, Revoked::Merchant(id, Generation::END), now, &actor)?;
            Ok(true)
        })
        .await
    }
}

/// Adds a merchant, in the caller's transaction.
pub(crate) fn create(connection: &Connection, merchant: &Merchant, actor: &Actor) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO merchants (id, name, disabled, created_at, version) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            merchant.id.as_bytes(),
            merchant.name,
            merchant.status == Status::Disabled,
            merchant.created_at.millis(),
            merchant.version.number(),
        ])?;
    changes::record(connection, Changed::Merchant(merchant.id), merchant.created_at, actor)
}

fn merchant(row: &Row<'_>) -> Result<Merchant> {
    Ok(Merchant {
        id: MerchantId::from_bytes(row.get(0)?),
        name: row.get(1)?,
        status: status(row, 2)?,
        created_at: time(row, 3)?,
        version: version(row, 4)?,
    })
}
