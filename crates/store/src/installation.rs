//! What makes a store an installation, and what holds for all of it.

use std::time::Duration;

use async_trait::async_trait;

use crate::{SigningKey, StoreError};

/// The installation that a store holds.
#[async_trait]
pub trait Installation: Send + Sync {
    /// Makes an empty store an installation: keeps `check` and the first signing key. A store that holds one already is
    /// not changed. Returns the check value that the store now holds.
    async fn install(&self, check: &[u8], key: &SigningKey) -> Result<Vec<u8>, StoreError>;

    /// Returns the check value of the installation; `None` in an empty store.
    async fn installation(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// Fails if the store is not where it was opened: a file can be removed, moved or replaced meanwhile.
    async fn in_place(&self) -> Result<(), StoreError>;

    /// Returns the longest lifetime of any token that was ever issued, after raising it to `at_least`. A server raises it
    /// before it issues tokens, and what ends a token is kept for as long.
    async fn longest_lifetime(&self, at_least: Duration) -> Result<Duration, StoreError>;
}
