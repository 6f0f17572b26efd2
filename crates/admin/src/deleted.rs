//! The ids of what was deleted.
//!
//! What deletes a merchant or a client refuses every token under its id for as long as one may live, those of a later one with the
//! same id among them. So nobody can have the id until then.

use std::collections::HashSet;

use tollgate_core::{ClientId, MerchantId, Revoked, Timestamp};

use super::{AdminError, Administration};

/// The ids under which tokens are refused. Those that nothing has were deleted.
#[derive(Debug, Clone, Default)]
pub struct Deleted {
    merchants: HashSet<MerchantId>,
    clients: HashSet<ClientId>,
}

impl Deleted {
    /// Reads which there are at a time of the store.
    pub(crate) async fn at(admin: &Administration<'_>, now: Timestamp) -> Result<Self, AdminError> {
        Ok(admin.store.revocations(now).await?.into_iter().map(|revocation| revocation.subject).collect())
    }

    /// Refuses the id of a merchant that is not here, if it was deleted.
    pub(crate) fn check_merchant(&self, id: MerchantId) -> Result<(), AdminError> {
        if self.merchants.contains(&id) { Err(AdminError::MerchantDeleted(id)) } else { Ok(()) }
    }

    /// Refuses the id of a client that is not here, likewise.
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
