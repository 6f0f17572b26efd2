//! The master keys of an installation, of which one seals and all open.

use tollgate_core::{Algorithm, KeyId};
use zeroize::Zeroizing;

use crate::TrailKey;
use crate::master::{MasterKey, SecretsKey, UnsealError};

/// The master keys of an installation, at least one. New data is sealed with the first, and all can open.
pub struct MasterKeys(Vec<MasterKey>);

impl MasterKeys {
    /// Makes the list from keys in their order; `None` if there is none.
    pub fn new(keys: Vec<MasterKey>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// Returns the key that `store rekey` seals everything with.
    pub fn first(&self) -> &MasterKey {
        &self.0[0]
    }

    /// Says whether these are the same keys in the same order.
    pub fn are(&self, others: &Self) -> bool {
        self.0.iter().map(MasterKey::check_value).eq(others.0.iter().map(MasterKey::check_value))
    }

    /// Returns the key with this check value, which an installation is sealed with.
    pub fn with_check(&self, check: &[u8]) -> Option<&MasterKey> {
        self.0.iter().find(|key| key.check_value() == check)
    }

    /// Opens the material of a signing key with the key that has sealed it.
    pub fn unseal(
        &self,
        id: KeyId,
        algorithm: Algorithm,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        self.0.iter().find_map(|key| key.unseal(id, algorithm, sealed).ok()).ok_or(UnsealError)
    }

    /// Opens an answer with the key that has sealed it.
    pub fn unseal_answer(&self, identity: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        self.0.iter().find_map(|key| key.unseal_answer(identity, sealed).ok()).ok_or(UnsealError)
    }

    /// Opens data of the console, which a browser has kept, with the key that has sealed it.
    pub fn unseal_console(&self, what: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        self.0.iter().find_map(|key| key.unseal_console(what, sealed).ok()).ok_or(UnsealError)
    }

    /// Opens the key that secrets are hashed with, with the key that has sealed it.
    pub fn unseal_secrets_key(&self, sealed: &[u8]) -> Result<SecretsKey, UnsealError> {
        self.0.iter().find_map(|key| key.unseal_secrets_key(sealed).ok()).ok_or(UnsealError)
    }

    /// Opens the key of the audit trail with the key that has sealed it.
    pub fn unseal_trail_key(&self, sealed: &[u8]) -> Result<TrailKey, UnsealError> {
        self.0.iter().find_map(|key| key.unseal_trail_key(sealed).ok()).ok_or(UnsealError)
    }
}

impl From<MasterKey> for MasterKeys {
    fn from(key: MasterKey) -> Self {
        Self(vec![key])
    }
}
