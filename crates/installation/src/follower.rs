//! Follows the change log, so that changes by other processes take effect here within a second.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tollgate_admin::OpenError;
use tollgate_config::WhenStale;
use tollgate_store::Outcome;

use crate::background;
use crate::installation::Installation;
use crate::readiness::Task;
use crate::ticks::ticks;

/// How often the log is read. A change made elsewhere takes effect here within this time and a read of the store.
const INTERVAL: Duration = Duration::from_millis(250);
/// The shortest time between two readings if there may be new changes: strangers can make it seem so.
const NEWS_APART: Duration = Duration::from_millis(50);
/// How often expired data is deleted.
const PURGE_EVERY: Duration = Duration::from_secs(60);
/// How often the clients' ids are read again if that has failed, or if some may have been missed.
const LEARN_EVERY: Duration = Duration::from_secs(1);

/// Follows the change log of an installation.
pub struct Follower {
    installation: Arc<Installation>,
    failing: bool,
    stale: bool,
}

impl Follower {
    /// Makes a follower that begins where the installation was read.
    pub fn new(installation: Arc<Installation>) -> Self {
        Self { installation, failing: false, stale: false }
    }

    /// Follows until the returned value is dropped. Other tasks read the clients' ids and delete expired data: neither
    /// may hold up the log.
    pub fn start(mut self) -> Following {
        let installation = self.installation.clone();
        let (learning, purging) = (installation.clone(), installation.clone());
        let following = async move { self.follow().await };
        Following([
            background::spawn(Task::Follower, installation.clone(), following),
            background::spawn(
                Task::ClientIds,
                installation.clone(),
                async move { learn_ids(&learning).await },
            ),
            background::spawn(Task::Purge, installation, async move { purge(&purging).await }),
        ])
    }

    async fn follow(&mut self) {
        let installation = self.installation.clone();
        let mut ticks = ticks(INTERVAL);
        loop {
            let news = async {
                sleep(NEWS_APART).await;
                installation.news().await;
            };
            tokio::select! {
                _ = ticks.tick() => {}
                () = news => {}
            }
            self.step_or_warn().await;
        }
    }

    /// Applies every change that has been written so far. If it can't, it logs why once, and logs once when it can again.
    pub async fn step_or_warn(&mut self) {
        let result = self.step().await;
        match &result {
            Err(error) if !self.failing => tracing::error!(%error, "changes made elsewhere can't be read"),
            Ok(()) if self.failing => tracing::info!("changes made elsewhere are read again"),
            Ok(()) | Err(_) => {}
        }
        self.failing = result.is_err();
        if result.is_err() {
            self.installation.not_followed();
        }
        self.say_if_stale();
    }

    /// Logs once when the data has become too old, and once when it no longer is.
    fn say_if_stale(&mut self) {
        let stale = self.installation.is_stale();
        if stale != self.stale {
            self.stale = stale;
            let act = if stale { "server.stale" } else { "server.current" };
            let seconds = self.installation.unread_for().as_secs();
            self.installation.note_event(act, Outcome::Done, &json!({ "unread_seconds": seconds }));
            match (stale, self.installation.config().tokens.when_stale) {
                (true, WhenStale::Refuse) => {
                    tracing::error!(
                        seconds,
                        "changes made elsewhere were not read for too long: tokens are refused"
                    );
                }
                (true, WhenStale::Serve) => {
                    tracing::error!(
                        seconds,
                        "changes made elsewhere were not read for too long: revoked tokens may pass"
                    );
                }
                (false, _) => {
                    tracing::info!("tokens are issued and checked by all that was changed elsewhere");
                }
            }
        }
    }

    /// Applies every change that has been written so far.
    pub async fn step(&mut self) -> Result<(), OpenError> {
        self.installation.read_changes().await
    }
}

/// The tasks of a follower, which end when this is dropped.
pub struct Following([JoinHandle<()>; 3]);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Reads the clients' ids, and again whenever some may have been missed.
async fn learn_ids(installation: &Installation) {
    let mut ticks = ticks(LEARN_EVERY);
    let mut failing = false;
    loop {
        ticks.tick().await;
        if installation.registry().knows_ids() {
            continue;
        }
        let learned = installation.registry().learn_ids().await;
        if let (Err(error), false) = (&learned, failing) {
            tracing::warn!(%error, "the clients' ids could not be read: unknown clients are looked up in the store");
        }
        failing = learned.is_err();
    }
}

async fn purge(installation: &Installation) {
    let mut ticks = ticks(PURGE_EVERY);
    // The first tick comes at once, when more urgent work must be done.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        installation.purge().await;
    }
}
