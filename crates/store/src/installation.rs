//! What makes a store an installation, and what holds for all of it.

use std::time::Duration;

use async_trait::async_trait;
use tollgate_core::{KeyId, Timestamp};

use crate::{Act, Schema, SigningKey, StoreError};

/// What an installation is sealed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Tells the master key.
    pub check: Vec<u8>,
    /// The key that secrets are hashed with, sealed; `None` while it is derived from the master key.
    pub secrets_key: Option<Vec<u8>>,
    /// The key of the audit trail, sealed; `None` likewise.
    pub trail_key: Option<Vec<u8>>,
}

/// The installation that a store holds.
#[async_trait]
pub trait Installation: Send + Sync {
    /// Makes an empty store an installation: keeps `check` and the first signing key. A store that holds one already is
    /// not changed, and gets no record. Returns the check value that the store now holds.
    async fn install(&self, check: &[u8], key: &SigningKey, act: &Act) -> Result<Vec<u8>, StoreError>;

    /// Returns what the installation is sealed with; `None` in an empty store.
    async fn installation(&self) -> Result<Option<Seal>, StoreError>;

    /// Seals the installation anew: replaces what it is sealed with, and the sealed material of every signing key. `false`,
    /// and nothing changed, unless it is sealed with what `from` tells and `keys` are all its signing keys.
    async fn reseal(
        &self,
        from: &[u8],
        seal: &Seal,
        keys: &[(KeyId, Vec<u8>)],
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Fails if the store is not where it was opened: a file can be removed, moved or replaced meanwhile.
    async fn in_place(&self) -> Result<(), StoreError>;

    /// Returns of which version its schema is now: a newer program may have changed it since the store was opened.
    async fn schema(&self) -> Result<Schema, StoreError>;

    /// Returns the longest lifetime of any token that was ever issued, after raising it to `at_least`. A server raises it
    /// before it issues tokens, and what ends a token is kept for as long.
    async fn longest_lifetime(&self, at_least: Duration) -> Result<Duration, StoreError>;
}
