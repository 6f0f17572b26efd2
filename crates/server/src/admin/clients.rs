//! Clients.

use std::time::Duration;

use ipnet::IpNet;
use tollgate_core::{Audience, ClientId, ClientSecret, Environment, Generation, MerchantId, Scope};
use tollgate_store::{Client, ClientUpdate, Creation, Status, Terms, Version};

use super::{
    Actor, AdminError, Administration, Name, Page, creation, merchants, secrets, wait_if_enabled_again,
};
use crate::admin::page::Reading;
use crate::config::duration_text;

/// A client that is to be created.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// Its id; `None` draws one.
    pub id: Option<ClientId>,
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
    /// What is different about its tokens, and what else is known of it.
    pub terms: Terms,
}

/// A client that was created, and its secret, which is shown now or never.
pub struct CreatedClient {
    /// The client.
    pub client: Client,
    /// Its only secret.
    pub secret: ClientSecret,
}

/// Which clients are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFilter {
    /// Those of this merchant.
    pub merchant_id: Option<MerchantId>,
    /// Operators' clients, or merchants'.
    pub operator: Option<bool>,
    /// Those whose name has this in it, in whatever case.
    pub name: Option<String>,
    /// Those whose tokens may allow every word of this.
    pub scope: Option<Scope>,
    /// Those of this status of their own.
    pub status: Option<Status>,
    /// Those of this environment.
    pub environment: Option<Environment>,
    /// Those with this label, and this value of it if there is one.
    pub label: Option<(String, Option<String>)>,
}

impl ClientFilter {
    fn is_met_by(&self, client: &Client) -> bool {
        let Self { merchant_id, operator, name, scope, status, environment, label } = self;
        let has_label = |(name, value): &(String, Option<String>)| {
            let found = client.terms.labels.get(name);
            found.is_some_and(|found| value.as_ref().is_none_or(|value| found == value))
        };
        merchant_id.is_none_or(|merchant| client.merchant_id == Some(merchant))
            && operator.is_none_or(|operator| client.merchant_id.is_none() == operator)
            && name.as_ref().is_none_or(|name| merchants::has(&client.name, name))
            && scope.as_ref().is_none_or(|scope| scope.is_subset_of(&client.scope))
            && status.is_none_or(|status| client.status == status)
            && environment.is_none_or(|environment| client.environment == environment)
            && label.as_ref().is_none_or(has_label)
    }
}

/// Creates a client with a secret.
pub async fn create(
    admin: &Administration<'_>,
    new: NewClient,
    actor: &Actor,
) -> Result<CreatedClient, AdminError> {
    let created = draft(admin, new).await?;
    creation::create(admin, &Creation::Client(Box::new(created.client.clone())), actor).await?;
    Ok(created)
}

/// Makes a client with a secret that is not created yet.
pub async fn draft(admin: &Administration<'_>, new: NewClient) -> Result<CreatedClient, AdminError> {
    admin.authority.check_gives(&new.scope)?;
    check_audiences(admin, &new.audiences)?;
    check_lifetimes(admin, new.terms.access_ttl, new.terms.refresh_ttl)?;
    let now = admin.now().await?;
    let id = match new.id {
        Some(id) => unused(admin, id).await?,
        None => ClientId::random(&mut rand::rng()),
    };
    let default = if admin.config.sandbox { Environment::Test } else { Environment::Live };
    let environment = new.environment.unwrap_or(default);
    let (secret, value) = secrets::draw(admin.unlocked.hasher(), id, environment, now);
    let client = Client {
        id,
        merchant_id: new.merchant_id,
        name: new.name.into(),
        environment,
        scope: new.scope,
        addresses: new.addresses,
        audiences: new.audiences,
        status: Status::Enabled,
        merchant_status: Status::Enabled,
        generation: Generation::FIRST,
        merchant_generation: Generation::FIRST,
        created_at: now,
        version: Version::default(),
        terms: new.terms,
        secrets: vec![secret],
    };
    Ok(CreatedClient { client, secret: value })
}

/// Returns an id that a client can have: nobody has it, and no token of one who had it is refused still.
async fn unused(admin: &Administration<'_>, id: ClientId) -> Result<ClientId, AdminError> {
    if admin.store.client(id).await?.is_some() {
        return Err(AdminError::ClientExists(id));
    }
    let revocations = admin.store.revocations(admin.now().await?).await?;
    let ends = |subject| matches!(subject, tollgate_core::Revoked::Client(ended, _) if ended == id);
    if revocations.iter().any(|revocation| ends(revocation.subject)) {
        return Err(AdminError::ClientDeleted(id));
    }
    Ok(id)
}

fn check_audiences(admin: &Administration<'_>, audiences: &[Audience]) -> Result<(), AdminError> {
    match audiences.iter().find(|one| admin.config.access_tokens(one.as_str()).is_none()) {
        Some(unknown) => Err(AdminError::UnknownAudience(unknown.clone())),
        None => Ok(()),
    }
}

/// A client's tokens live for no longer than the configured time: what ends them is kept for as long as that.
fn check_lifetimes(
    admin: &Administration<'_>,
    access: Option<Duration>,
    refresh: Option<Duration>,
) -> Result<(), AdminError> {
    let tokens = &admin.config.tokens;
    for (field, given, longest) in
        [("access_ttl", access, tokens.access_ttl), ("refresh_ttl", refresh, tokens.refresh_ttl)]
    {
        let is_good = |ttl: Duration| !ttl.is_zero() && ttl.subsec_nanos() == 0 && ttl <= longest;
        if !given.is_none_or(is_good) {
            return Err(AdminError::Lifetime { field, longest: duration_text(longest) });
        }
    }
    Ok(())
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
        reading.take(rows, |client| filter.is_met_by(client), |client| client.id);
    }
    Ok(reading.end())
}

/// Changes a client, if it is of the version `only`, where that is given. Tokens that it has keep the scope and the audience
/// that they were issued with until they expire; that it may no longer call from an address counts at once.
pub async fn update(
    admin: &Administration<'_>,
    id: ClientId,
    update: &ClientUpdate,
    only: Option<Version>,
    actor: &Actor,
) -> Result<Client, AdminError> {
    let before = find(admin, id).await?;
    admin.authority.check_changes(&before)?;
    if let Some(scope) = &update.scope {
        admin.authority.check_is_another(id)?;
        admin.authority.check_gives(scope)?;
    }
    check_audiences(admin, update.audiences.as_deref().unwrap_or_default())?;
    check_lifetimes(admin, update.access_ttl.flatten(), update.refresh_ttl.flatten())?;
    let updated = admin.store.update_client(id, update, only, admin.now().await?, actor).await?;
    let client = find(admin, id).await?;
    if updated { Ok(client) } else { Err(AdminError::Changed) }
}

/// Disables a client: it is refused everywhere, and so is every token that it has.
pub async fn disable(admin: &Administration<'_>, id: ClientId, actor: &Actor) -> Result<Client, AdminError> {
    admin.authority.check_is_another(id)?;
    set_status(admin, id, Status::Disabled, actor).await
}

/// Enables a client again. The tokens that it had stay refused.
pub async fn enable(admin: &Administration<'_>, id: ClientId, actor: &Actor) -> Result<Client, AdminError> {
    set_status(admin, id, Status::Enabled, actor).await
}

/// Deletes a client with its secrets, if it is of the version `only`, where that is given. Every token that it has is refused.
pub async fn delete(
    admin: &Administration<'_>,
    id: ClientId,
    only: Option<Version>,
    actor: &Actor,
) -> Result<(), AdminError> {
    admin.authority.check_is_another(id)?;
    admin.authority.check_changes(&find(admin, id).await?)?;
    if admin.store.delete_client(id, only, admin.now().await?, actor).await? {
        return Ok(());
    }
    find(admin, id).await?;
    Err(AdminError::Changed)
}

async fn set_status(
    admin: &Administration<'_>,
    id: ClientId,
    status: Status,
    actor: &Actor,
) -> Result<Client, AdminError> {
    wait_if_enabled_again(find(admin, id).await?.status, status).await;
    admin.store.set_client_status(id, status, admin.now().await?, actor).await?;
    find(admin, id).await
}
