//! The audit trail as this process writes it: the key that chains the records, and the turn of each act.

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
    /// Makes the audit trail with the key that chains the installation's records.
    pub fn new(key: TrailKey) -> Self {
        Self { key: Arc::new(key), turn: Arc::default() }
    }

    /// Returns the key that records are chained by.
    pub fn key(&self) -> &TrailKey {
        &self.key
    }

    /// Makes an act from its record.
    pub fn act(&self, record: Draft) -> Act {
        Act::new(self.key.clone(), record)
    }

    /// Waits for this act's turn, until no other act of this process is prepared on the newest record: the later of the two would fail.
    pub async fn turn(&self) -> Result<MutexGuard<'_, ()>, StoreError> {
        timeout(PATIENCE, self.turn.lock())
            .await
            .map_err(|_| StoreError::Unavailable("too many acts are waiting for their turn".to_owned()))
    }
}
