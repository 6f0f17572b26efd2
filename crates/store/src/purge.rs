//! Deletion of what no longer counts.

use async_trait::async_trait;
use tollgate_core::Timestamp;

use crate::StoreError;

/// The most rows of each table that one call of [`Purge::purge`] deletes one by one.
pub const PURGED_AT_ONCE: u32 = 1000;

/// Deletion of what no longer counts.
#[async_trait]
pub trait Purge: Send + Sync {
    /// Deletes what no longer counts at `now`, a bounded number of rows at a time: idempotency keys and changes
    /// that have expired, signing keys retired for a day. Returns the number of rows.
    async fn purge(&self, now: Timestamp) -> Result<u64, StoreError>;
}
