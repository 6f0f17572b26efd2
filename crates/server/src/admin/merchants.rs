//! Merchants.

use tollgate_core::MerchantId;
use tollgate_store::{Merchant, Status};

use super::{Actor, AdminError, Administration, Name, wait_if_enabled_again};

/// Creates a merchant.
pub async fn create(admin: &Administration<'_>, name: Name, actor: &Actor) -> Result<Merchant, AdminError> {
    let created_at = admin.now().await?;
    let id = MerchantId::random(&mut rand::rng());
    let merchant = Merchant { id, name: name.into(), status: Status::Enabled, created_at };
    admin.store.create_merchant(&merchant, actor).await?;
    Ok(merchant)
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
    let found = admin.store.rename_merchant(id, name.as_str(), admin.now().await?, actor).await?;
    if found { find(admin, id).await } else { Err(AdminError::UnknownMerchant(id)) }
}

/// Deletes a merchant with its clients and their secrets. Every token that they have is refused.
pub async fn delete(admin: &Administration<'_>, id: MerchantId, actor: &Actor) -> Result<(), AdminError> {
    let found = admin.store.delete_merchant(id, admin.now().await?, actor).await?;
    found.then_some(()).ok_or(AdminError::UnknownMerchant(id))
}

async fn set_status(
    admin: &Administration<'_>,
    id: MerchantId,
    status: Status,
    actor: &Actor,
) -> Result<Merchant, AdminError> {
    wait_if_enabled_again(find(admin, id).await?.status, status).await;
    admin.store.set_merchant_status(id, status, admin.now().await?, actor).await?;
    find(admin, id).await
}
