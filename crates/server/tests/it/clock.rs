//! A clock that the test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tollgate_core::{Clock, Timestamp, Uptime};

/// A clock that shows what it was set to, on a machine that is up while time passes.
pub(crate) struct ManualClock {
    now: AtomicU64,
    uptime: AtomicU64,
    boot: u8,
}

impl ManualClock {
    pub(crate) fn at(now: Timestamp) -> Arc<Self> {
        Self::of_machine(1, now)
    }

    /// Of one of several machines, each with a number of its own.
    pub(crate) fn of_machine(boot: u8, now: Timestamp) -> Arc<Self> {
        Arc::new(Self { now: AtomicU64::new(now.millis()), uptime: AtomicU64::new(0), boot })
    }

    /// Sets the clock, without any time passing.
    pub(crate) fn set(&self, now: Timestamp) {
        self.now.store(now.millis(), Ordering::SeqCst);
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, time: Duration) {
        let time = u64::try_from(time.as_millis()).unwrap();
        self.now.fetch_add(time, Ordering::SeqCst);
        self.uptime.fetch_add(time, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Uptime {
        Uptime { boot: [self.boot; 16], elapsed: Duration::from_millis(self.uptime.load(Ordering::SeqCst)) }
    }
}
