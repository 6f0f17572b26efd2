//! Follows the change log, so that what another process wrote counts here within a second.

use std::sync::Arc;
use std::time::Duration;

use tollgate_store::{Change, Changed};

use crate::installation::{Installation, OpenError};

/// How often the log is read. A change made elsewhere counts here within this time and a read of the store.
const INTERVAL: Duration = Duration::from_millis(250);
/// How many changes are read at once.
const BATCH: u32 = 1_000;
/// How many intervals pass between two purges of what has expired: a minute.
const PURGE_EVERY: u32 = 240;

/// Follows the change log of an installation.
pub struct Follower {
    installation: Arc<Installation>,
    /// The last change that was applied.
    seq: u64,
    failing: bool,
}

impl Follower {
    /// Follows from change number `seq` on.
    pub(crate) fn new(installation: Arc<Installation>, seq: u64) -> Self {
        Self { installation, seq, failing: false }
    }

    /// Follows for ever, and deletes what has expired meanwhile.
    pub async fn run(mut self) {
        if let Err(error) = self.installation.registry().learn_ids().await {
            tracing::warn!(%error, "the clients' ids could not be read: unknown clients are looked up in the store");
        }
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for tick in 0_u32.. {
            ticks.tick().await;
            self.step_or_warn().await;
            if tick % PURGE_EVERY == PURGE_EVERY - 1 {
                self.installation.purge().await;
            }
        }
    }

    async fn step_or_warn(&mut self) {
        let result = self.step().await;
        match &result {
            Err(error) if !self.failing => tracing::error!(%error, "changes made elsewhere can't be read"),
            Ok(()) if self.failing => tracing::info!("changes made elsewhere are read again"),
            Ok(()) | Err(_) => {}
        }
        self.failing = result.is_err();
    }

    /// Applies every change that has been written so far.
    pub async fn step(&mut self) -> Result<(), OpenError> {
        loop {
            let Some(changes) = self.installation.store().changes_since(self.seq, BATCH).await? else {
                tracing::warn!("the change log has a gap: everything is read afresh");
                self.seq = self.installation.reload().await?;
                continue;
            };
            self.apply(&changes).await?;
            self.installation.followed();
            if changes.len() < BATCH as usize {
                return Ok(());
            }
        }
    }

    async fn apply(&mut self, changes: &[Change]) -> Result<(), OpenError> {
        let installation = &self.installation;
        let mut revocations = Vec::new();
        let mut keys_changed = false;
        for change in changes {
            match change.what {
                Changed::Client(id) => installation.registry().invalidate(id),
                Changed::Merchant(_) => installation.registry().invalidate_all(),
                Changed::SigningKeys => keys_changed = true,
                Changed::Revocation(revocation) => revocations.push(revocation),
            }
        }
        installation.apply_revocations(&revocations).await;
        if keys_changed {
            installation.reload_keys().await?;
        }
        if let Some(last) = changes.last() {
            self.seq = last.seq;
        }
        Ok(())
    }
}
