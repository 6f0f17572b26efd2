//! Clients and their secrets.

use async_trait::async_trait;
use tokio_postgres::Row;
use tollgate_core::{ClientId, Generation, MerchantId, Scope, SecretHash, SecretId, Timestamp};
use uuid::Uuid;

use super::changes::{By, kept, outlasts, recorded};
use super::column::{
    Param, array, column, generation, id, id_bytes, millis, never_written, number, optional_time, params,
    parsed, status, text, time,
};
use super::engine::Postgres;
use super::status::set_status;
use crate::clients::{audiences, audiences_text, gather, networks, networks_text};
use crate::{Act, Client, ClientUpdate, Clients, Secret, Status, StoreError};

/// Selects from `clients`, or a part of it: a row for each secret, or one row if there is none.
macro_rules! select {
    ($clients:literal) => {
        concat!(
            "SELECT c.id, c.merchant_id, c.name, c.environment, c.scope, c.addresses, c.audiences, c.disabled, m.disabled,
                    c.generation, coalesce(m.generation, 0), c.created_at,
                    s.id, s.hash, s.created_at, s.expires_at, s.revoked_at
             FROM ",
            $clients,
            " c LEFT JOIN merchants m ON m.id = c.merchant_id LEFT JOIN secrets s ON s.client_id = c.id ORDER BY c.id"
        )
    };
}

#[async_trait]
impl Clients for Postgres {
    async fn create_client(&self, client: &Client, act: &Act) -> Result<bool, StoreError> {
        create(self, client, act).await
    }

    async fn client(&self, client: ClientId) -> Result<Option<Client>, StoreError> {
        let sql = select!("(SELECT * FROM clients WHERE id = $1)");
        Ok(query(self, sql, params![id(client.as_bytes())]).await?.into_iter().next())
    }

    async fn clients(
        &self,
        merchant: Option<MerchantId>,
        after: Option<ClientId>,
        limit: u32,
    ) -> Result<Vec<Client>, StoreError> {
        let after = after.map(|after| id(after.as_bytes()));
        match merchant {
            None => {
                let sql = select!("(SELECT * FROM clients WHERE $1 IS NULL OR id > $1 ORDER BY id LIMIT $2)");
                query(self, sql, params![after, i64::from(limit)]).await
            }
            Some(merchant) => {
                let sql = select!(
                    "(SELECT * FROM clients WHERE merchant_id = $3 AND ($1 IS NULL OR id > $1) ORDER BY id LIMIT $2)"
                );
                query(self, sql, params![after, i64::from(limit), id(merchant.as_bytes())]).await
            }
        }
    }

    async fn client_ids(&self, after: Option<ClientId>, limit: u32) -> Result<Vec<ClientId>, StoreError> {
        let sql = "SELECT id FROM clients WHERE $1 IS NULL OR id > $1 ORDER BY id LIMIT $2";
        let after = after.map(|after| id(after.as_bytes()));
        let rows = self.read(sql, params![after, i64::from(limit)]).await?;
        rows.iter().map(|row| id_bytes(row, 0).map(ClientId::from_bytes)).collect()
    }

    async fn set_client_status(
        &self,
        client: ClientId,
        status: Status,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        self.set_status(set_status!("clients", "client"), id(client.as_bytes()), status, now, act).await
    }

    async fn update_client(
        &self,
        client: ClientId,
        update: &ClientUpdate,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let by = By::of(act.actor());
        let done = self
            .write_by(
                act,
                recorded!(
                    "done AS (
                         UPDATE clients SET name = coalesce($2, name), scope = coalesce($3, scope),
                             addresses = coalesce($4, addresses), audiences = coalesce($5, audiences)
                         WHERE id = $1 RETURNING id
                     )",
                    "SELECT 1, 'client', id, NULL::bigint, $6, false FROM done",
                    "$7, $8, $9",
                    "SELECT FROM done"
                ),
                params![
                    id(client.as_bytes()),
                    update.name.as_deref().map(str::as_bytes),
                    update.scope.as_ref().map(Scope::as_str),
                    update.addresses.as_deref().map(networks_text),
                    update.audiences.as_deref().map(audiences_text),
                    kept(now),
                    by.who(),
                    by.from(),
                    by.why(),
                ],
            )
            .await?;
        Ok(!done.is_empty())
    }

    async fn delete_client(&self, client: ClientId, now: Timestamp, act: &Act) -> Result<bool, StoreError> {
        let by = By::of(act.actor());
        let done = self
            .write_locked_by(
                act,
                // Waits for a secret that is being added, so that it is deleted as well.
                ("SELECT id FROM clients WHERE id = $1 FOR UPDATE", params![id(client.as_bytes())]),
                recorded!(
                    "done AS (DELETE FROM clients WHERE id = $1 RETURNING id),
                     secret AS (DELETE FROM secrets WHERE client_id = $1),
                     used AS (DELETE FROM secret_uses WHERE client_id = $1)",
                    "SELECT 1, 'client', id, NULL::bigint, $2, false FROM done
                     UNION ALL SELECT 2, 'client revoked', id, $3, $4, true FROM done",
                    "$5, $6, $7",
                    "SELECT FROM done"
                ),
                params![
                    id(client.as_bytes()),
                    kept(now),
                    number(Generation::END.number()),
                    outlasts(now),
                    by.who(),
                    by.from(),
                    by.why(),
                ],
            )
            .await?;
        Ok(!done.is_empty())
    }

    async fn add_secret(
        &self,
        client: ClientId,
        secret: &Secret,
        others_expire_at: Option<Timestamp>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let (client, by) = (id(client.as_bytes()), By::of(act.actor()));
        let done = self
            .write_locked_by(
                act,
                // Of two secrets that are added at once, the second lets the first expire.
                ("SELECT id FROM clients WHERE id = $1 FOR NO KEY UPDATE", params![client]),
                recorded!(
                    "expiring AS (
                         UPDATE secrets SET expires_at = least(expires_at, $7)
                         WHERE client_id = $1 AND revoked_at IS NULL AND $7 IS NOT NULL
                     ), done AS (
                         INSERT INTO secrets (client_id, id, hash, created_at, expires_at, revoked_at)
                         SELECT id, $2, $3, $4, $5, $6 FROM clients WHERE id = $1
                         RETURNING client_id
                     )",
                    "SELECT 1, 'client', client_id, NULL::bigint, $8, false FROM done",
                    "$9, $10, $11",
                    "SELECT FROM done"
                ),
                params![
                    client,
                    id(secret.id.as_bytes()),
                    secret.hash.as_bytes().as_slice(),
                    millis(secret.created_at),
                    secret.expires_at.map(millis),
                    secret.revoked_at.map(millis),
                    others_expire_at.map(millis),
                    kept(now),
                    by.who(),
                    by.from(),
                    by.why(),
                ],
            )
            .await?;
        Ok(!done.is_empty())
    }

    async fn revoke_secret(
        &self,
        client: ClientId,
        secret: SecretId,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let by = By::of(act.actor());
        let found = self
            .write_by(
                act,
                recorded!(
                    "done AS (
                         UPDATE secrets SET revoked_at = $3
                         WHERE client_id = $1 AND id = $2 AND revoked_at IS NULL
                         RETURNING client_id, id
                     )",
                    "SELECT 1, 'client', client_id, NULL::bigint, $4, false FROM done
                     UNION ALL SELECT 2, 'secret revoked', id, 0, $5, true FROM done",
                    "$6, $7, $8",
                    "SELECT FROM secrets WHERE client_id = $1 AND id = $2"
                ),
                params![
                    id(client.as_bytes()),
                    id(secret.as_bytes()),
                    millis(now),
                    kept(now),
                    outlasts(now),
                    by.who(),
                    by.from(),
                    by.why(),
                ],
            )
            .await?;
        Ok(!found.is_empty())
    }
}

async fn create(store: &Postgres, client: &Client, act: &Act) -> Result<bool, StoreError> {
    let (secrets, by) = (&client.secrets, By::of(act.actor()));
    let done = store
        .write_by(
            act,
            recorded!(
                "done AS (
                     INSERT INTO clients
                         (id, merchant_id, name, environment, scope, addresses, audiences, disabled, generation,
                          created_at)
                     SELECT $1, $2, $3, $4, $5, $6, $19, $7, $8, $9
                     WHERE $2 IS NULL OR EXISTS (SELECT FROM merchants WHERE id = $2)
                     RETURNING id
                 ), secret AS (
                     INSERT INTO secrets (client_id, id, hash, created_at, expires_at, revoked_at)
                     SELECT done.id, s.* FROM done, unnest($11, $12, $13, $14, $15) s
                 )",
                // A server may have cached that it does not exist.
                "SELECT 1, 'client', id, NULL::bigint, $10, false FROM done",
                "$16, $17, $18",
                "SELECT FROM done"
            ),
            params![
                id(client.id.as_bytes()),
                client.merchant_id.as_ref().map(|merchant| id(merchant.as_bytes())),
                client.name.as_bytes(),
                client.environment.as_str(),
                client.scope.as_str(),
                networks_text(&client.addresses),
                client.status == Status::Disabled,
                number(client.generation.number()),
                millis(client.created_at),
                kept(client.created_at),
                secrets.iter().map(|secret| id(secret.id.as_bytes())).collect::<Vec<Uuid>>(),
                secrets.iter().map(|secret| secret.hash.as_bytes().as_slice()).collect::<Vec<&[u8]>>(),
                secrets.iter().map(|secret| millis(secret.created_at)).collect::<Vec<i64>>(),
                secrets.iter().map(|secret| secret.expires_at.map(millis)).collect::<Vec<Option<i64>>>(),
                secrets.iter().map(|secret| secret.revoked_at.map(millis)).collect::<Vec<Option<i64>>>(),
                by.who(),
                by.from(),
                by.why(),
                audiences_text(&client.audiences),
            ],
        )
        .await?;
    Ok(!done.is_empty())
}

/// Runs a `select!`.
async fn query(store: &Postgres, sql: &str, params: &[Param<'_>]) -> Result<Vec<Client>, StoreError> {
    gather(store.read(sql, params).await?.iter().map(|row| Ok((client(row)?, secret(row)?))))
}

fn client(row: &Row) -> Result<Client, StoreError> {
    let merchant: Option<Uuid> = column(row, 1)?;
    Ok(Client {
        id: ClientId::from_bytes(id_bytes(row, 0)?),
        merchant_id: merchant.map(|merchant| MerchantId::from_bytes(merchant.into_bytes())),
        name: text(row, 2)?,
        environment: parsed(row, 3)?,
        scope: parsed(row, 4)?,
        addresses: networks(column(row, 5)?).map_err(|_| never_written())?,
        audiences: audiences(column(row, 6)?).map_err(|_| never_written())?,
        status: status(row, 7)?,
        merchant_status: status(row, 8)?,
        generation: generation(row, 9)?,
        merchant_generation: generation(row, 10)?,
        created_at: time(row, 11)?,
        secrets: Vec::new(),
    })
}

fn secret(row: &Row) -> Result<Option<Secret>, StoreError> {
    let Some(id) = column::<Option<Uuid>>(row, 12)? else { return Ok(None) };
    Ok(Some(Secret {
        id: SecretId::from_bytes(id.into_bytes()),
        hash: SecretHash::from_bytes(array(row, 13)?),
        created_at: time(row, 14)?,
        expires_at: optional_time(row, 15)?,
        revoked_at: optional_time(row, 16)?,
    }))
}
