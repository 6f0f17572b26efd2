//! What makes a store an installation, and settings that apply to all of it.

use std::time::Duration;

use async_trait::async_trait;
use tollgate_core::{KeyId, Timestamp};

use crate::{Act, Schema, SigningKey, StoreError};

/// What an installation is sealed with: a check of the master key, and keys that it encrypts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// A value by which a master key can be checked.
    pub check: Vec<u8>,
    /// The key for hashing secrets, sealed; `None` while it is derived from the master key.
    pub secrets_key: Option<Vec<u8>>,
    /// The key of the audit trail, sealed; `None` while it is derived from the master key.
    pub trail_key: Option<Vec<u8>>,
}

/// The installation that a store holds.
#[async_trait]
pub trait Installation: Send + Sync {
    /// Makes an empty store an installation: keeps `check` and the first signing key. A store that is an installation already is
    /// not changed, and gets no record. Returns the check value that the store now holds.
    async fn install(&self, check: &[u8], key: &SigningKey, act: &Act) -> Result<Vec<u8>, StoreError>;

    /// Returns what the installation is sealed with; `None` in an empty store.
    async fn installation(&self) -> Result<Option<Seal>, StoreError>;

    /// Replaces what the installation is sealed with, and the sealed material of every signing key. Returns `false`,
    /// and changes nothing, unless its check value is `from` and `keys` are all of its signing keys.
    async fn reseal(
        &self,
        from: &[u8],
        seal: &Seal,
        keys: &[(KeyId, Vec<u8>)],
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Fails if the store's file is no longer the one that was opened: it can be removed, moved or replaced meanwhile.
    async fn in_place(&self) -> Result<(), StoreError>;

    /// Returns the version of the schema as it is now: a newer program may have changed it since the store was opened.
    async fn schema(&self) -> Result<Schema, StoreError>;

    /// Returns the longest lifetime of any token that was ever issued, after raising it to `at_least`. A server raises it
    /// before it issues tokens, and revocations are kept for that long.
    async fn longest_lifetime(&self, at_least: Duration) -> Result<Duration, StoreError>;
}
