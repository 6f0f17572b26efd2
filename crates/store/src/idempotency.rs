//! Idempotency keys: leases and answers.

use async_trait::async_trait;
use tollgate_core::{ClientId, Environment, MerchantId, Timestamp};

use crate::{Act, Client, Document, Merchant, Secret, StoreError};

/// Where an idempotency key counts: merchant, environment and route, never the token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyScope {
    /// The merchant that the key belongs to. An operator's client acts for none: its own id stands here.
    pub merchant_id: MerchantId,
    /// Its environment.
    pub environment: Environment,
    /// Method and path, such as `POST /api/v1/payment-requests:redirect`.
    pub route: &'static str,
    /// The key itself: 1 to 255 printable ASCII characters, without the quotes of its quoted form.
    pub key: String,
}

/// The right to do what a request with an idempotency key asks for, held until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The key.
    pub scope: IdempotencyScope,
    /// SHA-256 of the request, by which a repeat is told from another request.
    pub fingerprint: [u8; 32],
    /// Random, drawn by the holder: a lease that was taken over can't be completed by its first holder.
    pub owner: [u8; 16],
    /// When the lease ends.
    pub until: Timestamp,
}

/// What a store knows of an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing that counts: the caller now holds the lease.
    Fresh,
    /// The same request was answered already.
    Answered(Answer),
    /// The same request is in progress.
    InProgress {
        /// When its lease ends.
        until: Timestamp,
    },
    /// Another request has this key.
    Mismatch,
}

/// An answer that is kept for repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// When the key is free again.
    pub expires_at: Timestamp,
}

/// What an administrator's request with an idempotency key creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    /// A merchant.
    Merchant(Merchant),
    /// A client with its secrets.
    Client(Box<Client>),
    /// A secret of a client, as by [`Clients::add_secret`](crate::Clients::add_secret).
    Secret {
        /// The client.
        client: ClientId,
        /// The secret.
        secret: Secret,
        /// When the client's other secrets expire.
        others_expire_at: Option<Timestamp>,
    },
}

/// What came of a creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completed {
    /// It was created, and its answer is kept.
    Created,
    /// What it belongs to does not exist. Nothing was created, and the key is free.
    Refused,
    /// The lease has been taken over. Nothing was created.
    LeaseLost,
}

/// The idempotency keys.
#[async_trait]
pub trait Idempotency: Send + Sync {
    /// Looks an idempotency key up and, if it is free at `now`, takes it by `lease`. May be lost in a power cut: a lease
    /// that is lost had no effect yet.
    async fn begin(&self, lease: &Lease, now: Timestamp) -> Result<Begun, StoreError>;

    /// Adds a document and, in the same transaction, keeps the answer under the lease's key. `false`, and nothing added,
    /// if the lease has been taken over.
    async fn complete(&self, lease: &Lease, answer: &Answer, document: &Document)
    -> Result<bool, StoreError>;

    /// Creates what an administrator's request asks for and, in the same transaction, keeps the answer under the lease's key.
    async fn complete_creation(
        &self,
        lease: &Lease,
        answer: &Answer,
        creation: &Creation,
        now: Timestamp,
        act: &Act,
    ) -> Result<Completed, StoreError>;

    /// Gives a lease back without an answer. Nothing happens if it is held no longer.
    async fn abandon(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Says whether an idempotency key is taken at `now`, by a request in progress or answered.
    async fn is_taken(&self, scope: &IdempotencyScope, now: Timestamp) -> Result<bool, StoreError>;
}
