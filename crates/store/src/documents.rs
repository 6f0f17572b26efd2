//! Documents: data that other parts of a program keep in the store, such as the payment requests of the sandbox.

use async_trait::async_trait;
use tollgate_core::{Environment, MerchantId, Timestamp};

use crate::StoreError;

/// A document of a merchant, which the store keeps without understanding it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The kind of document, such as `payment request`. Each kind has its own lists.
    pub kind: &'static str,
    /// Its id, unique among documents of every kind.
    pub id: [u8; 16],
    /// The merchant it belongs to.
    pub merchant_id: MerchantId,
    /// The environment it belongs to.
    pub environment: Environment,
    /// Its content as its owner wrote it; it never changes.
    pub body: String,
    /// Its state, a word that its owner chooses.
    pub state: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its state stops changing.
    pub expires_at: Timestamp,
    /// When its state changed last, if it has.
    pub changed_at: Option<Timestamp>,
}

/// The store's documents.
#[async_trait]
pub trait Documents: Send + Sync {
    /// Adds a document with a new id.
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
