//! Merchants.

use tollgate_core::MerchantId;
use tollgate_store::{Client, Draft, Merchant, Object, Status};

use super::acting::{Attempt, Order};
use super::{Actor, AdminError, Administration, Name, recorded, wait_if_enabled_again};

/// Creates a merchant.
pub async fn create(admin: &Administration<'_>, name: Name, actor: &Actor) -> Result<Merchant, AdminError> {
    let id = MerchantId::random(&mut rand::rng());
    let name = &name;
    let attempt = |attempt: Attempt| async move {
        let (name, created_at) = (name.as_str().to_owned(), attempt.now);
        let merchant = Merchant { id, name, status: Status::Enabled, created_at };
        let act = attempt.makes(&recorded::merchant(&merchant));
        admin.store.create_merchant(&merchant, &act).await?;
        Ok(merchant)
    };
    admin.act(actor, Order::new("merchant.create", Object::Merchant(id)), attempt).await
}

/// Returns a merchant.
pub async fn find(admin: &Administration<'_>, id: MerchantId) -> Result<Merchant, AdminError> {
    admin.store.merchant(id).await?.ok_or(AdminError::UnknownMerchant(id))
}

/// Returns up to `limit` merchants with ids after `after`, by id.
pub async fn list(
    admin: &Administration<'_>,
    after: Option<MerchantId>,
    limit: u32,
) -> Result<Vec<Merchant>, AdminError> {
    Ok(admin.store.merchants(after, limit).await?)
}

/// Disables a merchant: every client of it is refused, and every token that they have.
pub async fn disable(
    admin: &Administration<'_>,
    id: MerchantId,
    actor: &Actor,
) -> Result<Merchant, AdminError> {
    set_status(admin, id, Status::Disabled, actor).await
}

/// Enables a merchant again. The tokens that its clients had stay refused.
pub async fn enable(
    admin: &Administration<'_>,
    id: MerchantId,
    actor: &Actor,
) -> Result<Merchant, AdminError> {
    set_status(admin, id, Status::Enabled, actor).await
}

/// Gives a merchant another name.
pub async fn rename(
    admin: &Administration<'_>,
    id: MerchantId,
    name: Name,
    actor: &Actor,
) -> Result<Merchant, AdminError> {
    let name = &name;
    let attempt = |attempt: Attempt| async move {
        let before = find(admin, id).await?;
        let after = Merchant { name: name.as_str().to_owned(), ..before.clone() };
        let act = attempt.changes(&recorded::merchant(&before), &recorded::merchant(&after));
        let found = admin.store.rename_merchant(id, name.as_str(), attempt.now, &act).await?;
        if found { find(admin, id).await } else { Err(AdminError::UnknownMerchant(id)) }
    };
    admin.act(actor, Order::new("merchant.rename", Object::Merchant(id)), attempt).await
}

/// Deletes a merchant with its clients and their secrets. Every token that they have is refused.
pub async fn delete(admin: &Administration<'_>, id: MerchantId, actor: &Actor) -> Result<(), AdminError> {
    let order = Order::new("merchant.delete", Object::Merchant(id)).merchant(Some(id));
    let attempt = |attempt: Attempt| async move {
        let before = find(admin, id).await?;
        // Whoever asks what became of a client finds a record of it.
        let clients = all_clients(admin, id).await?;
        let gone = clients.iter().map(|client| Draft {
            before: Some(recorded::client(client).to_string()),
            ..attempt.also("client.delete", Object::Client(client.id))
        });
        let act = attempt.deletes(&recorded::merchant(&before)).with(gone);
        let found = admin.store.delete_merchant(id, attempt.now, &act).await?;
        found.then_some(()).ok_or(AdminError::UnknownMerchant(id))
    };
    admin.act(actor, order, attempt).await
}

async fn all_clients(admin: &Administration<'_>, of: MerchantId) -> Result<Vec<Client>, AdminError> {
    const PAGE: u32 = 1_000;
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let after = clients.last().map(|last| last.id);
        let page = admin.store.clients(Some(of), after, PAGE).await?;
        if page.is_empty() {
            return Ok(clients);
        }
        clients.extend(page);
    }
}

async fn set_status(
    admin: &Administration<'_>,
    id: MerchantId,
    status: Status,
    actor: &Actor,
) -> Result<Merchant, AdminError> {
    if let Some(merchant) = admin.store.merchant(id).await? {
        wait_if_enabled_again(merchant.status, status).await;
    }
    let name = if status == Status::Disabled { "merchant.disable" } else { "merchant.enable" };
    let attempt = |attempt: Attempt| async move {
        let act = attempt.sets(find(admin, id).await?.status, status);
        admin.store.set_merchant_status(id, status, attempt.now, &act).await?;
        find(admin, id).await
    };
    admin.act(actor, Order::new(name, Object::Merchant(id)), attempt).await
}
