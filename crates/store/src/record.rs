//! What a store keeps, in the words of the domain.

use std::time::Duration;

use ipnet::IpNet;
use tollgate_core::{
    Algorithm, ClientId, Environment, Generation, KeyId, MerchantId, Revocation, Scope, SecretHash, SecretId,
    Timestamp,
};

/// Whether a merchant or a client may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It may.
    Enabled,
    /// It is refused everywhere until it is enabled again.
    Disabled,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// Its id.
    pub id: MerchantId,
    /// What people call it.
    pub name: String,
    /// Whether its clients may be used.
    pub status: Status,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A set of credentials, with its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its id, which it authenticates with.
    pub id: ClientId,
    /// The merchant it acts for; `None` for an operator's client, which acts for every merchant.
    pub merchant_id: Option<MerchantId>,
    /// What people call it.
    pub name: String,
    /// Whether its calls move money.
    pub environment: Environment,
    /// The most its tokens may allow.
    pub scope: Scope,
    /// Where it may call from; empty means anywhere.
    pub addresses: Vec<IpNet>,
    /// Whether it may be used itself.
    pub status: Status,
    /// Whether its merchant may be used. `Enabled` for an operator's client.
    pub merchant_status: Status,
    /// The generation of its tokens: those of earlier ones were ended by disabling it.
    pub generation: Generation,
    /// The generation of its merchant's tokens; the first for an operator's client.
    pub merchant_generation: Generation,
    /// When it was created.
    pub created_at: Timestamp,
    /// Its secrets, oldest first, the revoked ones among them.
    pub secrets: Vec<Secret>,
}

/// One of a client's secrets; of the secret itself only a keyed hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its id, which tokens carry.
    pub id: SecretId,
    /// HMAC-SHA-256 of the secret and the client's id.
    pub hash: SecretHash,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when on it is refused, if it expires.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// A signing key, sealed. Its phase follows from its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Its id.
    pub id: KeyId,
    /// The algorithm that it signs with.
    pub algorithm: Algorithm,
    /// The key material, encrypted by the master key.
    pub sealed: Vec<u8>,
    /// The public part, for everybody who verifies; `None` for a symmetric key, which has none.
    pub public_key: Option<Vec<u8>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub activates_at: Timestamp,
    /// From when on its tokens are refused; unknown while no successor exists.
    pub retires_at: Option<Timestamp>,
    /// Whether it is refused from now on, whatever any clock shows.
    pub compromised: bool,
}

/// What a process that wants to do a task for all that share the store asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidacy {
    /// The task, of which there is one holder at a time.
    pub office: &'static str,
    /// Who asks: drawn at random by each process.
    pub holder: [u8; 16],
    /// Until when it would hold it.
    pub until: Timestamp,
}

/// What the servers that share a store have agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Which in their order, from 1 on.
    pub seq: u64,
    /// What they agreed on, as a server wrote it: the store never looks into it.
    pub terms: String,
    /// When that was recorded.
    pub adopted_at: Timestamp,
    /// By whom.
    pub adopted_by: String,
    /// When another took its place, if one has.
    pub superseded_at: Option<Timestamp>,
}

/// What is to be the agreement from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// The newest agreement that is known to whoever adopts another; `None` if there is none.
    pub predecessor: Option<u64>,
    /// What is agreed on.
    pub terms: String,
    /// Who adopts it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A server that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningServer {
    /// Drawn at random by each process.
    pub id: [u8; 16],
    /// What people call it: where it runs.
    pub name: String,
    /// Which process it is, as a server wrote it.
    pub process: String,
    /// What it is configured to, as in an [`Agreement`].
    pub terms: String,
    /// When it last said that it runs.
    pub beat_at: Timestamp,
}

/// A place in the change log: right behind a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The change's number. Later changes have greater ones; before the first it is 0.
    pub seq: u64,
    /// What tells the change from another that has its number in another history. A standby that becomes the primary
    /// without the newest changes gives their numbers to others. Drawn with each change where that can happen, zeros
    /// elsewhere.
    pub mark: [u8; 16],
}

impl Position {
    /// Before the first change.
    pub const START: Self = Self { seq: 0, mark: [0; 16] };
}

/// An entry of the change log: what other processes must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Where the log goes on behind it.
    pub position: Position,
    /// What changed.
    pub what: Changed,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// A client or one of its secrets: read it again.
    Client(ClientId),
    /// A merchant: read its clients again.
    Merchant(MerchantId),
    /// The signing keys, or what the servers have agreed on: read both again.
    SigningKeys,
    /// Tokens were revoked.
    Revocation(Revocation),
}

/// Where an idempotency key counts: merchant, environment and route, never the token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyScope {
    /// Whose key it is.
    pub merchant_id: MerchantId,
    /// In which environment.
    pub environment: Environment,
    /// Method and path, such as `POST /api/v1/payment-requests:redirect`.
    pub route: &'static str,
    /// The key itself: 1 to 255 printable ASCII characters, without the quotes of its quoted form.
    pub key: String,
}

/// The right to do what an idempotency key asks for, held until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Which key.
    pub scope: IdempotencyScope,
    /// SHA-256 of the request, by which a repeat is told from another request.
    pub fingerprint: [u8; 32],
    /// Random, drawn by the holder: a lease that was taken over can't be completed by its first holder.
    pub owner: [u8; 16],
    /// Until when the key is this holder's alone.
    pub until: Timestamp,
}

/// What a server knows that found no other one running on its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alone {
    /// When it looked, by the store's clock. Whoever came later may hold leases that were taken later.
    pub since: Timestamp,
    /// How long a lease lasts at most.
    pub longest_lease: Duration,
}

/// What a store knows of an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing that counts: the lease is now held.
    Fresh,
    /// The same request was answered already.
    Answered(Answer),
    /// The same request is being worked on until its lease ends at the latest.
    InProgress {
        /// When that is.
        until: Timestamp,
    },
    /// Another request has this key.
    Mismatch,
}

/// An answer kept for repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// From when on the key is free again.
    pub expires_at: Timestamp,
}
