//! The documents of merchants.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use tollgate_core::{Environment, MerchantId, Timestamp};
use tollgate_store::{Document, Documents, StoreError};

use crate::column::{optional_time, parsed, time};
use crate::engine::Sqlite;
use crate::writer::Durability;

#[async_trait]
impl Documents for Sqlite {
    async fn add_document(&self, document: &Document) -> Result<(), StoreError> {
        let document = document.clone();
        self.write(Durability::Power, move |connection| add(connection, &document)).await
    }

    async fn document(&self, kind: &'static str, id: [u8; 16]) -> Result<Option<Document>, StoreError> {
        self.read(move |connection| one(connection, kind, id)).await
    }

    async fn documents(
        &self,
        kind: &'static str,
        merchant: MerchantId,
        environment: Environment,
        after: Option<(Timestamp, [u8; 16])>,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        self.read(move |connection| {
            let (time, id) = after.unwrap_or((Timestamp::MAX, [0xff; 16]));
            connection
                .prepare_cached(
                    "SELECT id, merchant_id, environment, body, state, created_at, expires_at, changed_at
                     FROM documents
                     WHERE merchant_id = ?1 AND environment = ?2 AND kind = ?3 AND (created_at, id) < (?4, ?5)
                     ORDER BY created_at DESC, id DESC LIMIT ?6",
                )?
                .query_map(
                    params![merchant.as_bytes(), environment.as_str(), kind, time.millis(), id, limit],
                    |row| document(kind, row),
                )?
                .collect()
        })
        .await
    }

    async fn change_document(
        &self,
        kind: &'static str,
        id: [u8; 16],
        from: &str,
        to: &str,
        now: Timestamp,
    ) -> Result<Option<Document>, StoreError> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.write(Durability::Power, move |connection| {
            connection
                .prepare_cached(
                    "UPDATE documents SET state = ?4, changed_at = ?5
                     WHERE id = ?1 AND kind = ?2 AND state = ?3 AND expires_at > ?5",
                )?
                .execute(params![id, kind, from, to, now.millis()])?;
            one(connection, kind, id)
        })
        .await
    }
}

/// Adds a document, in the caller's transaction.
pub(crate) fn add(connection: &Connection, document: &Document) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO documents
                 (kind, id, merchant_id, environment, body, state, created_at, expires_at, changed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            document.kind,
            document.id,
            document.merchant_id.as_bytes(),
            document.environment.as_str(),
            document.body,
            document.state,
            document.created_at.millis(),
            document.expires_at.millis(),
            document.changed_at.map(Timestamp::millis),
        ])
        .map(drop)
}

fn one(connection: &Connection, kind: &'static str, id: [u8; 16]) -> Result<Option<Document>> {
    connection
        .prepare_cached(
            "SELECT id, merchant_id, environment, body, state, created_at, expires_at, changed_at
             FROM documents WHERE id = ?1 AND kind = ?2",
        )?
        .query_one(params![id, kind], |row| document(kind, row))
        .optional()
}

fn document(kind: &'static str, row: &Row<'_>) -> Result<Document> {
    Ok(Document {
        kind,
        id: row.get(0)?,
        merchant_id: MerchantId::from_bytes(row.get(1)?),
        environment: parsed(row, 2)?,
        body: row.get(3)?,
        state: row.get(4)?,
        created_at: time(row, 5)?,
        expires_at: time(row, 6)?,
        changed_at: optional_time(row, 7)?,
    })
}
