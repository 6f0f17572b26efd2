//! Messages of a command that serves to systemd, or another supervisor that speaks `sd_notify(3)`. Without one
//! (`NOTIFY_SOCKET` unset) nothing is done.

use std::convert::Infallible;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

/// Reports that the listeners accept, and whether requests are served yet.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Completes as `end` does, and reports that the process is ending.
pub(crate) async fn stopping(end: impl Future<Output = ()>) {
    end.await;
    tell(&[NotifyState::Stopping]);
}

/// Feeds the watchdog, if the supervisor has one, as long as the runtime makes progress.
pub(crate) async fn watchdog() -> Infallible {
    let Some(patience) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    // Half of the time, as sd_watchdog_enabled(3) recommends.
    let mut ticks = interval((patience / 2).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the supervisor can't be told (NOTIFY_SOCKET)");
    }
}
