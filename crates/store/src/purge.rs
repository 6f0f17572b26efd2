//! Deletion of rows that are no longer needed.

use async_trait::async_trait;
use tollgate_core::Timestamp;

use crate::StoreError;

/// The most rows of each table that one call of [`Purge::purge`] deletes one by one.
pub const PURGED_AT_ONCE: u32 = 1000;

/// Deletion of rows that are no longer needed.
#[async_trait]
pub trait Purge: Send + Sync {
    /// Deletes rows that are no longer needed at `now`, a bounded number at a time: idempotency keys and changes
    /// that have expired, and signing keys that retired a day ago. Returns the number of rows.
    async fn purge(&self, now: Timestamp) -> Result<u64, StoreError>;
}
