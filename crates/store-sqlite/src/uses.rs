//! When secrets were last used, and from where.

use async_trait::async_trait;
use rusqlite::{Connection, Result, params};
use tollgate_core::{ClientId, SecretId, Timestamp};
use tollgate_store::engine::{OTHER_SOURCES, SOURCES_TOLD_APART, gather_uses};
use tollgate_store::{SecretUse, SecretUses, StoreError, Uses};

use crate::column::time;
use crate::engine::Sqlite;
use crate::writer::Durability;

#[async_trait]
impl Uses for Sqlite {
    async fn note_uses(&self, uses: &[SecretUse]) -> Result<(), StoreError> {
        let uses = uses.to_vec();
        self.write(Durability::Process, move |connection| {
            for SecretUse { client, secret, source, at } in &uses {
                note(connection, *client, *secret, "", *at)?;
                note(connection, *client, *secret, source, *at)?;
            }
            Ok(())
        })
        .await
    }

    async fn uses(&self, client: ClientId) -> Result<Vec<SecretUses>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT secret_id, source, last_at FROM secret_uses WHERE client_id = ?1 ORDER BY secret_id, source",
            )?;
            let rows = statement.query_map([client.as_bytes()], |row| {
                Ok((SecretId::from_bytes(row.get(0)?), row.get(1)?, time(row, 2)?))
            })?;
            gather_uses(rows)
        })
        .await
    }

    async fn last_uses(&self, clients: &[ClientId]) -> Result<Vec<(SecretId, Timestamp)>, StoreError> {
        let clients = clients.to_vec();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT secret_id, last_at FROM secret_uses WHERE client_id = ?1 AND source = ''",
            )?;
            let mut uses = Vec::new();
            for client in clients {
                let rows = statement.query_map([client.as_bytes()], |row| {
                    Ok((SecretId::from_bytes(row.get(0)?), time(row, 1)?))
                })?;
                for row in rows {
                    uses.push(row?);
                }
            }
            Ok(uses)
        })
        .await
    }

    async fn forget_sources(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write(Durability::Process, move |connection| {
            connection
                .prepare_cached(
                    "DELETE FROM secret_uses WHERE last_at < ?1 AND (source <> '' OR NOT EXISTS (
                         SELECT 1 FROM secrets s WHERE s.client_id = secret_uses.client_id AND s.id = secret_uses.secret_id
                     ))",
                )?
                .execute([before.millis()])
                .map(|rows| rows as u64)
        })
        .await
    }
}

fn note(
    connection: &Connection,
    client: ClientId,
    secret: SecretId,
    source: &str,
    at: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO secret_uses (client_id, secret_id, source, last_at)
             SELECT ?1, ?2, CASE WHEN ?3 = ''
                 OR EXISTS (SELECT 1 FROM secret_uses WHERE client_id = ?1 AND secret_id = ?2 AND source = ?3)
                 OR (SELECT count(*) FROM secret_uses
                     WHERE client_id = ?1 AND secret_id = ?2 AND source NOT IN ('', ?5)) < ?6
                 THEN ?3 ELSE ?5 END, ?4
             FROM secrets WHERE client_id = ?1 AND id = ?2
             ON CONFLICT (client_id, secret_id, source) DO UPDATE SET last_at = max(last_at, excluded.last_at)",
        )?
        .execute(params![client.as_bytes(), secret.as_bytes(), source, at.millis(), OTHER_SOURCES, SOURCES_TOLD_APART])
        .map(drop)
}
