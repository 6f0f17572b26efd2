//! What all connections of an edge have in common.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::clock::Clock;
use super::limits::Limits;
use super::rules::Rules;

/// Time for the first byte of a connection once the edge shuts down. It was established before, so its request is
/// probably on the way.
pub(super) const SETTLE: Duration = Duration::from_secs(1);

/// The limits, the rules, the clock and the shutdown signal.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: Arc<Limits>,
    pub(super) rules: Rules,
    pub(super) clock: Clock,
    draining: AtomicBool,
    drain: Notify,
}

impl Shared {
    pub(super) fn new(limits: Arc<Limits>, rules: Rules) -> Self {
        let (draining, drain) = (AtomicBool::new(false), Notify::new());
        Self { limits, rules, clock: Clock::new(), draining, drain }
    }

    /// Tells every connection to end once its requests are answered.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.drain.notify_waiters();
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Completes when the edge shuts down.
    pub(super) async fn drained(&self) {
        let notified = self.drain.notified();
        if !self.is_draining() {
            notified.await;
        }
    }

    /// Completes when the deadline for the first byte of a connection has passed.
    pub(super) async fn silence(&self) {
        tokio::select! {
            () = tokio::time::sleep(self.limits.first_byte) => {}
            () = async { self.drained().await; tokio::time::sleep(SETTLE).await } => {}
        }
    }
}
