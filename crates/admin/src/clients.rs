//! Creating, finding, changing and deleting clients.

use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;
use tollgate_config::duration_text;
use tollgate_core::{Audience, ClientId, Environment, Generation, MerchantId, Scope, Timestamp};
use tollgate_keys::ClientSecret;
use tollgate_store::{Actor, Client, ClientUpdate, Creation, Object, Status, Terms, Version};

use super::acting::{Attempt, Order};
use super::creation::{Draft, New};
use super::imported::{ImportedSecrets, hashed_by};
use super::page::Reading;
use super::unused::Uses;
use super::{
    AdminError, Administration, Deleted, Name, Page, check_version, creation, merchants, recorded, second,
    secrets, wait_if_enabled_again,
};

/// A client that is to be created.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// Its id; `None` to draw one.
    pub id: Option<ClientId>,
    /// The merchant that it acts for; `None` for an operator's client, which acts for every merchant.
    pub merchant_id: Option<MerchantId>,
    /// Its name, for people.
    pub name: Name,
    /// Its environment; `None` for `test` if the configuration has the sandbox on, and for `live` otherwise.
    pub environment: Option<Environment>,
    /// The widest scope that its tokens may have.
    pub scope: Scope,
    /// The networks that it may call from; empty means any network.
    pub addresses: Vec<IpNet>,
    /// The APIs that its tokens may be for; the first is the default. Empty means only the server's default API.
    pub audiences: Vec<Audience>,
    /// Its own token lifetimes, its quota and its labels.
    pub terms: Terms,
    /// The secrets that it has elsewhere; if there are none, one is drawn.
    pub secrets: ImportedSecrets,
}

/// A client that was created, and its secret, which can't be shown again later.
pub struct CreatedClient {
    /// The client as it is stored.
    pub client: Client,
    /// The secret that was drawn for it; `None` if it has brought its own.
    pub secret: Option<ClientSecret>,
}

impl CreatedClient {
    /// Shows the secret that was drawn for it.
    pub fn expose_secret(&self) -> Option<&str> {
        self.secret.as_ref().map(ClientSecret::expose_secret)
    }

    /// Describes it for the audit trail, including the hash functions of the secrets that it has brought along.
    pub(super) fn recorded(&self) -> Value {
        let mut recorded = recorded::client(&self.client);
        if self.secret.is_none() {
            let secrets = self.client.secrets.iter();
            recorded["imported"] = secrets.map(|secret| (secret.id.to_string(), hashed_by(secret))).collect();
        }
        recorded
    }
}

/// Selects the clients of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFilter {
    /// Only clients of this merchant.
    pub merchant_id: Option<MerchantId>,
    /// `true` for operators' clients only, `false` for merchants' clients only.
    pub operator: Option<bool>,
    /// Only clients whose name contains this text, in upper or lower case.
    pub name: Option<String>,
    /// Only clients whose tokens may have every word of this scope.
    pub scope: Option<Scope>,
    /// Only clients that have this status themselves.
    pub status: Option<Status>,
    /// Only clients of this environment.
    pub environment: Option<Environment>,
    /// Only clients with this label, and with this value of it if one is given.
    pub label: Option<(String, Option<String>)>,
    /// Only clients with an accepted secret that was created before this time and has not been used since.
    pub secret_last_used_before: Option<Timestamp>,
}

impl ClientFilter {
    fn is_met_by(&self, client: &Client, uses: Option<&Uses>) -> bool {
        let Self { merchant_id, operator, name, scope, status, environment, label, secret_last_used_before } =
            self;
        let has_label = |(name, value): &(String, Option<String>)| {
            let found = client.terms.labels.get(name);
            found.is_some_and(|found| value.as_ref().is_none_or(|value| found == value))
        };
        let is_unused = |before| uses.is_some_and(|uses| uses.has_unused(client, before));
        merchant_id.is_none_or(|merchant| client.merchant_id == Some(merchant))
            && operator.is_none_or(|operator| client.merchant_id.is_none() == operator)
            && name.as_ref().is_none_or(|name| merchants::has(&client.name, name))
            && scope.as_ref().is_none_or(|scope| scope.is_subset_of(&client.scope))
            && status.is_none_or(|status| client.status == status)
            && environment.is_none_or(|environment| client.environment == environment)
            && label.as_ref().is_none_or(has_label)
            && secret_last_used_before.is_none_or(is_unused)
    }
}

/// Creates a client with a secret.
pub async fn create(
    admin: &Administration<'_>,
    new: NewClient,
    actor: &Actor,
) -> Result<CreatedClient, AdminError> {
    creation::create(admin, &Identified::from(new), actor).await
}

/// A client that is to be created, under the id that it will have.
pub struct Identified {
    id: ClientId,
    new: NewClient,
}

impl From<NewClient> for Identified {
    fn from(new: NewClient) -> Self {
        Self { id: new.id.unwrap_or_else(|| ClientId::random(&mut rand::rng())), new }
    }
}

impl New for Identified {
    type Created = CreatedClient;

    fn order(&self) -> Order {
        Order::new("client.create", Object::Client(self.id)).merchant(self.new.merchant_id)
    }

    async fn draft(
        &self,
        admin: &Administration<'_>,
        now: Timestamp,
    ) -> Result<Draft<CreatedClient>, AdminError> {
        let Self { id, new } = self;
        check(admin, &new.scope, &new.audiences, &new.terms)?;
        if new.id.is_some() {
            check_unused(admin, *id, now).await?;
        }
        let created = drawn(admin, *id, new, now);
        Ok(Draft {
            creation: Creation::Client(Box::new(created.client.clone())),
            merchant: None,
            recorded: created.recorded(),
            created,
        })
    }
}

/// Refuses a client that nobody may create, or that this administrator may not.
pub fn check(
    admin: &Administration<'_>,
    scope: &Scope,
    audiences: &[Audience],
    terms: &Terms,
) -> Result<(), AdminError> {
    admin.check_gives(scope)?;
    check_tokens(admin, audiences, terms.access_ttl, terms.refresh_ttl)
}

/// Draws the secret of a new client, unless it brings its own.
pub(super) fn drawn(
    admin: &Administration<'_>,
    id: ClientId,
    new: &NewClient,
    now: Timestamp,
) -> CreatedClient {
    let default = if admin.config.sandbox { Environment::Test } else { Environment::Live };
    let environment = new.environment.unwrap_or(default);
    let hasher = admin.unlocked.hasher();
    let (kept, drawn) = if new.secrets.is_empty() {
        let (secret, value) = secrets::draw(hasher, id, environment, now);
        (vec![secret], Some(value))
    } else {
        (new.secrets.iter().map(|secret| secret.kept(hasher, id, now)).collect(), None)
    };
    let client = Client {
        id,
        merchant_id: new.merchant_id,
        name: new.name.as_str().to_owned(),
        environment,
        scope: new.scope.clone(),
        addresses: new.addresses.clone(),
        audiences: new.audiences.clone(),
        status: Status::Enabled,
        merchant_status: Status::Enabled,
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        created_at: now,
        version: Version::default(),
        terms: new.terms.clone(),
        secrets: kept,
    };
    CreatedClient { client, secret: drawn }
}

/// Says whether an id has a meaning other than a client: all zeros for a text that is not an id, all ones for a request.
pub(super) fn is_reserved(id: ClientId) -> bool {
    [[0; 16], [0xff; 16]].contains(id.as_bytes())
}

/// Refuses an id that a client can't have: another client has it, or tokens of a deleted client with the id are still refused.
async fn check_unused(admin: &Administration<'_>, id: ClientId, now: Timestamp) -> Result<(), AdminError> {
    if is_reserved(id) {
        return Err(AdminError::ReservedId(id));
    }
    if admin.store.client(id).await?.is_some() {
        return Err(AdminError::ClientExists(id));
    }
    Deleted::at(admin, now).await?.check_client(id)
}

/// Lists all problems with the APIs and the lifetimes of a client's tokens. Revocations are kept for as long as the configured lifetime,
/// so a client's tokens may not live longer than that.
pub fn misfits(
    admin: &Administration<'_>,
    audiences: &[Audience],
    access: Option<Duration>,
    refresh: Option<Duration>,
) -> Vec<AdminError> {
    let unknown = audiences.iter().filter(|one| admin.config.access_tokens(one.as_str()).is_none());
    let unknown = unknown.map(|one| AdminError::UnknownAudience(one.clone()));
    let tokens = &admin.config.tokens;
    let lifetimes = [("access_ttl", access, tokens.access_ttl), ("refresh_ttl", refresh, tokens.refresh_ttl)];
    let wrong = lifetimes.into_iter().filter_map(|(field, given, longest)| {
        let is_good = |ttl: Duration| !ttl.is_zero() && ttl.subsec_nanos() == 0 && ttl <= longest;
        let longest = || duration_text(longest);
        (!given.is_none_or(is_good)).then(|| AdminError::Lifetime { field, longest: longest() })
    });
    unknown.chain(wrong).collect()
}

fn check_tokens(
    admin: &Administration<'_>,
    audiences: &[Audience],
    access: Option<Duration>,
    refresh: Option<Duration>,
) -> Result<(), AdminError> {
    misfits(admin, audiences, access, refresh).into_iter().next().map_or(Ok(()), Err)
}

/// Returns a client with its secrets.
pub async fn find(admin: &Administration<'_>, id: ClientId) -> Result<Client, AdminError> {
    admin.store.client(id).await?.ok_or(AdminError::UnknownClient(id))
}

/// Returns up to `limit` clients (of one merchant, if given) with ids after `after`, by id.
pub async fn list(
    admin: &Administration<'_>,
    merchant: Option<MerchantId>,
    after: Option<ClientId>,
    limit: u32,
) -> Result<Vec<Client>, AdminError> {
    Ok(admin.store.clients(merchant, after, limit).await?)
}

/// Returns up to `limit` of the clients that a filter lets through, with ids after `after`, by id.
pub async fn search(
    admin: &Administration<'_>,
    filter: &ClientFilter,
    after: Option<ClientId>,
    limit: u32,
) -> Result<Page<Client, ClientId>, AdminError> {
    let mut reading = Reading::new(after, limit);
    while let Some((after, at_once)) = reading.wants() {
        let rows = list(admin, filter.merchant_id, after, at_once).await?;
        let uses = match filter.secret_last_used_before {
            Some(_) => Some(Uses::of(admin, &rows).await?),
            None => None,
        };
        reading.take(rows, |client| filter.is_met_by(client, uses.as_ref()), |client| client.id);
    }
    Ok(reading.end())
}

/// Changes a client, if its version is one of `only`, where they are given. Its tokens keep the scope and the audience
/// that they were issued with until they expire. A change of its networks ends all its tokens, which carry them.
pub async fn update(
    admin: &Administration<'_>,
    id: ClientId,
    update: &ClientUpdate,
    only: Option<&[Version]>,
    actor: &Actor,
) -> Result<Client, AdminError> {
    let order = Order::new("client.update", Object::Client(id));
    let attempt = |attempt: Attempt| async move {
        let before = find(admin, id).await?;
        check_update(admin, &before, update)?;
        let only = check_version(only, before.version)?;
        let (after, now) = (updated(&before, update), attempt.now);
        let recorded = (recorded::client(&before), recorded::changed(&before, &after));
        let act = attempt.of(before.merchant_id).changes(&recorded.0, &recorded.1);
        let found = admin.store.update_client(id, update, only, now, &act).await?;
        if found { find(admin, id).await } else { Err(AdminError::UnknownClient(id)) }
    };
    admin.act(actor, order, attempt).await
}

fn check_update(
    admin: &Administration<'_>,
    before: &Client,
    update: &ClientUpdate,
) -> Result<(), AdminError> {
    admin.authority.check_changes(before)?;
    if let Some(scope) = &update.scope {
        admin.authority.check_is_another(before.id)?;
        admin.check_gives(scope)?;
    }
    let audiences = update.audiences.as_deref().unwrap_or_default();
    check_tokens(admin, audiences, update.access_ttl.flatten(), update.refresh_ttl.flatten())
}

/// Returns a client as an update changes it.
pub(super) fn updated(client: &Client, update: &ClientUpdate) -> Client {
    let ClientUpdate { name, scope, addresses, audiences, access_ttl, refresh_ttl, quota, labels } =
        update.clone();
    let terms = &client.terms;
    Client {
        name: name.unwrap_or_else(|| client.name.clone()),
        scope: scope.unwrap_or_else(|| client.scope.clone()),
        addresses: addresses.unwrap_or_else(|| client.addresses.clone()),
        audiences: audiences.unwrap_or_else(|| client.audiences.clone()),
        terms: Terms {
            access_ttl: access_ttl.unwrap_or(terms.access_ttl),
            refresh_ttl: refresh_ttl.unwrap_or(terms.refresh_ttl),
            quota: quota.unwrap_or(terms.quota),
            labels: labels.unwrap_or_else(|| terms.labels.clone()),
        },
        ..client.clone()
    }
}

/// Disables a client: it is refused everywhere, and so are all of its tokens.
pub async fn disable(admin: &Administration<'_>, id: ClientId, actor: &Actor) -> Result<Client, AdminError> {
    set_status(admin, id, Status::Disabled, actor).await
}

/// Enables a client again. The tokens that it had before stay refused.
pub async fn enable(admin: &Administration<'_>, id: ClientId, actor: &Actor) -> Result<Client, AdminError> {
    set_status(admin, id, Status::Enabled, actor).await
}

/// Deletes a client with its secrets, if its version is one of `only`, where they are given. All of its tokens are refused.
/// Takes two people if the configuration says so.
pub async fn delete(
    admin: &Administration<'_>,
    id: ClientId,
    only: Option<&[Version]>,
    actor: &Actor,
) -> Result<(), AdminError> {
    let order = Order::new("client.delete", Object::Client(id));
    let attempt = |attempt: Attempt| async move {
        let (before, now) = (find(admin, id).await?, attempt.now);
        admin.authority.check_is_another(id)?;
        admin.authority.check_changes(&before)?;
        let only = check_version(only, before.version)?;
        let attempt = attempt.of(before.merchant_id);
        let asked = second::check(admin, &attempt, &Object::Client(id)).await?;
        let act = attempt.deletes(&recorded::client(&before), asked.map(|asked| asked.recorded()).as_ref());
        let found = admin.store.delete_client(id, only, now, &act).await?;
        found.then_some(()).ok_or(AdminError::UnknownClient(id))
    };
    admin.act(actor, order, attempt).await
}

async fn set_status(
    admin: &Administration<'_>,
    id: ClientId,
    status: Status,
    actor: &Actor,
) -> Result<Client, AdminError> {
    if let Some(client) = admin.store.client(id).await? {
        wait_if_enabled_again(client.status, status).await;
    }
    let name = if status == Status::Disabled { "client.disable" } else { "client.enable" };
    let attempt = |attempt: Attempt| async move {
        let (before, now) = (find(admin, id).await?, attempt.now);
        if status == Status::Disabled {
            admin.authority.check_is_another(id)?;
        }
        let act = attempt.of(before.merchant_id).sets(before.status, status);
        admin.store.set_client_status(id, status, now, &act).await?;
        find(admin, id).await
    };
    admin.act(actor, Order::new(name, Object::Client(id)), attempt).await
}
