//! Deletion of rows that are no longer needed.

use async_trait::async_trait;
use tollgate_core::Timestamp;
use tollgate_store::engine::PURGED_AT_ONCE;
use tollgate_store::{Purge, RETIRED_KEPT, StoreError};

use crate::engine::Sqlite;
use crate::writer::Durability;
use crate::{changes, idempotency, keys};

#[async_trait]
impl Purge for Sqlite {
    async fn purge(&self, now: Timestamp) -> Result<u64, StoreError> {
        // Rows that a power cut brings back are purged again.
        self.write(Durability::Process, move |connection| {
            let free = idempotency::purge(connection, now, PURGED_AT_ONCE)?;
            let changes = changes::purge(connection, now, PURGED_AT_ONCE)?;
            let retired = keys::purge(connection, now.before(RETIRED_KEPT))?;
            Ok((free + changes + retired) as u64)
        })
        .await
    }
}
