//! Finds secrets that nobody has used for a long time.

use std::collections::HashMap;

use tollgate_core::{ClientId, SecretId, Timestamp};
use tollgate_store::Client;

use super::secrets::SecretStatus;
use super::{AdminError, Administration};

/// When the secrets of some clients were last used.
pub(super) struct Uses {
    now: Timestamp,
    last: HashMap<SecretId, Timestamp>,
}

impl Uses {
    /// Reads the last uses of these clients' secrets.
    pub(super) async fn of(admin: &Administration<'_>, clients: &[Client]) -> Result<Self, AdminError> {
        let ids: Vec<ClientId> = clients.iter().map(|client| client.id).collect();
        let last = admin.store.last_uses(&ids).await?.into_iter().collect();
        Ok(Self { now: admin.now().await?, last })
    }

    /// Says whether a client has a secret that is accepted, was there before a time, and has not been used since.
    pub(super) fn has_unused(&self, client: &Client, before: Timestamp) -> bool {
        client.secrets.iter().any(|secret| {
            SecretStatus::at(self.now, secret) == SecretStatus::Active
                && secret.created_at < before
                && self.last.get(&secret.id).is_none_or(|last| *last < before)
        })
    }
}
