//! Clients.

use ipnet::IpNet;
use tollgate_core::{
    Audience, ClientId, ClientSecret, Environment, Generation, MerchantId, Scope, Timestamp,
};
use tollgate_store::{Client, ClientUpdate, Object, Status};

use super::acting::{Attempt, Order};
use super::{Actor, AdminError, Administration, Name, recorded, secrets, wait_if_enabled_again};

/// A client that is to be created.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// The merchant that it acts for; `None` for an operator's client, which acts for every merchant.
    pub merchant_id: Option<MerchantId>,
    /// Its name.
    pub name: Name,
    /// Its environment; `None` for `test` where the configuration has the sandbox on, and `live` elsewhere.
    pub environment: Option<Environment>,
    /// The most its tokens may allow.
    pub scope: Scope,
    /// The networks that it may call from; empty means any.
    pub addresses: Vec<IpNet>,
    /// The APIs that its tokens may be for, the first unless it asks for another; empty means the default one alone.
    pub audiences: Vec<Audience>,
}

/// A client that was created, and its secret, which is shown now or never.
pub struct CreatedClient {
    /// The client.
    pub client: Client,
    /// Its only secret.
    pub secret: ClientSecret,
}

/// Creates a client with a secret.
pub async fn create(
    admin: &Administration<'_>,
    new: NewClient,
    actor: &Actor,
) -> Result<CreatedClient, AdminError> {
    let id = ClientId::random(&mut rand::rng());
    let order = Order::new("client.create", Object::Client(id)).merchant(new.merchant_id);
    let new = &new;
    let attempt = |attempt: Attempt| async move {
        check_audiences(admin, &new.audiences)?;
        let created = drawn(admin, id, new, attempt.now);
        let act = attempt.makes(&recorded::client(&created.client));
        match (admin.store.create_client(&created.client, &act).await?, new.merchant_id) {
            (false, Some(merchant)) => Err(AdminError::UnknownMerchant(merchant)),
            (true, _) | (false, None) => Ok(created),
        }
    };
    admin.act(actor, order, attempt).await
}

/// Draws the secret of a client that is to be created.
fn drawn(admin: &Administration<'_>, id: ClientId, new: &NewClient, now: Timestamp) -> CreatedClient {
    let default = if admin.config.sandbox { Environment::Test } else { Environment::Live };
    let environment = new.environment.unwrap_or(default);
    let (secret, value) = secrets::draw(admin.unlocked.hasher(), id, environment, now);
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
        secrets: vec![secret],
    };
    CreatedClient { client, secret: value }
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

/// Changes a client. Tokens that it has keep the scope and the audience that they were issued with until they expire; that it
/// may no longer call from an address counts at once.
pub async fn update(
    admin: &Administration<'_>,
    id: ClientId,
    update: &ClientUpdate,
    actor: &Actor,
) -> Result<Client, AdminError> {
    let order = Order::new("client.update", Object::Client(id));
    let attempt = |attempt: Attempt| async move {
        check_audiences(admin, update.audiences.as_deref().unwrap_or_default())?;
        let before = find(admin, id).await?;
        let (after, now) = (updated(&before, update), attempt.now);
        let act =
            attempt.of(before.merchant_id).changes(&recorded::client(&before), &recorded::client(&after));
        let found = admin.store.update_client(id, update, now, &act).await?;
        if found { find(admin, id).await } else { Err(AdminError::UnknownClient(id)) }
    };
    admin.act(actor, order, attempt).await
}

/// Returns a client as an update leaves it.
fn updated(client: &Client, update: &ClientUpdate) -> Client {
    let ClientUpdate { name, scope, addresses, audiences } = update.clone();
    Client {
        name: name.unwrap_or_else(|| client.name.clone()),
        scope: scope.unwrap_or_else(|| client.scope.clone()),
        addresses: addresses.unwrap_or_else(|| client.addresses.clone()),
        audiences: audiences.unwrap_or_else(|| client.audiences.clone()),
        ..client.clone()
    }
}

/// Disables a client: it is refused everywhere, and so is every token that it has.
pub async fn disable(admin: &Administration<'_>, id: ClientId, actor: &Actor) -> Result<Client, AdminError> {
    set_status(admin, id, Status::Disabled, actor).await
}

/// Enables a client again. The tokens that it had stay refused.
pub async fn enable(admin: &Administration<'_>, id: ClientId, actor: &Actor) -> Result<Client, AdminError> {
    set_status(admin, id, Status::Enabled, actor).await
}

/// Deletes a client with its secrets. Every token that it has is refused.
pub async fn delete(admin: &Administration<'_>, id: ClientId, actor: &Actor) -> Result<(), AdminError> {
    let order = Order::new("client.delete", Object::Client(id));
    let attempt = |attempt: Attempt| async move {
        let (before, now) = (find(admin, id).await?, attempt.now);
        let act = attempt.of(before.merchant_id).deletes(&recorded::client(&before));
        let found = admin.store.delete_client(id, now, &act).await?;
        found.then_some(()).ok_or(AdminError::UnknownClient(id))
    };
    admin.act(actor, order, attempt).await
}

fn check_audiences(admin: &Administration<'_>, audiences: &[Audience]) -> Result<(), AdminError> {
    match audiences.iter().find(|one| admin.config.access_tokens(one.as_str()).is_none()) {
        Some(unknown) => Err(AdminError::UnknownAudience(unknown.clone())),
        None => Ok(()),
    }
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
        let act = attempt.of(before.merchant_id).sets(before.status, status);
        admin.store.set_client_status(id, status, now, &act).await?;
        find(admin, id).await
    };
    admin.act(actor, Order::new(name, Object::Client(id)), attempt).await
}
