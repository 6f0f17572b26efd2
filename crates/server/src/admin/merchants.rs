//! Merchants.

use tollgate_core::MerchantId;
use tollgate_store::{Creation, Merchant, Status, Version};

use super::{Actor, AdminError, Administration, Name, Page, creation, wait_if_enabled_again};
use crate::admin::page::Reading;

/// A merchant that is to be created.
#[derive(Debug, Clone)]
pub struct NewMerchant {
    /// Its id; `None` draws one.
    pub id: Option<MerchantId>,
    /// Its name.
    pub name: Name,
}

/// Which merchants are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MerchantFilter {
    /// Those whose name has this in it, in whatever case.
    pub name: Option<String>,
    /// Those of this status.
    pub status: Option<Status>,
}

impl MerchantFilter {
    fn is_met_by(&self, merchant: &Merchant) -> bool {
        self.status.is_none_or(|status| status == merchant.status)
            && self.name.as_ref().is_none_or(|name| has(&merchant.name, name))
    }
}

/// Says whether a name has a text in it, in whatever case.
pub(super) fn has(name: &str, text: &str) -> bool {
    name.to_lowercase().contains(&text.to_lowercase())
}

/// Creates a merchant.
pub async fn create(admin: &Administration<'_>, name: Name, actor: &Actor) -> Result<Merchant, AdminError> {
    let merchant = draft(admin, NewMerchant { id: None, name }).await?;
    creation::create(admin, &Creation::Merchant(merchant.clone()), actor).await?;
    Ok(merchant)
}

/// Makes a merchant that is not created yet.
pub async fn draft(admin: &Administration<'_>, new: NewMerchant) -> Result<Merchant, AdminError> {
    let created_at = admin.now().await?;
    let id = match new.id {
        Some(id) if admin.store.merchant(id).await?.is_some() => return Err(AdminError::MerchantExists(id)),
        Some(id) => id,
        None => MerchantId::random(&mut rand::rng()),
    };
    let version = Version::default();
    Ok(Merchant { id, name: new.name.into(), status: Status::Enabled, created_at, version })
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

/// Returns up to `limit` of the merchants that a filter lets through, with ids after `after`, by id.
pub async fn search(
    admin: &Administration<'_>,
    filter: &MerchantFilter,
    after: Option<MerchantId>,
    limit: u32,
) -> Result<Page<Merchant, MerchantId>, AdminError> {
    let mut reading = Reading::new(after, limit);
    while let Some((after, at_once)) = reading.wants() {
        let rows = list(admin, after, at_once).await?;
        reading.take(rows, |merchant| filter.is_met_by(merchant), |merchant| merchant.id);
    }
    Ok(reading.end())
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

/// Gives a merchant another name, if it is of the version `only`, where that is given.
pub async fn rename(
    admin: &Administration<'_>,
    id: MerchantId,
    name: Name,
    only: Option<Version>,
    actor: &Actor,
) -> Result<Merchant, AdminError> {
    let renamed = admin.store.rename_merchant(id, name.as_str(), only, admin.now().await?, actor).await?;
    let merchant = find(admin, id).await?;
    if renamed { Ok(merchant) } else { Err(AdminError::Changed) }
}

/// Deletes a merchant with all that is its own, if it is of the version `only`, where that is given. Every token that its
/// clients have is refused.
pub async fn delete(
    admin: &Administration<'_>,
    id: MerchantId,
    only: Option<Version>,
    actor: &Actor,
) -> Result<(), AdminError> {
    if admin.store.delete_merchant(id, only, admin.now().await?, actor).await? {
        return Ok(());
    }
    find(admin, id).await?;
    Err(AdminError::Changed)
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
