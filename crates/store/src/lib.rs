//! What Tollgate remembers.
//!
//! One trait, [`Store`], with one file per backend, and one conformance suite that every backend runs.
//! A store remembers, it never decides: each method is one transaction, absence is `Option` or `false`,
//! and what time it is comes as an argument. Whatever other processes must know is written together with
//! an entry of the change log, in the same transaction.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod documents;
mod postgres;
mod record;
mod sqlite;
mod table;
mod time;

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tollgate_core::{ClientId, KeyId, MerchantId, Revocation, SecretId, Timestamp};

pub use documents::{Document, Documents};
pub use postgres::{Postgres, PostgresAddress, PostgresOptions};
pub use record::{
    Adoption, Agreement, Alone, Answer, Begun, Candidacy, Change, Changed, Client, IdempotencyScope, Lease,
    Merchant, Position, RunningServer, Secret, SigningKey, Status,
};
pub use sqlite::Sqlite;
pub use table::{Part, Row, Table, Value};
pub use time::{Time, TimePassed};

/// How much longer than the longest token a revocation is kept, and a retired signing key verifies: the clocks of servers
/// may be behind by as much.
pub const CLOCKS_DIFFER: Duration = Duration::from_secs(60 * 60);

/// How long a change that is no revocation stays in the log: a process that was away for longer loads everything.
const CHANGES_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a retired signing key is kept.
pub const RETIRED_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How many of the newest agreements count: so many changes of what is agreed on may be under way at once.
const AGREEMENTS_SHOWN: u32 = 16;

/// How long a server that has been silent is remembered.
const SERVERS_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The most rows of each table that one call of [`Store::purge`] deletes one by one.
const PURGED_AT_ONCE: u32 = 1000;

/// Why a store could not do as asked. Nothing was changed, unless it is [`StoreError::OutcomeUnknown`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It can't be reached, is full, or failed to read or write. Trying again later may work.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What is configured leads to no store: none was made there, or nobody is let in. Waiting mends nothing.
    #[error("there is no store to use: {0}")]
    Misconfigured(String),
    /// It did not say what became of a change, and it may have been made.
    #[error("the store is unavailable: {0}: whether the change was made is not known")]
    OutcomeUnknown(String),
    /// What it holds can't be understood: damaged, or not a store of ours.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// It was written by a newer version, whose schema this one doesn't know.
    #[error("the store has schema version {found}, this version knows up to {known}: use a newer tollgate")]
    Newer {
        /// The version it has.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
}

/// What Tollgate remembers, on any engine.
#[async_trait]
pub trait Store: Documents + Time + Send + Sync + 'static {
    /// Makes an empty store an installation: keeps `check` and the first signing key. If it is one already it
    /// changes nothing. Either way returns the check value that the store now holds.
    async fn install(&self, check: &[u8], key: &SigningKey) -> Result<Vec<u8>, StoreError>;

    /// Says whether it still is where it was opened: a file can be removed, moved or replaced meanwhile.
    async fn in_place(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// The check value of the installation; `None` in an empty store.
    async fn installation(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// For how long any token that was ever issued can be good, after raising that to `at_least`. A server raises it
    /// before it issues tokens, and what ends a token is kept for as long.
    async fn longest_lifetime(&self, at_least: Duration) -> Result<Duration, StoreError>;

    /// Every signing key that has not been purged, oldest first.
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError>;

    /// Adds a signing key, and lets all others retire at `others_retire_at` where that is sooner than they would.
    async fn add_signing_key(&self, key: &SigningKey, others_retire_at: Timestamp) -> Result<(), StoreError>;

    /// Adds a signing key and marks all others as compromised, which ends them at once whatever any clock shows.
    async fn replace_signing_keys(&self, key: &SigningKey) -> Result<(), StoreError>;

    /// Adds a signing key as [`Store::add_signing_key`] does, but only as the successor of `predecessor`. `false`, and nothing added, if that one
    /// has a successor already, or is gone.
    async fn succeed_signing_key(
        &self,
        predecessor: KeyId,
        key: &SigningKey,
        others_retire_at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Gives an office to a candidate if nobody holds it at `now`, or prolongs it if the candidate does. Says whether the
    /// candidate now holds it. Need not survive a power cut: then nobody holds it.
    ///
    /// Clocks differ, so two may believe that they hold it: what the holder does must be right even then.
    async fn elect(&self, candidacy: &Candidacy, now: Timestamp) -> Result<bool, StoreError>;

    /// Gives an office back. Nothing happens if it is held no longer.
    async fn resign(&self, candidacy: &Candidacy) -> Result<(), StoreError>;

    /// The newest of what the servers have agreed on, at most 16, newest first.
    async fn agreements(&self) -> Result<Vec<Agreement>, StoreError>;

    /// Lets something else be agreed on. `false`, and nothing adopted, if the newest agreement is another than the
    /// predecessor that is named.
    async fn adopt(&self, adoption: &Adoption) -> Result<bool, StoreError>;

    /// Notes that a server runs. Need not survive a power cut.
    async fn beat(&self, server: &RunningServer) -> Result<(), StoreError>;

    /// Notes that a server has ended.
    async fn leave(&self, server: [u8; 16]) -> Result<(), StoreError>;

    /// The servers that have said that they run at `since` or later.
    async fn servers(&self, since: Timestamp) -> Result<Vec<RunningServer>, StoreError>;

    /// The position behind the newest change.
    async fn last_change(&self) -> Result<Position, StoreError>;

    /// Up to `limit` changes after a position, in order. `None` when one of them has been purged, or when the history
    /// of the store has no such position (it was restored from a backup, or a standby took over that lacked it): then
    /// the caller can't know what it missed and must load everything afresh. A change is kept for a day, a revocation
    /// until it expires.
    async fn changes_since(&self, after: Position, limit: u32) -> Result<Option<Vec<Change>>, StoreError>;

    /// Every revocation that has not expired at `now`.
    async fn revocations(&self, now: Timestamp) -> Result<Vec<Revocation>, StoreError>;

    /// Records a revocation.
    async fn revoke(&self, revocation: &Revocation, now: Timestamp) -> Result<(), StoreError>;

    /// Adds a merchant.
    async fn create_merchant(&self, merchant: &Merchant) -> Result<(), StoreError>;

    /// A merchant.
    async fn merchant(&self, id: MerchantId) -> Result<Option<Merchant>, StoreError>;

    /// Up to `limit` merchants with ids after `after`, by id.
    async fn merchants(&self, after: Option<MerchantId>, limit: u32) -> Result<Vec<Merchant>, StoreError>;

    /// Enables or disables a merchant. Disabling raises its generation, and so ends every token of its clients that was
    /// issued until now or will be by a server that has not heard of it; the revocation is kept for the longest lifetime
    /// and [`CLOCKS_DIFFER`]. Enabling changes no generation. `false` if there is no such merchant.
    async fn set_merchant_status(
        &self,
        id: MerchantId,
        status: Status,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Adds a client with its secrets. `false`, and nothing added, if its merchant doesn't exist.
    async fn create_client(&self, client: &Client) -> Result<bool, StoreError>;

    /// A client with its secrets.
    async fn client(&self, id: ClientId) -> Result<Option<Client>, StoreError>;

    /// Up to `limit` clients (of one merchant, if given) with ids after `after`, by id.
    async fn clients(
        &self,
        merchant: Option<MerchantId>,
        after: Option<ClientId>,
        limit: u32,
    ) -> Result<Vec<Client>, StoreError>;

    /// Up to `limit` ids of clients after `after`, in order.
    async fn client_ids(&self, after: Option<ClientId>, limit: u32) -> Result<Vec<ClientId>, StoreError>;

    /// Enables or disables a client. Disabling ends its tokens as [`Store::set_merchant_status`] does.
    /// `false` if there is no such client.
    async fn set_client_status(
        &self,
        id: ClientId,
        status: Status,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Deletes a client with its secrets, and ends its tokens of every generation: it never comes back.
    /// `false` if there is no such client.
    async fn delete_client(&self, id: ClientId, now: Timestamp) -> Result<bool, StoreError>;

    /// Adds a secret; with `others_expire_at` every other live secret expires then, if it would not sooner.
    /// `false` if there is no such client.
    async fn add_secret(
        &self,
        client: ClientId,
        secret: &Secret,
        others_expire_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Revokes a secret and every token obtained with it, whenever that was issued. `false` if the client has no
    /// such secret; revoking one again changes nothing and is `true`.
    async fn revoke_secret(
        &self,
        client: ClientId,
        secret: SecretId,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Says that this process serves from now on, until it closes the store. If no other one does, the leases of
    /// idempotency keys that are still held are of processes that died, and are given back. Returns how many.
    ///
    /// SQLite knows by a lock on a file whether another process serves. PostgreSQL is told by `alone`; without it no
    /// lease is given back, and each ends by itself.
    async fn start_serving(&self, alone: Option<Alone>) -> Result<u64, StoreError>;

    /// Looks an idempotency key up and, if it is free at `now`, takes it by `lease`. Need not survive a power
    /// cut: a lease that is lost had no effect yet.
    async fn begin(&self, lease: &Lease, now: Timestamp) -> Result<Begun, StoreError>;

    /// Gives a lease back without an answer. Nothing happens if it is held no longer.
    async fn abandon(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Says whether an idempotency key is taken at `now`, by a request in progress or answered.
    async fn is_taken(&self, scope: &IdempotencyScope, now: Timestamp) -> Result<bool, StoreError>;

    /// Adds a document and, in the same transaction, keeps the answer under the lease's key. `false`, and nothing added,
    /// if the lease has been taken over.
    async fn complete(&self, lease: &Lease, answer: &Answer, document: &Document)
    -> Result<bool, StoreError>;

    /// Deletes what no longer counts at `now`, a bounded number of rows at a time: idempotency keys and changes
    /// that have expired, signing keys retired for a day. Returns how many rows went.
    async fn purge(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Sends everything that it holds, as of one moment: rows by [`Table::ALL`] and by their keys, then [`Part::End`].
    async fn export(&self, parts: mpsc::Sender<Part>) -> Result<(), StoreError>;

    /// Takes what another store exports, all of it or nothing. `false`, and nothing taken, if it holds anything.
    async fn import(&self, parts: mpsc::Receiver<Part>) -> Result<bool, StoreError>;
}
