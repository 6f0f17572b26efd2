//! Clients and their secrets.

use async_trait::async_trait;
use tokio_postgres::Row;
use tollgate_core::{ClientId, Generation, MerchantId, Scope, SecretId, Timestamp};
use tollgate_keys::SecretHash;
use tollgate_store::engine::{
    audiences_text, gather_clients, networks_text, parse_audiences, parse_networks,
};
use tollgate_store::{
    Act, Client, ClientUpdate, Clients, Completed, Secret, Status, StoreError, Terms, Version,
};
use uuid::Uuid;

use crate::changes::{By, kept, outlasts, recorded};
use crate::column::{
    Param, column, generation, id, id_bytes, length, millis, never_written, number, optional_length,
    optional_parsed, params, parsed, status, text, time, version,
};
use crate::engine::Postgres;
use crate::keyed::{Key, completed, create_keyed, held, kept_answer, keyed_params, may_create};
use crate::secrets::{NewSecret, add_secret, rehash_secret, secret};
use crate::status::set_status;

/// Selects from `clients`, or a part of it: a row for each secret, or one row if there is none.
macro_rules! select {
    ($clients:literal) => {
        concat!(
            "SELECT c.id, c.merchant_id, c.name, c.environment, c.scope, c.addresses, c.audiences, c.disabled, m.disabled,
                    c.generation, coalesce(m.generation, 0), c.created_at,
                    s.id, s.hash, s.created_at, s.expires_at, s.revoked_at,
                    c.version, c.access_ttl, c.refresh_ttl, c.quota, c.labels, s.slow_hash
             FROM ",
            $clients,
            " c LEFT JOIN merchants m ON m.id = c.merchant_id LEFT JOIN secrets s ON s.client_id = c.id ORDER BY c.id"
        )
    };
}

#[async_trait]
impl Clients for Postgres {
    async fn create_client(&self, client: &Client, act: &Act) -> Result<bool, StoreError> {
        self.create_clients(std::slice::from_ref(client), act).await
    }

    async fn create_clients(&self, clients: &[Client], act: &Act) -> Result<bool, StoreError> {
        Ok(clients.is_empty() || create(self, clients, &Key::default(), act).await? == Completed::Created)
    }

    async fn existing_clients(&self, ids: &[ClientId]) -> Result<Vec<ClientId>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|client| id(client.as_bytes())).collect();
        let rows = self.read("SELECT id FROM clients WHERE id = ANY ($1)", params![ids]).await?;
        rows.iter().map(|row| id_bytes(row, 0).map(ClientId::from_bytes)).collect()
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
        let sql = set_status!("clients", "client", "disabled = $2, version = version + 1, ");
        self.set_status(sql, id(client.as_bytes()), status, now, act).await
    }

    async fn end_client_tokens(
        &self,
        client: ClientId,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let sql = set_status!("clients", "client", "");
        self.set_status(sql, id(client.as_bytes()), Status::Disabled, now, act).await
    }

    async fn update_client(
        &self,
        client: ClientId,
        update: &ClientUpdate,
        only: Option<Version>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let ClientUpdate { name, scope, addresses, audiences, access_ttl, refresh_ttl, quota, labels } =
            update;
        let by = By::of(act.actor());
        let done = self
            .write_locked_by(
                act,
                // Waits for other transactions that change the client, so that the networks that it has until now are known.
                ("SELECT id FROM clients WHERE id = $1 FOR UPDATE", params![id(client.as_bytes())]),
                recorded!(
                    "moved AS (SELECT id AS client FROM clients WHERE id = $1 AND addresses <> $5),
                     done AS (
                         UPDATE clients SET version = version + 1, name = coalesce($3, name),
                             scope = coalesce($4, scope), addresses = coalesce($5, addresses),
                             generation = generation + (coalesce($5, addresses) <> addresses)::integer,
                             audiences = coalesce($6, audiences),
                             access_ttl = CASE WHEN $7 THEN $8 ELSE access_ttl END,
                             refresh_ttl = CASE WHEN $9 THEN $10 ELSE refresh_ttl END,
                             quota = CASE WHEN $11 THEN $12 ELSE quota END, labels = coalesce($13, labels)
                         WHERE id = $1 AND ($2 IS NULL OR version = $2) RETURNING id, generation
                     )",
                    // Its tokens carry the networks that it had when they were issued.
                    "SELECT 1, 'client', id, NULL::bigint, $14, false FROM done
                     UNION ALL SELECT 2, 'client revoked', id, generation, $18, true FROM done
                     WHERE id IN (SELECT client FROM moved)",
                    "$15, $16, $17",
                    "SELECT FROM done"
                ),
                params![
                    id(client.as_bytes()),
                    only.map(|only| number(only.number())),
                    name.as_deref().map(str::as_bytes),
                    scope.as_ref().map(Scope::as_str),
                    addresses.as_deref().map(networks_text),
                    audiences.as_deref().map(audiences_text),
                    access_ttl.is_some(),
                    access_ttl.flatten().map(length),
                    refresh_ttl.is_some(),
                    refresh_ttl.flatten().map(length),
                    quota.is_some(),
                    quota.flatten().map(|quota| quota.to_string()),
                    labels.as_ref().map(ToString::to_string).as_deref().map(str::as_bytes),
                    kept(now),
                    by.who(),
                    by.from(),
                    by.why(),
                    outlasts(now),
                ],
            )
            .await?;
        Ok(!done.is_empty())
    }

    async fn delete_client(
        &self,
        client: ClientId,
        only: Option<Version>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let by = By::of(act.actor());
        let done = self
            .write_locked_by(
                act,
                // Waits for a secret that is being added, so that it is deleted as well.
                ("SELECT id FROM clients WHERE id = $1 FOR UPDATE", params![id(client.as_bytes())]),
                recorded!(
                    "done AS (DELETE FROM clients WHERE id = $1 AND ($8 IS NULL OR version = $8) RETURNING id),
                     secret AS (DELETE FROM secrets WHERE client_id IN (SELECT id FROM done)),
                     used AS (DELETE FROM secret_uses WHERE client_id IN (SELECT id FROM done))",
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
                    only.map(|only| number(only.number())),
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
        let new = NewSecret { client, secret, others_expire_at };
        Ok(add_secret(self, new, &Key::default(), now, act).await? == Completed::Created)
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

    async fn rehash_secret(
        &self,
        client: ClientId,
        secret: SecretId,
        hash: &SecretHash,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError> {
        rehash_secret(self, client, secret, hash, now, act).await
    }
}

/// Adds clients whose merchants all exist, with their secrets.
const CREATE: &str = recorded!(
                concat!(
                    held!(),
                    "done AS (
                         INSERT INTO clients
                             (id, merchant_id, name, environment, scope, addresses, audiences, disabled, generation,
                              created_at, version, access_ttl, refresh_ttl, quota, labels)
                         SELECT given.*
                         FROM unnest($11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25) AS given
                         WHERE NOT EXISTS (
                                 SELECT FROM unnest($12) AS its (merchant)
                                 WHERE merchant IS NOT NULL AND NOT EXISTS (SELECT FROM merchants WHERE id = merchant)
                             ) AND ",
                    may_create!(),
                    " RETURNING id
                     ), secret AS (
                         INSERT INTO secrets (client_id, id, hash, created_at, expires_at, revoked_at, slow_hash)
                         SELECT given.*
                         FROM unnest($26, $27, $28, $29, $30, $31, $36)
                             AS given (client_id, secret, hash, created, expires, revoked, slow)
                         WHERE client_id IN (SELECT id FROM done)
                     )",
                    kept_answer!()
                ),
                // A server may have cached that they do not exist.
                "SELECT row_number() OVER (), 'client', id, NULL::bigint, $32, false FROM done",
                "$33, $34, $35",
                completed!()
            );

/// Adds clients, and keeps the answer under the key of the request if it has one.
pub(crate) async fn create(
    store: &Postgres,
    clients: &[Client],
    key: &Key<'_>,
    act: &Act,
) -> Result<Completed, StoreError> {
    let by = By::of(act.actor());
    let secrets =
        || clients.iter().flat_map(|client| client.secrets.iter().map(|secret| (client.id, secret)));
    let newest = clients.iter().map(|client| client.created_at).max().unwrap_or(Timestamp::from_millis(0));
    create_keyed(
        store,
        act,
        key,
        None,
        CREATE,
        keyed_params![key;
            each(clients, |client| id(client.id.as_bytes())),
            each(clients, |client| client.merchant_id.as_ref().map(|merchant| id(merchant.as_bytes()))),
            each(clients, |client| client.name.as_bytes()),
            each(clients, |client| client.environment.as_str()),
            each(clients, |client| client.scope.as_str()),
            each(clients, |client| networks_text(&client.addresses)),
            each(clients, |client| audiences_text(&client.audiences)),
            each(clients, |client| client.status == Status::Disabled),
            each(clients, |client| number(client.generation.number())),
            each(clients, |client| millis(client.created_at)),
            each(clients, |client| number(client.version.number())),
            each(clients, |client| client.terms.access_ttl.map(length)),
            each(clients, |client| client.terms.refresh_ttl.map(length)),
            each(clients, |client| client.terms.quota.map(|quota| quota.to_string())),
            each(&each(clients, |client| client.terms.labels.to_string()), String::as_bytes),
            secrets().map(|(client, _)| id(client.as_bytes())).collect::<Vec<Uuid>>(),
            secrets().map(|(_, secret)| id(secret.id.as_bytes())).collect::<Vec<Uuid>>(),
            secrets().map(|(_, secret)| secret.hash.as_bytes().as_slice()).collect::<Vec<&[u8]>>(),
            secrets().map(|(_, secret)| millis(secret.created_at)).collect::<Vec<i64>>(),
            secrets().map(|(_, secret)| secret.expires_at.map(millis)).collect::<Vec<Option<i64>>>(),
            secrets().map(|(_, secret)| secret.revoked_at.map(millis)).collect::<Vec<Option<i64>>>(),
            kept(newest),
            by.who(),
            by.from(),
            by.why(),
            secrets()
                .map(|(_, secret)| secret.slow_hash.as_ref().map(ToString::to_string))
                .collect::<Vec<Option<String>>>(),
        ],
    )
    .await
}

/// Returns one column with a value for each of `of`.
fn each<'a, T, C>(of: &'a [T], column: impl Fn(&'a T) -> C) -> Vec<C> {
    of.iter().map(column).collect()
}

/// Runs a statement made by `select!`, and gathers the clients.
async fn query(store: &Postgres, sql: &str, params: &[Param<'_>]) -> Result<Vec<Client>, StoreError> {
    gather_clients(store.read(sql, params).await?.iter().map(|row| Ok((client(row)?, secret(row)?))))
}

fn client(row: &Row) -> Result<Client, StoreError> {
    let merchant: Option<Uuid> = column(row, 1)?;
    Ok(Client {
        id: ClientId::from_bytes(id_bytes(row, 0)?),
        merchant_id: merchant.map(|merchant| MerchantId::from_bytes(merchant.into_bytes())),
        name: text(row, 2)?,
        environment: parsed(row, 3)?,
        scope: parsed(row, 4)?,
        addresses: parse_networks(column(row, 5)?).map_err(|_| never_written())?,
        audiences: parse_audiences(column(row, 6)?).map_err(|_| never_written())?,
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
            labels: text(row, 21)?.parse().map_err(|_| never_written())?,
        },
        secrets: Vec::new(),
    })
}
