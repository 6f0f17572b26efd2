//! Checks whether the store is damaged.

use async_trait::async_trait;

use crate::StoreError;

/// The check of the file and the schema.
#[async_trait]
pub trait Integrity: Send + Sync {
    /// Lists what is wrong with the file and the schema, one line each, without the values of any row; empty if nothing is wrong.
    /// To check the rows, read them with [`Transfer::export`](crate::Transfer::export).
    async fn damage(&self) -> Result<Vec<String>, StoreError>;
}
