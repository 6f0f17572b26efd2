//! The merchants in the store.

use async_trait::async_trait;
use tollgate_core::{MerchantId, Timestamp};

use crate::{Act, StoreError};

/// Whether a merchant or a client is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The merchant or client is not disabled.
    Enabled,
    /// It is refused everywhere until it is enabled again.
    Disabled,
}

/// A merchant: a tenant, to which clients belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// The merchant's id.
    pub id: MerchantId,
    /// Its name for people.
    pub name: String,
    /// Whether its clients are accepted.
    pub status: Status,
    /// When it was created.
    pub created_at: Timestamp,
    /// How often it has been changed.
    pub version: Version,
}

/// How often something has been changed since it was created. A caller that has read it can make a change on the condition that
/// nobody else has changed it meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version(u64);

impl Version {
    /// Makes the version with this number.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Returns how many changes there have been.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// The store's merchants.
#[async_trait]
pub trait Merchants: Send + Sync {
    /// Adds a merchant with a new id.
    async fn create_merchant(&self, merchant: &Merchant, act: &Act) -> Result<(), StoreError>;

    /// Returns a merchant; `None` if there is none with this id.
    async fn merchant(&self, id: MerchantId) -> Result<Option<Merchant>, StoreError>;

    /// Returns up to `limit` merchants with ids after `after`, by id.
    async fn merchants(&self, after: Option<MerchantId>, limit: u32) -> Result<Vec<Merchant>, StoreError>;

    /// Enables or disables a merchant. Disabling raises its generation, which ends every token of its clients that was
    /// issued until now, or that will be issued by a server that has not read of it yet; the revocation is kept for the longest lifetime
    /// and [`CLOCKS_DIFFER`](crate::CLOCKS_DIFFER). Enabling changes no generation. Returns `false` if there is no such merchant.
    async fn set_merchant_status(
        &self,
        id: MerchantId,
        status: Status,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Ends every token that the clients of a merchant have by raising its generation; tokens that they obtain afterwards are
    /// valid. Returns `false` if there is no such merchant.
    async fn end_merchant_tokens(
        &self,
        id: MerchantId,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Renames a merchant. Returns `false` if there is no such merchant, or if it no longer has the version `only`, where one
    /// is given.
    async fn rename_merchant(
        &self,
        id: MerchantId,
        name: &str,
        only: Option<Version>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Deletes a merchant with everything that belongs to it (clients and their secrets, documents, idempotency keys), and ends its
    /// clients' tokens of every generation: its id never comes back. Returns `false` if there is no such merchant, or if it no
    /// longer has the version `only`, where one is given.
    async fn delete_merchant(
        &self,
        id: MerchantId,
        only: Option<Version>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;
}
