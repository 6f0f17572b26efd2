//! Clients and their secrets.

use std::time::Duration;

use async_trait::async_trait;
use ipnet::IpNet;
use tollgate_core::{
    Audience, AudienceError, ClientId, Environment, Generation, MerchantId, Scope, SecretId, Timestamp,
};
use tollgate_keys::{SecretHash, SlowHash};

use crate::{Act, Labels, Quota, Status, StoreError, Version};

/// A client: credentials for one merchant or for an operator, with their secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The id that it authenticates with.
    pub id: ClientId,
    /// The merchant it acts for; `None` for an operator's client, which acts for every merchant.
    pub merchant_id: Option<MerchantId>,
    /// Its name, for people.
    pub name: String,
    /// Whether it is for tests or in live mode.
    pub environment: Environment,
    /// The widest scope that its tokens may have.
    pub scope: Scope,
    /// The networks that it may call from; empty means any network.
    pub addresses: Vec<IpNet>,
    /// The APIs that its tokens may be for; the first is the default. Empty means only the server's default API.
    pub audiences: Vec<Audience>,
    /// Whether the client itself is accepted.
    pub status: Status,
    /// Whether its merchant is accepted. `Enabled` for an operator's client.
    pub merchant_status: Status,
    /// The generation of its tokens: tokens of earlier generations were ended.
    pub generation: Generation,
    /// The generation of its merchant's tokens; the first for an operator's client.
    pub merchant_generation: Generation,
    /// When it was created.
    pub created_at: Timestamp,
    /// How often it has been changed.
    pub version: Version,
    /// Its own token lifetimes, its quota and its labels.
    pub terms: Terms,
    /// Its secrets, oldest first, including the revoked ones.
    pub secrets: Vec<Secret>,
}

/// A client's own token lifetimes, its quota and its labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// The lifetime of its access tokens, in whole seconds, if it is shorter than the configured one.
    pub access_ttl: Option<Duration>,
    /// The lifetime of its refresh tokens, in whole seconds, if it is shorter than the configured one.
    pub refresh_ttl: Option<Duration>,
    /// How many tokens it may obtain; `None` for any number.
    pub quota: Option<Quota>,
    /// The names and values that its operators gave it. Nothing is decided by them.
    pub labels: Labels,
}

/// A secret of a client, of which only a keyed hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The id of the secret, which tokens carry.
    pub id: SecretId,
    /// HMAC-SHA-256 of the secret and the client's id.
    pub hash: SecretHash,
    /// The slow hash that is computed before the keyed one, if the secret was imported and has not been used since.
    pub slow_hash: Option<SlowHash>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires, if it does: it is refused from then on.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// The changes to make to a client; a field that is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientUpdate {
    /// The new name.
    pub name: Option<String>,
    /// The widest scope of new tokens. Tokens that were issued before keep theirs.
    pub scope: Option<Scope>,
    /// The networks that it may call from; empty means any network.
    pub addresses: Option<Vec<IpNet>>,
    /// The APIs that its tokens may be for; empty means only the default one. Refresh tokens that were issued before keep
    /// theirs.
    pub audiences: Option<Vec<Audience>>,
    /// The lifetime of its access tokens; `Some(None)` for the configured one.
    pub access_ttl: Option<Option<Duration>>,
    /// The lifetime of its refresh tokens; `Some(None)` for the configured one.
    pub refresh_ttl: Option<Option<Duration>>,
    /// How many tokens it may obtain; `Some(None)` for any number.
    pub quota: Option<Option<Quota>>,
    /// The labels that replace all of its labels.
    pub labels: Option<Labels>,
}

/// The store's clients and their secrets.
#[async_trait]
pub trait Clients: Send + Sync {
    /// Adds a client with its secrets. Returns `false`, and adds nothing, if its merchant doesn't exist.
    async fn create_client(&self, client: &Client, act: &Act) -> Result<bool, StoreError>;

    /// Adds clients with their secrets. Returns `false`, and adds none, if the merchant of any of them doesn't exist.
    async fn create_clients(&self, clients: &[Client], act: &Act) -> Result<bool, StoreError>;

    /// Returns those of the ids that belong to clients, in no order.
    async fn existing_clients(&self, ids: &[ClientId]) -> Result<Vec<ClientId>, StoreError>;

    /// Returns a client with its secrets.
    async fn client(&self, id: ClientId) -> Result<Option<Client>, StoreError>;

    /// Returns up to `limit` clients (of one merchant, if given) with ids after `after`, by id.
    async fn clients(
        &self,
        merchant: Option<MerchantId>,
        after: Option<ClientId>,
        limit: u32,
    ) -> Result<Vec<Client>, StoreError>;

    /// Returns up to `limit` ids of clients after `after`, in order.
    async fn client_ids(&self, after: Option<ClientId>, limit: u32) -> Result<Vec<ClientId>, StoreError>;

    /// Enables or disables a client. Disabling ends its tokens as
    /// [`set_merchant_status`](crate::Merchants::set_merchant_status) does. `false` if there is no such client.
    async fn set_client_status(
        &self,
        id: ClientId,
        status: Status,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Ends every token that a client has by raising its generation; tokens that it obtains afterwards are valid. Returns `false` if
    /// there is no such client.
    async fn end_client_tokens(&self, id: ClientId, now: Timestamp, act: &Act) -> Result<bool, StoreError>;

    /// Changes a client, if it still has the version `only`, where one is given. If its networks change, which its tokens
    /// carry, its tokens are ended as by [`Clients::end_client_tokens`]. Returns `false` if there is no such client.
    async fn update_client(
        &self,
        id: ClientId,
        update: &ClientUpdate,
        only: Option<Version>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Deletes a client with its secrets, and ends its tokens of every generation: its id never comes back.
    /// Returns `false` if there is no such client, or if it no longer has the version `only`, where one is given.
    async fn delete_client(
        &self,
        id: ClientId,
        only: Option<Version>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Adds a secret. If `others_expire_at` is given, every other live secret expires then, unless it expires sooner.
    /// Returns `false` if there is no such client.
    async fn add_secret(
        &self,
        client: ClientId,
        secret: &Secret,
        others_expire_at: Option<Timestamp>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Revokes a secret and every token obtained with it, whenever that was issued. Returns `false` if the client has no
    /// such secret; revoking it again changes nothing and returns `true`.
    async fn revoke_secret(
        &self,
        client: ClientId,
        secret: SecretId,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Removes the slow hash of a secret that has one and is not revoked, and replaces its keyed hash by `hash`. Returns `false`
    /// if the client has no such secret.
    async fn rehash_secret(
        &self,
        client: ClientId,
        secret: SecretId,
        hash: &SecretHash,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;
}

/// Writes networks as a column holds them.
pub fn networks_text(networks: &[IpNet]) -> String {
    networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// Reads networks from a column.
pub fn parse_networks(text: &str) -> Result<Vec<IpNet>, ipnet::AddrParseError> {
    text.split_ascii_whitespace().map(str::parse).collect()
}

/// Writes audiences as a column holds them.
pub fn audiences_text(audiences: &[Audience]) -> String {
    audiences.iter().map(Audience::as_str).collect::<Vec<_>>().join(" ")
}

/// Reads audiences from a column.
pub fn parse_audiences(text: &str) -> Result<Vec<Audience>, AudienceError> {
    text.split_ascii_whitespace().map(str::parse).collect()
}

/// Gathers clients from rows. Each row has a client and one of its secrets, if it has any; the rows of a client
/// follow each other.
pub fn gather_clients<E>(
    rows: impl Iterator<Item = Result<(Client, Option<Secret>), E>>,
) -> Result<Vec<Client>, E> {
    let mut clients: Vec<Client> = Vec::new();
    for row in rows {
        let (client, secret) = row?;
        if clients.last().is_none_or(|last| last.id != client.id) {
            clients.push(client);
        }
        let client = clients.last_mut().expect("one was added if there was none");
        client.secrets.extend(secret);
    }
    for client in &mut clients {
        client.secrets.sort_by_key(|secret| (secret.created_at, secret.id));
    }
    Ok(clients)
}
