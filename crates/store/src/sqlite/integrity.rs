//! Whether the store is whole.

use async_trait::async_trait;

use super::damage::damage;
use super::engine::Sqlite;
use crate::{Integrity, StoreError};

#[async_trait]
impl Integrity for Sqlite {
    async fn damage(&self) -> Result<Vec<String>, StoreError> {
        self.read(damage).await
    }
}
