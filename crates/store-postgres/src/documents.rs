//! The documents of merchants.

use async_trait::async_trait;
use tokio_postgres::Row;
use tollgate_core::{Environment, MerchantId, Timestamp};
use tollgate_store::{Document, Documents, StoreError};

use crate::column::{column, id, id_bytes, millis, optional_time, params, parsed, text, time};
use crate::engine::{Postgres, last};
use crate::pool::Statement;

const ONE: &str = "SELECT id, merchant_id, environment, body, state, created_at, expires_at, changed_at
                   FROM documents WHERE id = $1 AND kind = $2";

#[async_trait]
impl Documents for Postgres {
    async fn add_document(&self, document: &Document) -> Result<(), StoreError> {
        self.write(
            "INSERT INTO documents
                 (kind, id, merchant_id, environment, body, state, created_at, expires_at, changed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            params![
                document.kind,
                id(&document.id),
                id(document.merchant_id.as_bytes()),
                document.environment.as_str(),
                document.body.as_bytes(),
                document.state.as_str(),
                millis(document.created_at),
                millis(document.expires_at),
                document.changed_at.map(millis),
            ],
        )
        .await
        .map(drop)
    }

    async fn document(&self, kind: &'static str, wanted: [u8; 16]) -> Result<Option<Document>, StoreError> {
        let row = self.read_one(ONE, params![id(&wanted), kind]).await?;
        row.map(|row| document(kind, &row)).transpose()
    }

    async fn documents(
        &self,
        kind: &'static str,
        merchant: MerchantId,
        environment: Environment,
        after: Option<(Timestamp, [u8; 16])>,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        let (time, last) = after.unwrap_or((Timestamp::MAX, [0xff; 16]));
        let rows = self
            .read(
                "SELECT id, merchant_id, environment, body, state, created_at, expires_at, changed_at
                 FROM documents
                 WHERE merchant_id = $1 AND environment = $2 AND kind = $3 AND (created_at, id) < ($4, $5)
                 ORDER BY created_at DESC, id DESC LIMIT $6",
                params![
                    id(merchant.as_bytes()),
                    environment.as_str(),
                    kind,
                    millis(time),
                    id(&last),
                    i64::from(limit),
                ],
            )
            .await?;
        rows.iter().map(|row| document(kind, row)).collect()
    }

    async fn change_document(
        &self,
        kind: &'static str,
        wanted: [u8; 16],
        from: &str,
        to: &str,
        now: Timestamp,
    ) -> Result<Option<Document>, StoreError> {
        let rows = self
            .write_all(&[
                Statement {
                    sql: "UPDATE documents SET state = $4, changed_at = $5
                          WHERE id = $1 AND kind = $2 AND state = $3 AND expires_at > $5",
                    params: params![id(&wanted), kind, from, to, millis(now)],
                },
                Statement { sql: ONE, params: params![id(&wanted), kind] },
            ])
            .await?;
        last(rows).first().map(|row| document(kind, row)).transpose()
    }
}

fn document(kind: &'static str, row: &Row) -> Result<Document, StoreError> {
    Ok(Document {
        kind,
        id: id_bytes(row, 0)?,
        merchant_id: MerchantId::from_bytes(id_bytes(row, 1)?),
        environment: parsed(row, 2)?,
        body: text(row, 3)?,
        state: column(row, 4)?,
        created_at: time(row, 5)?,
        expires_at: time(row, 6)?,
        changed_at: optional_time(row, 7)?,
    })
}
