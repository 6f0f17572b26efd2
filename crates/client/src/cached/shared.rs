//! The state of the token, for the task that renews it and for those who use it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};

use super::settings::Settings;
use crate::schedule::Schedule;
use crate::telemetry::State;
use crate::{Authorization, Clock, Generation, Reading, TokenSource};

/// The state that the task shares with those who use the token.
pub(crate) struct Shared {
    pub(crate) source: Box<dyn TokenSource>,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) held: ArcSwapOption<Held>,
    pub(crate) schedule: Mutex<Schedule>,
    /// Notified after every attempt.
    pub(crate) attempted: watch::Sender<()>,
    /// Wakes the task, which then reads the clocks again.
    pub(crate) wake: Notify,
}

/// The current token with its generation.
pub(crate) struct Held {
    pub(crate) authorization: Authorization,
    pub(crate) usable_until: Reading,
    /// Whether the API has accepted the token.
    pub(crate) accepted: AtomicBool,
}

impl Shared {
    #[inline]
    pub(crate) fn authorization(&self) -> Option<Authorization> {
        let held = self.held.load();
        let held = held.as_ref()?;
        self.clock.now().is_before(held.usable_until).then(|| held.authorization.clone())
    }

    pub(super) fn is_accepted(&self, generation: Generation) -> bool {
        let held = self.held.load();
        held.as_ref().is_some_and(|held| {
            held.authorization.generation() == generation && held.accepted.load(Ordering::Relaxed)
        })
    }

    pub(crate) fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().expect("nothing panics with the schedule locked")
    }

    pub(crate) fn usable_for(&self, now: Reading) -> Duration {
        self.held.load().as_ref().map_or(Duration::ZERO, |held| now.until(held.usable_until))
    }

    pub(crate) fn state(&self) -> State {
        let now = self.clock.now();
        let schedule = self.schedule();
        match (schedule.is_usable(now), schedule.failing().is_some()) {
            (true, false) => State::Holding,
            (true, true) => State::Failing,
            (false, true) => State::Down,
            (false, false) => State::Waiting,
        }
    }
}
