//! Idempotency keys: leases and answers.

use async_trait::async_trait;
use tollgate_core::{ClientId, Environment, MerchantId, Timestamp};

use crate::{Act, Client, Document, Merchant, Secret, StoreError};

/// Where an idempotency key is unique: within a merchant, environment and route, whichever token is used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyScope {
    /// The merchant that the key belongs to; for an operator's client, which acts for no merchant, the client's own id.
    pub merchant_id: MerchantId,
    /// The environment of the client that sent the key.
    pub environment: Environment,
    /// Method and path, such as `POST /api/v1/payment-requests:redirect`.
    pub route: &'static str,
    /// The key itself: 1 to 255 printable ASCII characters, without the quotes of its quoted form.
    pub key: String,
}

/// The right to carry out a request with an idempotency key, held until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The key, and where it is unique.
    pub scope: IdempotencyScope,
    /// The SHA-256 of the request, which tells a repeat from another request.
    pub fingerprint: [u8; 32],
    /// A random value drawn by the holder, so that the first holder can't complete a lease that was taken over.
    pub owner: [u8; 16],
    /// When the lease ends.
    pub until: Timestamp,
}

/// The state of an idempotency key when a request with it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The key was free: the caller now holds the lease.
    Fresh,
    /// The same request was answered already.
    Answered(Answer),
    /// The same request is in progress.
    InProgress {
        /// When the lease of that request ends.
        until: Timestamp,
    },
    /// Another request has this key.
    Mismatch,
}

/// An answer that is kept for repeats of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status of the answer.
    pub status: u16,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// When the key is free again.
    pub expires_at: Timestamp,
}

/// What an operator's request with an idempotency key creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// A new merchant.
    Merchant(Merchant),
    /// A client with its secrets.
    Client(Box<Client>),
    /// A secret of a client, as by [`Clients::add_secret`](crate::Clients::add_secret).
    Secret {
        /// The client that the secret belongs to.
        client: ClientId,
        /// The secret to add.
        secret: Secret,
        /// When the client's other secrets expire.
        others_expire_at: Option<Timestamp>,
    },
}

/// The outcome of a creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completed {
    /// The object was created, and the answer is kept.
    Created,
    /// The merchant or client that it should belong to does not exist. Nothing was created, and the key is free.
    Refused,
    /// The lease was taken over. Nothing was created.
    LeaseLost,
}

/// The store's idempotency keys.
#[async_trait]
pub trait Idempotency: Send + Sync {
    /// Looks up an idempotency key and, if it is free at `now`, takes it by `lease`. A power cut may lose the lease, which
    /// had no effect yet.
    async fn begin(&self, lease: &Lease, now: Timestamp) -> Result<Begun, StoreError>;

    /// Adds a document and, in the same transaction, keeps the answer under the lease's key. Returns `false`, and adds nothing,
    /// if the lease has been taken over.
    async fn complete(&self, lease: &Lease, answer: &Answer, document: &Document)
    -> Result<bool, StoreError>;

    /// Creates what an operator's request asks for and, in the same transaction, keeps the answer under the lease's key.
    async fn complete_creation(
        &self,
        lease: &Lease,
        answer: &Answer,
        creation: &Creation,
        now: Timestamp,
        act: &Act,
    ) -> Result<Completed, StoreError>;

    /// Gives a lease back without an answer. Does nothing if the lease is no longer held.
    async fn abandon(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Says whether an idempotency key is taken at `now`, by a request in progress or answered.
    async fn is_taken(&self, scope: &IdempotencyScope, now: Timestamp) -> Result<bool, StoreError>;
}
