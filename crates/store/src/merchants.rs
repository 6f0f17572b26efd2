//! Merchants.

use async_trait::async_trait;
use tollgate_core::{MerchantId, Timestamp};

use crate::{Act, StoreError};

/// Whether a merchant or a client is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is accepted.
    Enabled,
    /// It is refused everywhere until it is enabled again.
    Disabled,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// Its id.
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

/// How often something has been changed since it was created. Whoever has read it can change it on the condition that
/// nobody else has meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version(u64);

impl Version {
    /// The version with this number.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// The merchants.
#[async_trait]
pub trait Merchants: Send + Sync {
    /// Adds a merchant.
    async fn create_merchant(&self, merchant: &Merchant, act: &Act) -> Result<(), StoreError>;

    /// Returns a merchant.
    async fn merchant(&self, id: MerchantId) -> Result<Option<Merchant>, StoreError>;

    /// Returns up to `limit` merchants with ids after `after`, by id.
    async fn merchants(&self, after: Option<MerchantId>, limit: u32) -> Result<Vec<Merchant>, StoreError>;

    /// Enables or disables a merchant. Disabling raises its generation, which ends every token of its clients that was
    /// issued until now or will be by a server that has not read of it; the revocation is kept for the longest lifetime
    /// and [`CLOCKS_DIFFER`](crate::CLOCKS_DIFFER). Enabling changes no generation. `false` if there is no such merchant.
    async fn set_merchant_status(
        &self,
        id: MerchantId,
        status: Status,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Ends every token that the clients of a merchant have by raising its generation; what they obtain from then on is
    /// good. `false` if there is no such merchant.
    async fn end_merchant_tokens(
        &self,
        id: MerchantId,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Gives a merchant another name. `false` if there is no such merchant, or if it is not of the version `only`, where that
    /// is given.
    async fn rename_merchant(
        &self,
        id: MerchantId,
        name: &str,
        only: Option<Version>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Deletes a merchant with all that is its own (clients and their secrets, documents, idempotency keys), and ends its
    /// clients' tokens of every generation: it never comes back.
    /// `false` if there is no such merchant, or if it is not of the version `only`, where that is given.
    async fn delete_merchant(
        &self,
        id: MerchantId,
        only: Option<Version>,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;
}
