//! The servers that share a store: which run, and which of them leads.

use std::time::Duration;

use async_trait::async_trait;
use tollgate_core::Timestamp;

use crate::StoreError;

/// How long a server that has been silent is remembered.
pub const SERVERS_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// A server that shares the store and has said that it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningServer {
    /// Its id, drawn at random by each process.
    pub id: [u8; 16],
    /// Its name for people, which says where it runs.
    pub name: String,
    /// Its process, in the server's own text form.
    pub process: String,
    /// The terms of its configuration, as in an [`Agreement`](crate::Agreement).
    pub terms: String,
    /// When it last said that it runs.
    pub beat_at: Timestamp,
}

/// The proof of a server that it is alone: it has found no other server running on its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alone {
    /// When it looked, by the store's clock. A server that came later may hold leases that were taken later.
    pub since: Timestamp,
    /// The longest time that a lease lasts.
    pub longest_lease: Duration,
}

/// The right to do a task for all servers that share the store, held by one of them at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaderLease {
    /// The name of the task.
    pub task: &'static str,
    /// The server that asks for the lease: an id that each process draws at random.
    pub holder: [u8; 16],
    /// When the lease ends.
    pub until: Timestamp,
}

/// The servers that share the store.
#[async_trait]
pub trait Servers: Send + Sync {
    /// Notes that a server runs. A power cut may lose the note.
    async fn beat(&self, server: &RunningServer) -> Result<(), StoreError>;

    /// Notes that a server has ended.
    async fn leave(&self, server: [u8; 16]) -> Result<(), StoreError>;

    /// Returns the servers that have said that they run at `since` or later.
    async fn servers(&self, since: Timestamp) -> Result<Vec<RunningServer>, StoreError>;

    /// Says that this process serves from now on, until it closes the store. If no other process serves, the leases of
    /// idempotency keys that are still held belong to processes that died, and are freed. Returns their number.
    ///
    /// SQLite knows by a lock on a file whether another process serves. PostgreSQL is told by `alone`; without it no
    /// lease is freed, and each ends by itself.
    async fn start_serving(&self, alone: Option<Alone>) -> Result<u64, StoreError>;

    /// Acquires or renews a leader lease, unless another server holds it at `now`. Returns whether the caller holds it now. A power
    /// cut may lose the lease: then nobody holds it.
    ///
    /// Clocks differ, so two servers may believe that they hold it: the leader's work must be correct even then.
    async fn lead(&self, lease: &LeaderLease, now: Timestamp) -> Result<bool, StoreError>;

    /// Gives a leader lease back. Does nothing if another server holds it.
    async fn stop_leading(&self, lease: &LeaderLease) -> Result<(), StoreError>;
}
