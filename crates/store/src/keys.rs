//! The signing keys in the store.

use std::time::Duration;

use async_trait::async_trait;
use tollgate_core::{Algorithm, KeyId, Timestamp};

use crate::{Act, StoreError};

/// How long a signing key is kept after it has retired.
pub const RETIRED_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// A signing key, sealed. Its phase follows from its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// The key's id, which tokens carry.
    pub id: KeyId,
    /// The algorithm that it signs with.
    pub algorithm: Algorithm,
    /// The key material, encrypted by the master key.
    pub sealed: Vec<u8>,
    /// The public part, for everybody who verifies; `None` for a symmetric key, which has none.
    pub public_key: Option<Vec<u8>>,
    /// When it was generated.
    pub created_at: Timestamp,
    /// When it starts to sign.
    pub activates_at: Timestamp,
    /// When its tokens start to be refused; `None` while it has no successor.
    pub retires_at: Option<Timestamp>,
    /// Whether it is refused at once, whatever any clock shows.
    pub compromised: bool,
}

/// The store's signing keys.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Returns every signing key that has not been purged, oldest first.
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError>;

    /// Adds a signing key. The others of its algorithm retire at `others_retire_at`, unless they retire sooner.
    async fn add_signing_key(
        &self,
        key: &SigningKey,
        others_retire_at: Timestamp,
        act: &Act,
    ) -> Result<(), StoreError>;

    /// Adds a signing key and marks the others of its algorithm as compromised, which ends them at once whatever any clock
    /// shows.
    async fn replace_signing_keys(&self, key: &SigningKey, act: &Act) -> Result<(), StoreError>;

    /// Adds a signing key as [`Keys::add_signing_key`] does, but only as the successor of `predecessor`. `false`, and
    /// nothing added, if that key has a successor already, or does not exist.
    async fn succeed_signing_key(
        &self,
        predecessor: KeyId,
        key: &SigningKey,
        others_retire_at: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;
}
