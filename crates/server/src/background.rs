//! What goes on beside the requests. A task that panics would end silently, and with it something that the server
//! promises: so whoever watches the server is told.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::installation::Installation;
use crate::server::catch_panic;

/// A task that runs as long as the server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Reads what others changed.
    Follower,
    /// Reads the clients' ids.
    ClientIds,
    /// Deletes what has expired.
    Purge,
    /// Rotates the signing keys.
    Rotation,
    /// Watches the store's place and the clocks.
    Watcher,
}

impl Task {
    /// What has ended with it, for the log.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Follower => "reading what others changed",
            Self::ClientIds => "reading the clients' ids",
            Self::Purge => "deleting what has expired",
            Self::Rotation => "rotating the signing keys",
            Self::Watcher => "watching the store and the clocks",
        }
    }

    /// What `/readyz` says.
    pub(crate) const fn not_ready(self) -> &'static str {
        match self {
            Self::Follower => "Not ready: reading what others changed has panicked. Restart the server.",
            Self::ClientIds => "Not ready: reading the clients' ids has panicked. Restart the server.",
            Self::Purge => "Not ready: deleting what has expired has panicked. Restart the server.",
            Self::Rotation => "Not ready: rotating the signing keys has panicked. Restart the server.",
            Self::Watcher => "Not ready: watching the store and the clocks has panicked. Restart the server.",
        }
    }
}

/// Runs a task. If it panics, the server is not ready from then on, and says so.
pub(crate) fn spawn(
    task: Task,
    installation: Arc<Installation>,
    work: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        if catch_panic(work).await.is_err() {
            // The hook has logged where.
            tracing::error!(task = task.as_str(), "a background task has panicked: restart the server");
            installation.task_panicked(task);
        }
    })
}
