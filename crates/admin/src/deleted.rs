//! The ids of deleted merchants and clients.
//!
//! Deleting a merchant or a client refuses every token under its id for as long as one may live. That includes the tokens of a later
//! merchant or client with the same id, so the id can't be used again until then.

use std::collections::HashSet;

use tollgate_core::{ClientId, MerchantId, Revoked, Timestamp};

use super::{AdminError, Administration};

/// The ids under which tokens are refused. If no merchant or client has such an id, it was deleted.
#[derive(Debug, Clone, Default)]
pub struct Deleted {
    merchants: HashSet<MerchantId>,
    clients: HashSet<ClientId>,
}

impl Deleted {
    /// Reads the ids as of a time by the store's clock.
    pub(crate) async fn at(admin: &Administration<'_>, now: Timestamp) -> Result<Self, AdminError> {
        Ok(admin.store.revocations(now).await?.into_iter().map(|revocation| revocation.subject).collect())
    }

    /// Refuses the id of a merchant that doesn't exist, if it was deleted.
    pub(crate) fn check_merchant(&self, id: MerchantId) -> Result<(), AdminError> {
        if self.merchants.contains(&id) { Err(AdminError::MerchantDeleted(id)) } else { Ok(()) }
    }

    /// Refuses the id of a client that doesn't exist, if it was deleted.
    pub(crate) fn check_client(&self, id: ClientId) -> Result<(), AdminError> {
        if self.clients.contains(&id) { Err(AdminError::ClientDeleted(id)) } else { Ok(()) }
    }
}

impl FromIterator<Revoked> for Deleted {
    fn from_iter<I: IntoIterator<Item = Revoked>>(revoked: I) -> Self {
        let mut deleted = Self::default();
        for one in revoked {
            match one {
                Revoked::Merchant(id, _) => drop(deleted.merchants.insert(id)),
                Revoked::Client(id, _) => drop(deleted.clients.insert(id)),
                Revoked::Token(_) | Revoked::Secret(_) => {}
            }
        }
        deleted
    }
}
