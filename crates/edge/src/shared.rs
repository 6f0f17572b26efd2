//! The state that all connections of an edge share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::limits::Limits;
use crate::rules::Rules;

/// Time for the first byte of a connection once the edge shuts down. The connection was established before, so its request is
/// probably on the way.
pub(crate) const SETTLE: Duration = Duration::from_secs(1);

/// The limits, the rules, the clock and the shutdown signal.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Arc<Limits>,
    pub(crate) rules: Rules,
    pub(crate) clock: Arc<Clock>,
    drain: Arc<Drain>,
}

#[derive(Debug, Default)]
struct Drain {
    has_begun: AtomicBool,
    begins: Notify,
}

impl Shared {
    pub(crate) fn new(limits: Arc<Limits>, rules: Rules) -> Self {
        Self { limits, rules, clock: Arc::new(Clock::new()), drain: Arc::default() }
    }

    /// Returns the same state with other limits, for connections from now on.
    pub(crate) fn within(&self, limits: Limits) -> Self {
        let Self { rules, clock, drain, .. } = self;
        Self { limits: Arc::new(limits), rules: rules.clone(), clock: clock.clone(), drain: drain.clone() }
    }

    /// Tells every connection to end once its requests are answered.
    pub(crate) fn drain(&self) {
        self.drain.has_begun.store(true, Ordering::Release);
        self.drain.begins.notify_waiters();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain.has_begun.load(Ordering::Acquire)
    }

    /// Returns how long a request may still come once the edge shuts down. Half of the grace time is for its answer.
    pub(crate) fn settle(&self) -> Duration {
        self.limits.settle.min(self.limits.grace / 2)
    }

    /// Completes when the edge shuts down.
    pub(crate) async fn drained(&self) {
        let notified = self.drain.begins.notified();
        if !self.is_draining() {
            notified.await;
        }
    }

    /// Completes when the deadline for the first byte of a connection has passed.
    pub(crate) async fn silence(&self) {
        tokio::select! {
            () = tokio::time::sleep(self.limits.first_byte) => {}
            () = async { self.drained().await; tokio::time::sleep(SETTLE).await } => {}
        }
    }
}
