//! Clients and their secrets.

use rusqlite::{Connection, OptionalExtension, Params, Result, Row, params, types};
use tollgate_core::{ClientId, Generation, MerchantId, Revoked, SecretHash, SecretId, Timestamp};

use super::changes;
use super::column::{generation, optional_time, parsed, status, time};
use crate::{Changed, Client, Secret, Status};

pub(super) fn create(connection: &Connection, client: &Client) -> Result<bool> {
    if let Some(merchant) = client.merchant_id
        && !connection
            .prepare_cached("SELECT 1 FROM merchants WHERE id = ?1")?
            .exists([merchant.as_bytes()])?
    {
        return Ok(false);
    }
    let addresses: Vec<String> = client.addresses.iter().map(ToString::to_string).collect();
    connection
        .prepare_cached(
            "INSERT INTO clients
                 (id, merchant_id, name, environment, scope, addresses, disabled, generation, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            client.id.as_bytes(),
            client.merchant_id.as_ref().map(MerchantId::as_bytes),
            client.name,
            client.environment.as_str(),
            client.scope.as_str(),
            addresses.join(" "),
            client.status == Status::Disabled,
            client.generation.number(),
            client.created_at.millis(),
        ])?;
    for secret in &client.secrets {
        insert_secret(connection, client.id, secret)?;
    }
    // It may be known as absent.
    changes::record(connection, Changed::Client(client.id), client.created_at)?;
    Ok(true)
}

/// Selects from `clients`, or a part of it: a row for each secret, or one row if there is none.
macro_rules! select {
    ($clients:literal) => {
        concat!(
            "SELECT c.id, c.merchant_id, c.name, c.environment, c.scope, c.addresses, c.disabled, m.disabled,
                    c.generation, ifnull(m.generation, 0), c.created_at,
                    s.id, s.hash, s.created_at, s.expires_at, s.revoked_at
             FROM ",
            $clients,
            " c LEFT JOIN merchants m ON m.id = c.merchant_id LEFT JOIN secrets s ON s.client_id = c.id ORDER BY c.id"
        )
    };
}

pub(super) fn one(connection: &Connection, id: ClientId) -> Result<Option<Client>> {
    let found = query(connection, select!("(SELECT * FROM clients WHERE id = ?1)"), [id.as_bytes()])?;
    Ok(found.into_iter().next())
}

pub(super) fn page(
    connection: &Connection,
    merchant: Option<MerchantId>,
    after: Option<ClientId>,
    limit: u32,
) -> Result<Vec<Client>> {
    // No id is as small as the empty blob.
    let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
    match merchant {
        None => query(
            connection,
            select!("(SELECT * FROM clients WHERE id > ?1 ORDER BY id LIMIT ?2)"),
            params![after, limit],
        ),
        Some(merchant) => query(
            connection,
            select!("(SELECT * FROM clients WHERE merchant_id = ?3 AND id > ?1 ORDER BY id LIMIT ?2)"),
            params![after, limit, merchant.as_bytes()],
        ),
    }
}

pub(super) fn ids(connection: &Connection, after: Option<ClientId>, limit: u32) -> Result<Vec<ClientId>> {
    let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
    connection
        .prepare_cached("SELECT id FROM clients WHERE id > ?1 ORDER BY id LIMIT ?2")?
        .query_map(params![after, limit], |row| row.get(0).map(ClientId::from_bytes))?
        .collect()
}

pub(super) fn set_status(
    connection: &Connection,
    id: ClientId,
    status: Status,
    now: Timestamp,
) -> Result<bool> {
    let disabled = status == Status::Disabled;
    let raised = connection
        .prepare_cached("UPDATE clients SET disabled = ?2, generation = generation + ?2 WHERE id = ?1 RETURNING generation")?
        .query_one(params![id.as_bytes(), disabled], |row| generation(row, 0))
        .optional()?;
    let Some(raised) = raised else { return Ok(false) };
    changes::record(connection, Changed::Client(id), now)?;
    if disabled {
        changes::revoke(connection, Revoked::Client(id, raised), now)?;
    }
    Ok(true)
}

pub(super) fn delete(connection: &Connection, id: ClientId, now: Timestamp) -> Result<bool> {
    connection.prepare_cached("DELETE FROM secrets WHERE client_id = ?1")?.execute([id.as_bytes()])?;
    let found = connection.prepare_cached("DELETE FROM clients WHERE id = ?1")?.execute([id.as_bytes()])?;
    if found == 0 {
        return Ok(false);
    }
    changes::record(connection, Changed::Client(id), now)?;
    changes::revoke(connection, Revoked::Client(id, Generation::END), now)?;
    Ok(true)
}

pub(super) fn add_secret(
    connection: &Connection,
    client: ClientId,
    secret: &Secret,
    others_expire_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool> {
    if !connection.prepare_cached("SELECT 1 FROM clients WHERE id = ?1")?.exists([client.as_bytes()])? {
        return Ok(false);
    }
    if let Some(at) = others_expire_at {
        connection
            .prepare_cached(
                "UPDATE secrets SET expires_at = min(ifnull(expires_at, ?2), ?2)
                 WHERE client_id = ?1 AND revoked_at IS NULL",
            )?
            .execute(params![client.as_bytes(), at.millis()])?;
    }
    insert_secret(connection, client, secret)?;
    changes::record(connection, Changed::Client(client), now)?;
    Ok(true)
}

pub(super) fn revoke_secret(
    connection: &Connection,
    client: ClientId,
    secret: SecretId,
    now: Timestamp,
) -> Result<bool> {
    let revoked = connection
        .prepare_cached(
            "UPDATE secrets SET revoked_at = ?3 WHERE client_id = ?1 AND id = ?2 AND revoked_at IS NULL",
        )?
        .execute(params![client.as_bytes(), secret.as_bytes(), now.millis()])?;
    if revoked == 0 {
        return connection
            .prepare_cached("SELECT 1 FROM secrets WHERE client_id = ?1 AND id = ?2")?
            .exists([client.as_bytes(), secret.as_bytes()]);
    }
    changes::record(connection, Changed::Client(client), now)?;
    changes::revoke(connection, Revoked::Secret(secret), now)?;
    Ok(true)
}

fn insert_secret(connection: &Connection, client: ClientId, secret: &Secret) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO secrets (client_id, id, hash, created_at, expires_at, revoked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            client.as_bytes(),
            secret.id.as_bytes(),
            secret.hash.as_bytes(),
            secret.created_at.millis(),
            secret.expires_at.map(Timestamp::millis),
            secret.revoked_at.map(Timestamp::millis),
        ])
        .map(drop)
}

/// Runs a `select!` and gathers each client's rows, which follow each other.
fn query(connection: &Connection, sql: &str, params: impl Params) -> Result<Vec<Client>> {
    let mut clients: Vec<Client> = Vec::new();
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        let id = ClientId::from_bytes(row.get(0)?);
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

fn client(id: ClientId, row: &Row<'_>) -> Result<Client> {
    let addresses = row.get_ref(5)?.as_str()?;
    Ok(Client {
        id,
        merchant_id: row.get::<_, Option<_>>(1)?.map(MerchantId::from_bytes),
        name: row.get(2)?,
        environment: parsed(row, 3)?,
        scope: parsed(row, 4)?,
        addresses: addresses
            .split_ascii_whitespace()
            .map(str::parse)
            .collect::<std::result::Result<_, _>>()
            .map_err(types::FromSqlError::other)?,
        status: status(row, 6)?,
        merchant_status: status(row, 7)?,
        generation: generation(row, 8)?,
        merchant_generation: generation(row, 9)?,
        created_at: time(row, 10)?,
        secrets: Vec::new(),
    })
}

fn secret(row: &Row<'_>) -> Result<Option<Secret>> {
    let Some(id) = row.get::<_, Option<_>>(11)?.map(SecretId::from_bytes) else { return Ok(None) };
    Ok(Some(Secret {
        id,
        hash: SecretHash::from_bytes(row.get(12)?),
        created_at: time(row, 13)?,
        expires_at: optional_time(row, 14)?,
        revoked_at: optional_time(row, 15)?,
    }))
}
