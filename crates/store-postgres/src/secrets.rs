//! The secrets of clients.

use tokio_postgres::Row;
use tollgate_core::{ClientId, SecretId, Timestamp};
use tollgate_keys::SecretHash;
use tollgate_store::{Act, Completed, Secret, StoreError};
use uuid::Uuid;

use crate::changes::{By, kept, recorded};
use crate::column::{array, column, id, millis, optional_parsed, optional_time, params, time};
use crate::engine::Postgres;
use crate::keyed::{Key, completed, create_keyed, held, kept_answer, keyed_params, may_create};
use crate::pool::Statement;

/// A secret that is to be added to a client.
pub(crate) struct NewSecret<'a> {
    pub(crate) client: ClientId,
    pub(crate) secret: &'a Secret,
    pub(crate) others_expire_at: Option<Timestamp>,
}

/// Adds a secret, and keeps the answer under the key of the request if it has one.
pub(crate) async fn add_secret(
    store: &Postgres,
    NewSecret { client, secret, others_expire_at }: NewSecret<'_>,
    key: &Key<'_>,
    now: Timestamp,
    act: &Act,
) -> Result<Completed, StoreError> {
    let (client, by) = (id(client.as_bytes()), By::of(act.actor()));
    // If two secrets are added at once, the second makes the first expire.
    let lock =
        Statement { sql: "SELECT id FROM clients WHERE id = $1 FOR NO KEY UPDATE", params: params![client] };
    create_keyed(
        store,
        act,
        key,
        Some(lock),
        recorded!(
            concat!(
                held!(),
                "expiring AS (
                         UPDATE secrets SET expires_at = least(expires_at, $17)
                         WHERE client_id = $11 AND revoked_at IS NULL AND $17 IS NOT NULL AND ",
                may_create!(),
                "), done AS (
                         INSERT INTO secrets (client_id, id, hash, created_at, expires_at, revoked_at, slow_hash)
                         SELECT id, $12, $13, $14, $15, $16, $22 FROM clients WHERE id = $11 AND ",
                may_create!(),
                " RETURNING client_id
                     )",
                kept_answer!()
            ),
            "SELECT 1, 'client', client_id, NULL::bigint, $18, false FROM done",
            "$19, $20, $21",
            completed!()
        ),
        keyed_params![key;
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
            secret.slow_hash.as_ref().map(ToString::to_string),
        ],
    )
    .await
}

/// Removes the slow hash of a secret. Returns `false` if the client has no such secret that is valid and has a slow hash.
pub(crate) async fn rehash_secret(
    store: &Postgres,
    client: ClientId,
    secret: SecretId,
    hash: &SecretHash,
    now: Timestamp,
    act: &Act,
) -> Result<bool, StoreError> {
    let by = By::of(act.actor());
    let done = store
        .write_by(
            act,
            recorded!(
                "done AS (
                     UPDATE secrets SET hash = $3, slow_hash = NULL
                     WHERE client_id = $1 AND id = $2 AND slow_hash IS NOT NULL AND revoked_at IS NULL
                     RETURNING client_id
                 )",
                "SELECT 1, 'client', client_id, NULL::bigint, $4, false FROM done",
                "$5, $6, $7",
                "SELECT FROM done"
            ),
            params![
                id(client.as_bytes()),
                id(secret.as_bytes()),
                hash.as_bytes().as_slice(),
                kept(now),
                by.who(),
                by.from(),
                by.why(),
            ],
        )
        .await?;
    Ok(!done.is_empty())
}

/// Reads the secret from a row of a client's `select!`, if the client has one.
pub(crate) fn secret(row: &Row) -> Result<Option<Secret>, StoreError> {
    let Some(id) = column::<Option<Uuid>>(row, 12)? else { return Ok(None) };
    Ok(Some(Secret {
        id: SecretId::from_bytes(id.into_bytes()),
        hash: SecretHash::from_bytes(array(row, 13)?),
        created_at: time(row, 14)?,
        expires_at: optional_time(row, 15)?,
        revoked_at: optional_time(row, 16)?,
        slow_hash: optional_parsed(row, 22)?,
    }))
}
