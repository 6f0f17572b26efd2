//! Creating, finding, changing and deleting merchants.

use tollgate_core::{MerchantId, Timestamp};
use tollgate_store::{Actor, Client, Creation, Draft as Record, Merchant, Object, Status, Version};

use super::acting::{Attempt, Order};
use super::creation::{Draft, New};
use super::page::Reading;
use super::{
    AdminError, Administration, Deleted, Name, Page, check_version, creation, recorded, second,
    wait_if_enabled_again,
};

/// A merchant that is to be created.
#[derive(Debug, Clone)]
pub struct NewMerchant {
    /// Its id; `None` to draw one.
    pub id: Option<MerchantId>,
    /// Its name, for people.
    pub name: Name,
}

/// A merchant that is to be created, under the id that it will have.
pub struct Identified {
    id: MerchantId,
    new: NewMerchant,
}

impl From<NewMerchant> for Identified {
    fn from(new: NewMerchant) -> Self {
        Self { id: new.id.unwrap_or_else(|| MerchantId::random(&mut rand::rng())), new }
    }
}

impl New for Identified {
    type Created = Merchant;

    fn order(&self) -> Order {
        Order::new("merchant.create", Object::Merchant(self.id))
    }

    async fn draft(&self, admin: &Administration<'_>, now: Timestamp) -> Result<Draft<Merchant>, AdminError> {
        if admin.store.merchant(self.id).await?.is_some() {
            return Err(AdminError::MerchantExists(self.id));
        }
        if self.new.id.is_some() {
            Deleted::at(admin, now).await?.check_merchant(self.id)?;
        }
        let merchant = Merchant {
            id: self.id,
            name: self.new.name.as_str().to_owned(),
            status: Status::Enabled,
            created_at: now,
            version: Version::default(),
        };
        Ok(Draft {
            creation: Creation::Merchant(merchant.clone()),
            merchant: None,
            recorded: recorded::merchant(&merchant),
            created: merchant,
        })
    }
}

/// Selects the merchants of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MerchantFilter {
    /// Only merchants whose name contains this text, in upper or lower case.
    pub name: Option<String>,
    /// Only merchants of this status.
    pub status: Option<Status>,
}

impl MerchantFilter {
    fn is_met_by(&self, merchant: &Merchant) -> bool {
        self.status.is_none_or(|status| status == merchant.status)
            && self.name.as_ref().is_none_or(|name| has(&merchant.name, name))
    }
}

/// Says whether a name contains a text, in upper or lower case.
pub(super) fn has(name: &str, text: &str) -> bool {
    name.to_lowercase().contains(&text.to_lowercase())
}

/// Creates a merchant, without clients.
pub async fn create(
    admin: &Administration<'_>,
    new: NewMerchant,
    actor: &Actor,
) -> Result<Merchant, AdminError> {
    creation::create(admin, &Identified::from(new), actor).await
}

/// Returns a merchant, or an error if there is none with this id.
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

/// Disables a merchant: its clients are refused, and so are all of their tokens.
pub async fn disable(
    admin: &Administration<'_>,
    id: MerchantId,
    actor: &Actor,
) -> Result<Merchant, AdminError> {
    set_status(admin, id, Status::Disabled, actor).await
}

/// Enables a merchant again. The tokens that its clients had before stay refused.
pub async fn enable(
    admin: &Administration<'_>,
    id: MerchantId,
    actor: &Actor,
) -> Result<Merchant, AdminError> {
    set_status(admin, id, Status::Enabled, actor).await
}

/// Renames a merchant, if its version is one of `only`, where they are given.
pub async fn rename(
    admin: &Administration<'_>,
    id: MerchantId,
    name: Name,
    only: Option<&[Version]>,
    actor: &Actor,
) -> Result<Merchant, AdminError> {
    let name = &name;
    let attempt = |attempt: Attempt| async move {
        let before = find(admin, id).await?;
        let only = check_version(only, before.version)?;
        let after = Merchant { name: name.as_str().to_owned(), ..before.clone() };
        let act = attempt.changes(&recorded::merchant(&before), &recorded::merchant(&after));
        let found = admin.store.rename_merchant(id, name.as_str(), only, attempt.now, &act).await?;
        if found { find(admin, id).await } else { Err(AdminError::UnknownMerchant(id)) }
    };
    admin.act(actor, Order::new("merchant.rename", Object::Merchant(id)), attempt).await
}

/// Deletes a merchant with everything that belongs to it, if its version is one of `only`, where they are given. All tokens of its
/// clients are refused. Takes two people if the configuration says so.
pub async fn delete(
    admin: &Administration<'_>,
    id: MerchantId,
    only: Option<&[Version]>,
    actor: &Actor,
) -> Result<(), AdminError> {
    let order = Order::new("merchant.delete", Object::Merchant(id)).merchant(Some(id));
    let attempt = |attempt: Attempt| async move {
        let before = find(admin, id).await?;
        let only = check_version(only, before.version)?;
        let asked = second::check(admin, &attempt, &Object::Merchant(id)).await?;
        // A record for each client, for people who look for what happened to it.
        let clients = all_clients(admin, id).await?;
        let gone = clients.iter().map(|client| Record {
            before: Some(recorded::client(client).to_string()),
            ..attempt.also("client.delete", Object::Client(client.id))
        });
        let act = attempt
            .deletes(&recorded::merchant(&before), asked.map(|asked| asked.recorded()).as_ref())
            .with(gone);
        let found = admin.store.delete_merchant(id, only, attempt.now, &act).await?;
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
