//! Clients and their secrets.

use tokio_postgres::Row;
use tollgate_core::{ClientId, Generation, MerchantId, SecretHash, SecretId, Timestamp};
use uuid::Uuid;

use super::Postgres;
use super::changes::{kept, outlasts, recorded};
use super::column::{
    Param, array, column, generation, id, id_bytes, millis, never_written, number, optional_time, params,
    parsed, status, text, time,
};
use crate::{Client, Secret, Status, StoreError};

pub(super) async fn create(store: &Postgres, client: &Client) -> Result<bool, StoreError> {
    let addresses: Vec<String> = client.addresses.iter().map(ToString::to_string).collect();
    let secrets = &client.secrets;
    let done = store
        .write(
            recorded!(
                "done AS (
                     INSERT INTO clients
                         (id, merchant_id, name, environment, scope, addresses, disabled, generation, created_at)
                     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
                     WHERE $2 IS NULL OR EXISTS (SELECT FROM merchants WHERE id = $2)
                     RETURNING id
                 ), secret AS (
                     INSERT INTO secrets (client_id, id, hash, created_at, expires_at, revoked_at)
                     SELECT done.id, s.* FROM done, unnest($11, $12, $13, $14, $15) s
                 )",
                // It may be known as absent.
                "SELECT 1, 'client', id, NULL::bigint, $10, false FROM done",
                "SELECT FROM done"
            ),
            params![
                id(client.id.as_bytes()),
                client.merchant_id.as_ref().map(|merchant| id(merchant.as_bytes())),
                client.name.as_bytes(),
                client.environment.as_str(),
                client.scope.as_str(),
                addresses.join(" "),
                client.status == Status::Disabled,
                number(client.generation.number()),
                millis(client.created_at),
                kept(client.created_at),
                secrets.iter().map(|secret| id(secret.id.as_bytes())).collect::<Vec<Uuid>>(),
                secrets.iter().map(|secret| secret.hash.as_bytes().as_slice()).collect::<Vec<&[u8]>>(),
                secrets.iter().map(|secret| millis(secret.created_at)).collect::<Vec<i64>>(),
                secrets.iter().map(|secret| secret.expires_at.map(millis)).collect::<Vec<Option<i64>>>(),
                secrets.iter().map(|secret| secret.revoked_at.map(millis)).collect::<Vec<Option<i64>>>(),
            ],
        )
        .await?;
    Ok(!done.is_empty())
}

/// Selects from `clients`, or a part of it: a row for each secret, or one row if there is none.
macro_rules! select {
    ($clients:literal) => {
        concat!(
            "SELECT c.id, c.merchant_id, c.name, c.environment, c.scope, c.addresses, c.disabled, m.disabled,
                    c.generation, coalesce(m.generation, 0), c.created_at,
                    s.id, s.hash, s.created_at, s.expires_at, s.revoked_at
             FROM ",
            $clients,
            " c LEFT JOIN merchants m ON m.id = c.merchant_id LEFT JOIN secrets s ON s.client_id = c.id ORDER BY c.id"
        )
    };
}

pub(super) async fn one(store: &Postgres, client: ClientId) -> Result<Option<Client>, StoreError> {
    let sql = select!("(SELECT * FROM clients WHERE id = $1)");
    Ok(query(store, sql, params![id(client.as_bytes())]).await?.into_iter().next())
}

pub(super) async fn page(
    store: &Postgres,
    merchant: Option<MerchantId>,
    after: Option<ClientId>,
    limit: u32,
) -> Result<Vec<Client>, StoreError> {
    let after = after.map(|after| id(after.as_bytes()));
    match merchant {
        None => {
            let sql = select!("(SELECT * FROM clients WHERE $1 IS NULL OR id > $1 ORDER BY id LIMIT $2)");
            query(store, sql, params![after, i64::from(limit)]).await
        }
        Some(merchant) => {
            let sql = select!(
                "(SELECT * FROM clients WHERE merchant_id = $3 AND ($1 IS NULL OR id > $1) ORDER BY id LIMIT $2)"
            );
            query(store, sql, params![after, i64::from(limit), id(merchant.as_bytes())]).await
        }
    }
}

pub(super) async fn ids(
    store: &Postgres,
    after: Option<ClientId>,
    limit: u32,
) -> Result<Vec<ClientId>, StoreError> {
    let sql = "SELECT id FROM clients WHERE $1 IS NULL OR id > $1 ORDER BY id LIMIT $2";
    let after = after.map(|after| id(after.as_bytes()));
    let rows = store.read(sql, params![after, i64::from(limit)]).await?;
    rows.iter().map(|row| id_bytes(row, 0).map(ClientId::from_bytes)).collect()
}

pub(super) async fn set_status(
    store: &Postgres,
    client: ClientId,
    status: Status,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = store
        .write(
            recorded!(
                "done AS (
                     UPDATE clients SET disabled = $2, generation = generation + $2::integer
                     WHERE id = $1 RETURNING id, generation
                 )",
                "SELECT 1, 'client', id, NULL::bigint, $3, false FROM done
                 UNION ALL SELECT 2, 'client revoked', id, generation, $4, true FROM done WHERE $2",
                "SELECT FROM done"
            ),
            params![id(client.as_bytes()), status == Status::Disabled, kept(now), outlasts(now)],
        )
        .await?;
    Ok(!done.is_empty())
}

pub(super) async fn delete(store: &Postgres, client: ClientId, now: Timestamp) -> Result<bool, StoreError> {
    let done = store
        .write_locked(
            // A secret that is being added is there by then, and goes as well.
            ("SELECT id FROM clients WHERE id = $1 FOR UPDATE", params![id(client.as_bytes())]),
            recorded!(
                "done AS (DELETE FROM clients WHERE id = $1 RETURNING id),
                 secret AS (DELETE FROM secrets WHERE client_id = $1)",
                "SELECT 1, 'client', id, NULL::bigint, $2, false FROM done
                 UNION ALL SELECT 2, 'client revoked', id, $3, $4, true FROM done",
                "SELECT FROM done"
            ),
            params![id(client.as_bytes()), kept(now), number(Generation::END.number()), outlasts(now)],
        )
        .await?;
    Ok(!done.is_empty())
}

pub(super) async fn add_secret(
    store: &Postgres,
    client: ClientId,
    secret: &Secret,
    others_expire_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let client = id(client.as_bytes());
    let done = store
        .write_locked(
            // Of two that are added at once, the second lets the first expire.
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
            ],
        )
        .await?;
    Ok(!done.is_empty())
}

pub(super) async fn revoke_secret(
    store: &Postgres,
    client: ClientId,
    secret: SecretId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found = store
        .write(
            recorded!(
                "done AS (
                     UPDATE secrets SET revoked_at = $3 WHERE client_id = $1 AND id = $2 AND revoked_at IS NULL
                     RETURNING client_id, id
                 )",
                "SELECT 1, 'client', client_id, NULL::bigint, $4, false FROM done
                 UNION ALL SELECT 2, 'secret revoked', id, 0, $5, true FROM done",
                "SELECT FROM secrets WHERE client_id = $1 AND id = $2"
            ),
            params![id(client.as_bytes()), id(secret.as_bytes()), millis(now), kept(now), outlasts(now)],
        )
        .await?;
    Ok(!found.is_empty())
}

/// Runs a `select!` and gathers each client's rows, which follow each other.
async fn query(store: &Postgres, sql: &str, params: &[Param<'_>]) -> Result<Vec<Client>, StoreError> {
    let mut clients: Vec<Client> = Vec::new();
    for row in &store.read(sql, params).await? {
        let id = ClientId::from_bytes(id_bytes(row, 0)?);
        if clients.last().is_none_or(|last| last.id != id) {
            clients.push(client(id, row)?);
        }
        let client = clients.last_mut().expect("one was added if there was none");
        client.secrets.extend(secret(row)?);
    }
    for client in &mut clients {
        client.secrets.sort_by_key(|secret| (secret.created_at, secret.id));
    }
    Ok(clients)
}

fn client(id: ClientId, row: &Row) -> Result<Client, StoreError> {
    let merchant: Option<Uuid> = column(row, 1)?;
    let addresses: &str = column(row, 5)?;
    Ok(Client {
        id,
        merchant_id: merchant.map(|merchant| MerchantId::from_bytes(merchant.into_bytes())),
        name: text(row, 2)?,
        environment: parsed(row, 3)?,
        scope: parsed(row, 4)?,
        addresses: addresses
            .split_ascii_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| never_written())?,
        status: status(row, 6)?,
        merchant_status: status(row, 7)?,
        generation: generation(row, 8)?,
        merchant_generation: generation(row, 9)?,
        created_at: time(row, 10)?,
        secrets: Vec::new(),
    })
}

fn secret(row: &Row) -> Result<Option<Secret>, StoreError> {
    let Some(id) = column::<Option<Uuid>>(row, 11)? else { return Ok(None) };
    Ok(Some(Secret {
        id: SecretId::from_bytes(id.into_bytes()),
        hash: SecretHash::from_bytes(array(row, 12)?),
        created_at: time(row, 13)?,
        expires_at: optional_time(row, 14)?,
        revoked_at: optional_time(row, 15)?,
    }))
}
