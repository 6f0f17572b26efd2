//! Documents: what other parts of a program keep here, such as the payment requests of the sandbox.

use async_trait::async_trait;
use tollgate_core::{Environment, MerchantId, Timestamp};

use crate::StoreError;

/// Something of a merchant's that the store keeps without understanding it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it is, such as `payment request`. Each kind has its own lists.
    pub kind: &'static str,
    /// Its id, unique among documents of every kind.
    pub id: [u8; 16],
    /// The merchant it belongs to.
    pub merchant_id: MerchantId,
    /// The environment it belongs to.
    pub environment: Environment,
    /// Its content as its owner wrote it; it never changes.
    pub body: String,
    /// Its state, a word of its owner's.
    pub state: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when on its state no longer changes.
    pub expires_at: Timestamp,
    /// When its state changed last, if it has.
    pub changed_at: Option<Timestamp>,
}

/// The documents.
#[async_trait]
pub trait Documents: Send + Sync {
    /// Adds a document.
    async fn add_document(&self, document: &Document) -> Result<(), StoreError>;

    /// Returns a document, whichever merchant it belongs to.
    async fn document(&self, kind: &'static str, id: [u8; 16]) -> Result<Option<Document>, StoreError>;

    /// Returns up to `limit` documents of a merchant, newest first, after the one at `after` (its creation time and id).
    async fn documents(
        &self,
        kind: &'static str,
        merchant: MerchantId,
        environment: Environment,
        after: Option<(Timestamp, [u8; 16])>,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError>;

    /// Moves a document from the state `from` to the state `to`, unless it is in another state or has expired at `now`.
    /// Returns the document as it is afterwards; `None` if it does not exist.
    async fn change_document(
        &self,
        kind: &'static str,
        id: [u8; 16],
        from: &str,
        to: &str,
        now: Timestamp,
    ) -> Result<Option<Document>, StoreError>;
}
