//! Deletion of rows that are no longer needed.

use async_trait::async_trait;
use tollgate_core::Timestamp;
use tollgate_store::{Purge, RETIRED_KEPT, StoreError};

use crate::engine::Postgres;
use crate::{changes, idempotency, keys};

#[async_trait]
impl Purge for Postgres {
    async fn purge(&self, now: Timestamp) -> Result<u64, StoreError> {
        let changes = changes::purge(self, now).await?;
        let retired = keys::purge(self, now.before(RETIRED_KEPT)).await?;
        let free = idempotency::purge(self, now).await?;
        Ok(changes + retired + free)
    }
}
