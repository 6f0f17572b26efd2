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

    /// Gives a merchant another name. `false` if there is no such merchant.
    async fn rename_merchant(
        &self,
        id: MerchantId,
        name: &str,
        now: Timestamp,
        act: &Act,
    ) -> Result<bool, StoreError>;

    /// Deletes a merchant with its clients and their secrets, and ends their tokens of every generation: it never comes back.
    /// `false` if there is no such merchant.
    async fn delete_merchant(&self, id: MerchantId, now: Timestamp, act: &Act) -> Result<bool, StoreError>;
}
