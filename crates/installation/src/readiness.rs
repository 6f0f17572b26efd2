//! The reasons why a server is not ready.

use std::sync::Arc;

/// Why tokens can't be issued here, or no new work should be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// The server is about to end.
    #[error("the server is draining")]
    Draining,
    /// No signing key is in force.
    #[error("no signing key is in force")]
    NoSigningKey,
    /// The server's data is too old.
    #[error("what others changed has not been read from the store for too long")]
    Stale,
    /// A background task has panicked, and no longer runs.
    #[error("{} has panicked", .0.as_str())]
    Panicked(Task),
    /// Something that the server depends on is not as it must be: its store, its clock, or the agreement with the other servers.
    #[error("{0}")]
    Suspended(Arc<str>),
}

/// A task that runs as long as the server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Reads the changes that others made.
    Follower,
    /// Reads the clients' ids.
    ClientIds,
    /// Deletes expired data.
    Purge,
    /// Rotates the signing keys.
    Rotation,
    /// Watches the store's place and the clocks.
    Watcher,
    /// Records events in the audit trail.
    Events,
    /// Streams the audit trail.
    Streaming,
    /// Writes the uses of secrets to the store.
    Uses,
    /// A task of a mounted part, with words for what has ended with it.
    Mounted(&'static str),
}

impl Task {
    /// Returns words for what has ended with the task.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Follower => "reading what others changed",
            Self::ClientIds => "reading the clients' ids",
            Self::Purge => "deleting what has expired",
            Self::Rotation => "rotating the signing keys",
            Self::Watcher => "watching the store and the clocks",
            Self::Events => "recording events in the audit trail",
            Self::Streaming => "streaming the audit trail",
            Self::Uses => "noting when secrets are used",
            Self::Mounted(what) => what,
        }
    }
}
