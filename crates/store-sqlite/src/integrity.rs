//! Checks whether the store is damaged.

use async_trait::async_trait;
use tollgate_store::{Integrity, StoreError};

use crate::damage::damage;
use crate::engine::Sqlite;

#[async_trait]
impl Integrity for Sqlite {
    async fn damage(&self) -> Result<Vec<String>, StoreError> {
        self.read(damage).await
    }
}
