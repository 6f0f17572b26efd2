//! Deletion of what no longer counts.

use async_trait::async_trait;
use tollgate_core::Timestamp;

use super::engine::Sqlite;
use super::writer::Durability;
use super::{changes, idempotency, keys};
use crate::purge::PURGED_AT_ONCE;
use crate::{Purge, RETIRED_KEPT, StoreError};

#[async_trait]
impl Purge for Sqlite {
    async fn purge(&self, now: Timestamp) -> Result<u64, StoreError> {
        // What a power cut brings back is purged again.
        self.write(Durability::Process, move |connection| {
            let free = idempotency::purge(connection, now, PURGED_AT_ONCE)?;
            let changes = changes::purge(connection, now, PURGED_AT_ONCE)?;
            let retired = keys::purge(connection, now.before(RETIRED_KEPT))?;
            Ok((free + changes + retired) as u64)
        })
        .await
    }
}
