//! The clocks of a scenario.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, advance};
use tollgate_client::{Clock, Reading};

/// How long the way to another socket of this machine may take.
const DELIVERY: Duration = Duration::from_millis(2);

/// A monotonic clock that is tokio's, and a wall clock that can be set.
pub(crate) struct SetClock {
    started: Instant,
    /// How far the wall clock was set, in milliseconds.
    set: AtomicI64,
}

impl Clock for SetClock {
    fn now(&self) -> Reading {
        let monotonic = self.started.elapsed();
        let millis = 1_800_000_000_000_u64.saturating_add_signed(self.set.load(Ordering::SeqCst));
        Reading { monotonic, wall: Duration::from_millis(millis) + monotonic }
    }
}

/// The steps of both clocks that are still to be taken. They are when somebody calls next, so that nothing runs before what
/// the scenario says in between.
pub(crate) struct Steps {
    clock: Arc<SetClock>,
    monotonic: Duration,
}

impl Default for Steps {
    /// It must be made within the runtime whose clock it steps.
    fn default() -> Self {
        let clock = SetClock { started: Instant::now(), set: AtomicI64::new(0) };
        Self { clock: Arc::new(clock), monotonic: Duration::ZERO }
    }
}

impl Steps {
    pub(crate) fn clock(&self) -> Arc<SetClock> {
        self.clock.clone()
    }

    /// Adds a step of each clock, in seconds.
    pub(crate) fn add(&mut self, monotonic: f64, wall: f64) {
        self.monotonic += Duration::from_secs_f64(monotonic);
        #[expect(clippy::cast_possible_truncation, reason = "scenarios take hours at most")]
        self.clock.set.fetch_add(((wall - monotonic) * 1e3) as i64, Ordering::SeqCst);
    }

    pub(crate) async fn take(&mut self) {
        advance(std::mem::take(&mut self.monotonic)).await;
    }
}

/// Keeps tokio's clock from going on by itself until the future is ready, by a thread that is at work meanwhile. It is for a
/// moment longer, in which a machine under load delivers what was written to a socket.
pub(crate) async fn standing<T>(future: impl Future<Output = T>) -> T {
    let (over, at_work) = mpsc::channel::<()>();
    drop(spawn_blocking(move || {
        _ = at_work.recv();
        thread::sleep(DELIVERY);
    }));
    let outcome = future.await;
    drop(over);
    outcome
}
