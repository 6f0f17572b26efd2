//! Watches what a server depends on besides the change log: that its store is where it was, and that its clock is set.
//! While it is not so the server is suspended: it neither issues nor checks tokens, and says why.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tollgate_core::Timestamp;

use crate::installation::Installation;
use crate::suspension::Cause;

/// How often it looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Watches what an installation depends on.
pub struct Watcher {
    installation: Arc<Installation>,
}

impl Watcher {
    /// Of an installation.
    pub fn new(installation: Arc<Installation>) -> Self {
        Self { installation }
    }

    /// Does so for ever.
    pub(crate) async fn run(self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.step().await;
        }
    }

    /// Looks once.
    pub async fn step(&self) {
        let installation = &self.installation;
        let unset = installation.now() < Timestamp::YEAR_2020;
        let reason = unset.then(|| "the system's clock shows a time before 2020: set it".to_owned());
        installation.suspend(Cause::Clock, reason);
        let misplaced = installation.store().in_place().await.err();
        installation.suspend(Cause::Store, misplaced.map(|error| error.to_string()));
    }
}
