//! When secrets were last used, and from where.

use async_trait::async_trait;
use tollgate_core::{ClientId, SecretId, Timestamp};
use tollgate_store::engine::{OTHER_SOURCES, SOURCES_TOLD_APART, gather_uses};
use tollgate_store::{SecretUse, SecretUses, StoreError, Uses};
use uuid::Uuid;

use crate::column::{column, id, id_bytes, millis, params, time, unsigned};
use crate::engine::Postgres;

/// Adds uses. Each counts for the secret as a whole, and for its source. Rows are written in a fixed order, so that two servers
/// never wait for each other's rows. All tables are joined by the client.
const NOTE: &str = "INSERT INTO secret_uses (client_id, secret_id, source, last_at)
     SELECT client_id, secret_id, told, max(at) FROM (
         SELECT s.client_id, s.id AS secret_id, g.at, unnest(ARRAY['', CASE
             WHEN u.source IS NOT NULL OR coalesce(c.sources, 0) < $6 THEN g.source ELSE $5 END]) AS told
         FROM secrets s
         JOIN unnest($1, $2, $3, $4) AS g(client_id, secret_id, source, at)
             ON g.client_id = s.client_id AND g.secret_id = s.id
         LEFT JOIN secret_uses u ON u.client_id = s.client_id AND u.secret_id = s.id AND u.source = g.source
         LEFT JOIN (
             SELECT client_id, secret_id, count(*) AS sources FROM secret_uses
             WHERE client_id = ANY($1) AND source NOT IN ('', $5) GROUP BY client_id, secret_id
         ) c ON c.client_id = s.client_id AND c.secret_id = s.id
     ) used
     GROUP BY client_id, secret_id, told ORDER BY client_id, secret_id, told
     ON CONFLICT (client_id, secret_id, source) DO UPDATE SET last_at = greatest(secret_uses.last_at, excluded.last_at)";

#[async_trait]
impl Uses for Postgres {
    async fn note_uses(&self, uses: &[SecretUse]) -> Result<(), StoreError> {
        let clients: Vec<Uuid> = uses.iter().map(|noted| id(noted.client.as_bytes())).collect();
        let secrets: Vec<Uuid> = uses.iter().map(|noted| id(noted.secret.as_bytes())).collect();
        let sources: Vec<&str> = uses.iter().map(|noted| noted.source.as_str()).collect();
        let times: Vec<i64> = uses.iter().map(|noted| millis(noted.at)).collect();
        self.write(
            NOTE,
            params![clients, secrets, sources, times, OTHER_SOURCES, i64::from(SOURCES_TOLD_APART)],
        )
        .await
        .map(drop)
    }

    async fn uses(&self, client: ClientId) -> Result<Vec<SecretUses>, StoreError> {
        let sql = "SELECT secret_id, source, last_at FROM secret_uses WHERE client_id = $1 ORDER BY secret_id, source";
        let rows = self.read(sql, params![id(client.as_bytes())]).await?;
        gather_uses(rows.iter().map(|row| {
            Ok::<_, StoreError>((SecretId::from_bytes(id_bytes(row, 0)?), column(row, 1)?, time(row, 2)?))
        }))
    }

    async fn last_uses(&self, clients: &[ClientId]) -> Result<Vec<(SecretId, Timestamp)>, StoreError> {
        let clients: Vec<Uuid> = clients.iter().map(|client| id(client.as_bytes())).collect();
        let sql = "SELECT secret_id, last_at FROM secret_uses WHERE client_id = ANY ($1) AND source = ''";
        let rows = self.read(sql, params![clients]).await?;
        rows.iter().map(|row| Ok((SecretId::from_bytes(id_bytes(row, 0)?), time(row, 1)?))).collect()
    }

    async fn forget_sources(&self, before: Timestamp) -> Result<u64, StoreError> {
        let sql = "WITH gone AS (
                       DELETE FROM secret_uses u WHERE last_at < $1 AND (source <> '' OR NOT EXISTS (
                           SELECT FROM secrets s WHERE s.client_id = u.client_id AND s.id = u.secret_id
                       )) RETURNING client_id
                   ) SELECT count(*) FROM gone";
        let rows = self.write(sql, params![millis(before)]).await?;
        rows.first().map_or(Ok(0), |row| unsigned(row, 0))
    }
}
