//! A coarse clock for the deadlines of many connections.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

/// How often the coarse clock advances, in milliseconds: deadlines are late by at most this, never early.
const TICK: u64 = 100;

/// The milliseconds since the edge started, advanced by [`Clock::run`], so that a request needs no clock reading.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    coarse: AtomicU64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), coarse: AtomicU64::new(0) }
    }

    /// Advances the coarse clock for as long as it is polled.
    pub(crate) async fn run(&self) -> Infallible {
        let mut ticks = tokio::time::interval(Duration::from_millis(TICK));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            self.coarse.store(self.now(), Relaxed);
        }
    }

    pub(crate) fn now(&self) -> u64 {
        millis(self.origin.elapsed())
    }

    pub(crate) fn instant(&self, at: u64) -> Instant {
        self.origin + Duration::from_millis(at)
    }

    /// Returns the end of the current tick: a time that has not passed yet.
    pub(crate) fn stamp(&self) -> u64 {
        self.coarse.load(Relaxed) + TICK
    }
}

/// Returns a duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
