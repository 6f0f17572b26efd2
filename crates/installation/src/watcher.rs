//! Watches what a server depends on besides the change log: that its store is in its place and of a schema that it knows, that
//! its clock is set and shows the store's time, and that it agrees with the servers that share its store.
//! While one of these fails, the server is suspended: it neither issues nor checks tokens, and says why.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tollgate_core::Timestamp;
use tollgate_store::{Schema, StoreError};

use crate::installation::Installation;
use crate::suspension::Cause;
use crate::ticks::ticks;

/// How often the watcher checks everything except the clocks.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often the watcher compares the server's clock with the store's.
const COMPARE_EVERY: Duration = Duration::from_secs(5);

/// Watches what an installation depends on.
pub struct Watcher {
    installation: Arc<Installation>,
    /// Whether the clocks were too far apart when they were last compared.
    was_too_far: AtomicBool,
    /// Whether it has logged that another configuration was agreed on.
    said_replaced: AtomicBool,
}

impl Watcher {
    /// Makes the watcher of an installation.
    pub fn new(installation: Arc<Installation>) -> Self {
        Self { installation, was_too_far: AtomicBool::new(false), said_replaced: AtomicBool::new(false) }
    }

    /// Checks for ever. A store that is slow to tell its time holds nothing up.
    pub async fn run(self) {
        let look = async {
            let mut ticks = ticks(INTERVAL);
            loop {
                ticks.tick().await;
                self.step().await;
            }
        };
        let compare = async {
            let mut ticks = ticks(COMPARE_EVERY);
            loop {
                ticks.tick().await;
                self.compare_clocks().await;
            }
        };
        let agree = async {
            let mut ticks = ticks(INTERVAL);
            loop {
                ticks.tick().await;
                self.check_schema().await;
                self.agree().await;
            }
        };
        tokio::join!(look, compare, agree);
    }

    /// Checks everything except the clocks once.
    pub async fn step(&self) {
        let installation = &self.installation;
        let unset = installation.now() < Timestamp::YEAR_2020;
        let reason = unset.then(|| "the system's clock shows a time before 2020: set it".to_owned());
        installation.suspend(Cause::Clock, reason);
        let misplaced = installation.store().in_place().await.err();
        installation.suspend(Cause::Store, misplaced.map(|error| error.to_string()));
    }

    /// Checks whether a newer program has changed the schema so that this one can't work with it. Additions are harmless.
    pub async fn check_schema(&self) {
        let known = match self.installation.store().schema().await {
            // Reading the change log notices that the store can't be asked.
            Err(StoreError::Unavailable(_)) => return,
            asked => asked.and_then(Schema::check),
        };
        self.installation.suspend(Cause::Schema, known.err().map(|error| error.to_string()));
    }

    /// Compares the server's clock with the store's. A single comparison decides nothing: the machine may have stood still
    /// in the middle of it.
    pub async fn compare_clocks(&self) {
        // Reading the change log notices that the store can't be asked.
        let Ok(too_far) = self.installation.measure_store_clock().await else { return };
        if self.was_too_far.swap(too_far.is_some(), Relaxed) || too_far.is_none() {
            self.installation.suspend(Cause::StoreClock, too_far);
        }
    }

    /// Takes part in the agreement of the servers.
    pub async fn agree(&self) {
        let installation = &self.installation;
        let (membership, now) = (installation.membership(), installation.store_time());
        let tried = membership.step(installation.store(), now).await;
        // An issuer or audience that was accepted for a limited time may have expired.
        let has_changed = *installation.verifier().keyring().accepted() != membership.accepted(now);
        if (tried || has_changed)
            && let Err(error) = installation.reload_keys().await
        {
            tracing::debug!(%error, "what the servers agree on can't be read");
        }
        installation.suspend_unless_agreed();
        let is_replaced = membership.is_replaced(now);
        if is_replaced && !self.said_replaced.swap(is_replaced, Relaxed) {
            tracing::warn!(
                "the servers of this store have agreed on another configuration: restart this one with it, within a day"
            );
        }
    }
}
