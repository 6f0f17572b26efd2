//! The secrets of clients: functions that run in the caller's transaction.

use rusqlite::{Connection, Result, Row, params};
use tollgate_core::{ClientId, Revoked, SecretId, Timestamp};
use tollgate_keys::SecretHash;
use tollgate_store::{Actor, Changed, Secret};

use crate::changes;
use crate::column::{optional_parsed, optional_time, time};

/// Adds a secret. Returns `false` if there is no such client.
pub(crate) fn add_secret(
    connection: &Connection,
    client: ClientId,
    secret: &Secret,
    others_expire_at: Option<Timestamp>,
    now: Timestamp,
    actor: &Actor,
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
    changes::record(connection, Changed::Client(client), now, actor)?;
    Ok(true)
}

/// Adds the row of a secret.
pub(crate) fn insert_secret(connection: &Connection, client: ClientId, secret: &Secret) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO secrets (client_id, id, hash, created_at, expires_at, revoked_at, slow_hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            client.as_bytes(),
            secret.id.as_bytes(),
            secret.hash.as_bytes(),
            secret.created_at.millis(),
            secret.expires_at.map(Timestamp::millis),
            secret.revoked_at.map(Timestamp::millis),
            secret.slow_hash.as_ref().map(ToString::to_string),
        ])
        .map(drop)
}

/// Revokes a secret. Returns `false` if the client has no such secret.
pub(crate) fn revoke_secret(
    connection: &Connection,
    client: ClientId,
    secret: SecretId,
    now: Timestamp,
    actor: &Actor,
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
    changes::record(connection, Changed::Client(client), now, actor)?;
    changes::revoke(connection, Revoked::Secret(secret), now, actor)?;
    Ok(true)
}

/// Removes the slow hash of a secret. Returns `false` if the client has no such secret that is valid and has a slow hash.
pub(crate) fn rehash_secret(
    connection: &Connection,
    client: ClientId,
    secret: SecretId,
    hash: &SecretHash,
    now: Timestamp,
    actor: &Actor,
) -> Result<bool> {
    let rehashed = connection
        .prepare_cached(
            "UPDATE secrets SET hash = ?3, slow_hash = NULL
             WHERE client_id = ?1 AND id = ?2 AND slow_hash IS NOT NULL AND revoked_at IS NULL",
        )?
        .execute(params![client.as_bytes(), secret.as_bytes(), hash.as_bytes()])?;
    if rehashed > 0 {
        changes::record(connection, Changed::Client(client), now, actor)?;
    }
    Ok(rehashed > 0)
}

/// Reads the secret from a row of a client's `select!`, if the client has one.
pub(crate) fn secret(row: &Row<'_>) -> Result<Option<Secret>> {
    let Some(id) = row.get::<_, Option<_>>(12)?.map(SecretId::from_bytes) else { return Ok(None) };
    Ok(Some(Secret {
        id,
        hash: SecretHash::from_bytes(row.get(13)?),
        created_at: time(row, 14)?,
        expires_at: optional_time(row, 15)?,
        revoked_at: optional_time(row, 16)?,
        slow_hash: optional_parsed(row, 22)?,
    }))
}
