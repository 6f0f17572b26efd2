//! The audit trail as this process writes it: the key that chains the records, and whose turn it is to act.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;
use tollgate_keys::TrailKey;
use tollgate_store::{Act, Draft, StoreError};

/// How long an act waits for those before it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The audit trail of an installation.
#[derive(Clone)]
pub struct AuditTrail {
    key: Arc<TrailKey>,
    turn: Arc<Mutex<()>>,
}

impl AuditTrail {
    /// With the key that the installation's records are chained by.
    pub fn new(key: TrailKey) -> Self {
        Self { key: Arc::new(key), turn: Arc::default() }
    }

    /// The key that records are chained by.
    pub fn key(&self) -> &TrailKey {
        &self.key
    }

    /// Makes an act of its record.
    pub fn act(&self, record: Draft) -> Act {
        Act::new(self.key.clone(), record)
    }

    /// Waits until no other act of this process is under way that is prepared on the newest record: it would be overtaken.
    pub async fn turn(&self) -> Result<MutexGuard<'_, ()>, StoreError> {
        timeout(PATIENCE, self.turn.lock())
            .await
            .map_err(|_| StoreError::Unavailable("too many acts are waiting for their turn".to_owned()))
    }
}
