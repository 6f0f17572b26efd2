//! Clients and their secrets.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Params, Result, Row, params, types};
use tollgate_core::{ClientId, Generation, MerchantId, Revoked, Scope, SecretId, Timestamp};
use tollgate_keys::SecretHash;
use tollgate_store::engine::{
    audiences_text, gather_clients, networks_text, parse_audiences, parse_networks,
};
use tollgate_store::{
    Act, Actor, Changed, Client, ClientUpdate, Clients, Secret, Status, StoreError, Terms, Version,
};

use crate::changes;
use crate::column::{generation, millis, optional_length, optional_parsed, parsed, status, time, version};
use crate::engine::Sqlite;
use crate::secrets::{add_secret, insert_secret, rehash_secret, revoke_secret, secret};
use crate::status::Subject;

/// Selects from `clients`, or a part of it: a row for each secret, or one row if there is none.
macro_rules! select {
    ($clients:literal) => {
        concat!(
            "SELECT c.id, c.merchant_id, c.name, c.environment, c.scope, c.addresses, c.audiences, c.disabled, m.disabled,
                    c.generation, ifnull(m.generation, 0), c.created_at,
                    s.id, s.hash, s.created_at, s.expires_at, s.revoked_at,
                    c.version, c.access_ttl, c.refresh_ttl, c.quota, c.labels, s.slow_hash
             FROM ",
            $clients,
            " c LEFT JOIN merchants m ON m.id = c.merchant_id LEFT JOIN secrets s ON s.client_id = c.id ORDER BY c.id"
        )
    };
}

#[async_trait]
impl Clients for Sqlite {
    async fn create_client(&self, client: &Client, act: &Act) -> Result<bool, StoreError> {
        self.create_clients(std::slice::from_ref(client), act).await
    }

    async fn create_clients(&self, clients: &[Client], act: &Act) -> Result<bool, StoreError> {
        let (clients, actor) = (clients.to_vec(), act.actor().clone());
        self.act(act, move |connection| {
            for client in &clients {
                if !has_merchant(connection, client)? {
                    return Ok(false);
                }
            }
            clients.iter().try_for_each(|client| insert(connection, client, &actor))?;
            Ok(true)
        })
        .await
    }

    async fn existing_clients(&self, ids: &[ClientId]) -> Result<Vec<ClientId>, StoreError> {
        let ids = ids.to_vec();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached("SELECT 1 FROM clients WHERE id = ?1")?;
            let mut existing = Vec::new();
            for id in ids {
                if statement.exists([id.as_bytes()])? {
                    existing.push(id);
                }
            }
            Ok(existing)
        })
        .await
    }

    async fn client(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        let sql = select!("(SELECT * FROM clients WHERE id = ?1)");
        self.read(move |connection| Ok(query(connection, sql, [id.as_bytes()])?.into_iter().next())).await
    }

    async fn clients(
        &self,
        merchant: Option<MerchantId>,
        after: Option<ClientId>,
        limit: u32,
    ) -> Result<Vec<Client>, StoreError> {
        self.read(move |connection| {
            // Every id is greater than the empty blob.
            let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
            match merchant {
                None => {
                    let sql = select!("(SELECT * FROM clients WHERE id > ?1 ORDER BY id LIMIT ?2)");
                    query(connection, sql, params![after, limit])
                }
                Some(merchant) => {
                    let sql = select!(
                        "(SELECT * FROM clients WHERE merchant_id = ?3 AND id > ?1 ORDER BY id LIMIT ?2)"
                    );
                    query(connection, sql, params![after, limit, merchant.as_bytes()])
                }
            }
        })
        .await
    }

    async fn client_ids(&self, after: Option<ClientId>, limit: u32) -> Result<Vec<ClientId>, StoreError> {
        self.read(move |connection| {
            let after = after.as_ref().map_or(&[][..], |id| id.as_bytes());
            connection
                .prepare_cached("SELECT id FROM clients WHERE id > ?1 ORDER BY id LIMIT ?2")?
                .query_map(params![after, limit], |row| row.get(0).map(ClientId::from_bytes))?
                .collect()
        })
        .await
    }

    async fn set_client_status(
        &self,
        id: ClientId,
        status: Status,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE clients SET disabled = ?2, generation = generation + ?2, version = version + 1 WHERE id = ?1
                   RETURNING generation";
        let subject = Subject {
            sql,
            id: *id.as_bytes(),
            change: Changed::Client(id),
            end: move |raised| Revoked::Client(id, raised),
        };
        self.set_status(subject, status, now, act).await
    }

    async fn end_client_tokens(&self, id: ClientId, now: Timestamp, act: &Act) -> Result<bool, StoreError> {
        let subject = Subject {
            sql: "UPDATE clients SET generation = generation + ?2 WHERE id = ?1 RETURNING generation",
            id: *id.as_bytes(),
            change: Changed::Client(id),
            end: move |raised| Revoked::Client(id, raised),
        };
        self.set_status(subject, Status::Disabled, now, act).await
    }

    async fn update_client(
        &self,
        id: ClientId,
        update: &ClientUpdate,
        only: Option<Version>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let (update, actor) = (update.clone(), act.actor().clone());
        self.act(act, move |connection| {
            let before = addresses_and_generation(connection, id)?;
            if update_row(connection, id, &update, only)? == 0 {
                return Ok(false);
            }
            changes::record(connection, Changed::Client(id), now, &actor)?;
            // Its tokens carry the networks that it had when they were issued.
            if let (Some((was, generation)), Some(addresses)) = (before, &update.addresses)
                && was != networks_text(addresses)
            {
                changes::revoke(connection, Revoked::Client(id, generation.next()), now, &actor)?;
            }
            Ok(true)
        })
        .await
    }

    async fn delete_client(
        &self,
        id: ClientId,
        only: Option<Version>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let actor = act.actor().clone();
        self.act(act, move |connection| {
            let found = connection
                .prepare_cached("SELECT 1 FROM clients WHERE id = ?1 AND (?2 IS NULL OR version = ?2)")?
                .exists(params![id.as_bytes(), only.map(Version::number)])?;
            if !found {
                return Ok(false);
            }
            for sql in [
                "DELETE FROM secret_uses WHERE client_id = ?1",
                "DELETE FROM secrets WHERE client_id = ?1",
                "DELETE FROM clients WHERE id = ?1",
            ] {
                connection.prepare_cached(sql)?.execute([id.as_bytes()])?;
            }
            changes::record(connection, Changed::Client(id), now, &actor)?;
            changes::revoke(connection, Revoked::Client(id, Generation::END), now, &actor)?;
            Ok(true)
        })
        .await
    }

    async fn add_secret(
        &self,
        client: ClientId,
        secret: &Secret,
        others_expire_at: Option<Timestamp>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let (secret, actor) = (secret.clone(), act.actor().clone());
        self.act(act, move |connection| {
            add_secret(connection, client, &secret, others_expire_at, now, &actor)
        })
        .await
    }

    async fn revoke_secret(
        &self,
        client: ClientId,
        secret: SecretId,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let actor = act.actor().clone();
        self.act(act, move |connection| revoke_secret(connection, client, secret, now, &actor)).await
    }

    async fn rehash_secret(
        &self,
        client: ClientId,
        secret: SecretId,
        hash: &SecretHash,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let (hash, actor) = (hash.clone(), act.actor().clone());
        self.act(act, move |connection| rehash_secret(connection, client, secret, &hash, now, &actor)).await
    }
}

/// Returns the networks of a client as its column holds them, and the generation of its tokens.
fn addresses_and_generation(connection: &Connection, id: ClientId) -> Result<Option<(String, Generation)>> {
    connection
        .prepare_cached("SELECT addresses, generation FROM clients WHERE id = ?1")?
        .query_one([id.as_bytes()], |row| Ok((row.get(0)?, generation(row, 1)?)))
        .optional()
}

/// Changes a client's row, and raises its generation if its networks change. Returns the number of rows that were changed.
fn update_row(
    connection: &Connection,
    id: ClientId,
    update: &ClientUpdate,
    only: Option<Version>,
) -> Result<usize> {
    let ClientUpdate { name, scope, addresses, audiences, access_ttl, refresh_ttl, quota, labels } = update;
    connection
        .prepare_cached(
            "UPDATE clients SET version = version + 1, name = ifnull(?3, name), scope = ifnull(?4, scope),
                 addresses = ifnull(?5, addresses), generation = generation + (ifnull(?5, addresses) <> addresses),
                 audiences = ifnull(?6, audiences),
                 access_ttl = iif(?7, ?8, access_ttl), refresh_ttl = iif(?9, ?10, refresh_ttl),
                 quota = iif(?11, ?12, quota), labels = ifnull(?13, labels)
             WHERE id = ?1 AND (?2 IS NULL OR version = ?2)",
        )?
        .execute(params![
            id.as_bytes(),
            only.map(Version::number),
            name,
            scope.as_ref().map(Scope::as_str),
            addresses.as_deref().map(networks_text),
            audiences.as_deref().map(audiences_text),
            access_ttl.is_some(),
            access_ttl.flatten().map(millis),
            refresh_ttl.is_some(),
            refresh_ttl.flatten().map(millis),
            quota.is_some(),
            quota.flatten().map(|quota| quota.to_string()),
            labels.as_ref().map(ToString::to_string),
        ])
}

/// Adds a client, in the caller's transaction. Returns `false` if its merchant does not exist.
pub(crate) fn create(connection: &Connection, client: &Client, actor: &Actor) -> Result<bool> {
    if !has_merchant(connection, client)? {
        return Ok(false);
    }
    insert(connection, client, actor)?;
    Ok(true)
}

/// Says whether the merchant of a client exists, if it names one.
fn has_merchant(connection: &Connection, client: &Client) -> Result<bool> {
    let Some(merchant) = client.merchant_id else { return Ok(true) };
    connection.prepare_cached("SELECT 1 FROM merchants WHERE id = ?1")?.exists([merchant.as_bytes()])
}

fn insert(connection: &Connection, client: &Client, actor: &Actor) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO clients
                 (id, merchant_id, name, environment, scope, addresses, audiences, disabled, generation, created_at,
                  version, access_ttl, refresh_ttl, quota, labels)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            client.id.as_bytes(),
            client.merchant_id.as_ref().map(MerchantId::as_bytes),
            client.name,
            client.environment.as_str(),
            client.scope.as_str(),
            networks_text(&client.addresses),
            audiences_text(&client.audiences),
            client.status == Status::Disabled,
            client.generation.number(),
            client.created_at.millis(),
            client.version.number(),
            client.terms.access_ttl.map(millis),
            client.terms.refresh_ttl.map(millis),
            client.terms.quota.map(|quota| quota.to_string()),
            client.terms.labels.to_string(),
        ])?;
    for secret in &client.secrets {
        insert_secret(connection, client.id, secret)?;
    }
    // A server may have cached that it does not exist.
    changes::record(connection, Changed::Client(client.id), client.created_at, actor)
}

/// Runs a statement made by `select!`, and gathers the clients.
fn query(connection: &Connection, sql: &str, params: impl Params) -> Result<Vec<Client>> {
    gather_clients(connection.prepare_cached(sql)?.query_map(params, |row| Ok((client(row)?, secret(row)?)))?)
}

fn client(row: &Row<'_>) -> Result<Client> {
    Ok(Client {
        id: ClientId::from_bytes(row.get(0)?),
        merchant_id: row.get::<_, Option<_>>(1)?.map(MerchantId::from_bytes),
        name: row.get(2)?,
        environment: parsed(row, 3)?,
        scope: parsed(row, 4)?,
        addresses: parse_networks(row.get_ref(5)?.as_str()?).map_err(types::FromSqlError::other)?,
        audiences: parse_audiences(row.get_ref(6)?.as_str()?).map_err(types::FromSqlError::other)?,
        status: status(row, 7)?,
        merchant_status: status(row, 8)?,
        generation: generation(row, 9)?,
        merchant_generation: generation(row, 10)?,
        created_at: time(row, 11)?,
        version: version(row, 17)?,
        terms: Terms {
            access_ttl: optional_length(row, 18)?,
            refresh_ttl: optional_length(row, 19)?,
            quota: optional_parsed(row, 20)?,
            labels: parsed(row, 21)?,
        },
        secrets: Vec::new(),
    })
}
