//! A cache for the token of a token source, which renews it in time.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::schedule::{Schedule, Verdict};
use crate::telemetry::{self, State};
use crate::{Authorization, Clock, Generation, SystemClock, TokenSource, Unavailable, renewal};

mod settings;
pub(crate) mod shared;

pub use settings::Settings;
use shared::Shared;

/// How long a caller whose token was refused waits for a newer one.
const PATIENCE: Duration = Duration::from_secs(3);

/// Holds a token and renews it in time, on a task of its own.
///
/// Cloning it is cheap, and all clones share the token. The task ends with the last of them. It starts with
/// [`new`](Self::new) if that is called in a tokio runtime, and otherwise with the first caller that waits.
#[derive(Clone)]
pub struct Cached(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Cached {
    /// Makes a cache for the tokens of `source`.
    pub fn new(source: impl TokenSource, settings: Settings) -> Self {
        let rng = settings.seed.map_or_else(|| StdRng::from_rng(&mut rand::rng()), StdRng::seed_from_u64);
        let shared = Shared {
            source: Box::new(source),
            clock: settings.clock.clone().unwrap_or_else(|| Arc::new(SystemClock::new())),
            held: ArcSwapOption::empty(),
            schedule: Mutex::new(Schedule::new(&settings, rng)),
            attempted: watch::Sender::new(()),
            wake: Notify::new(),
            settings,
        };
        let cached = Self(Arc::new(Inner { shared: Arc::new(shared), task: Mutex::new(None) }));
        if let Ok(runtime) = Handle::try_current() {
            cached.0.ensure_task(&runtime);
        }
        cached
    }

    /// Returns the current token, if it can be used. This takes no lock, does not wait and does not allocate.
    #[inline]
    pub fn authorization(&self) -> Option<Authorization> {
        self.0.shared.authorization()
    }

    /// Returns the current token, or else the next one, for which it waits as long as the settings say.
    ///
    /// Fails at once if none can come in that time, or none has come for that time. Dropping the future is harmless.
    pub async fn ready(&self) -> Result<Authorization, Unavailable> {
        match self.authorization() {
            Some(authorization) => Ok(authorization),
            None => self.wait().await,
        }
    }

    /// Returns a newer token than the one that the API refused, if one comes within 3 seconds.
    ///
    /// If the token has been replaced already, this returns the current one. Otherwise all callers share one token call.
    /// While fresh tokens are refused, calls are 0.4 s apart, then twice as far each time, up to 30 s, less up to a quarter
    /// by chance; at most 1.6 s as long as [some are accepted](Self::note_accepted).
    pub async fn refused(&self, generation: Generation) -> Option<Authorization> {
        let shared = &self.0.shared;
        let mut attempted = shared.attempted.subscribe();
        let began = shared.clock.now().monotonic;
        loop {
            if let Some(newer) = shared.authorization().filter(|newer| newer.generation() > generation) {
                return Some(newer);
            }
            let left = PATIENCE.checked_sub(shared.clock.now().monotonic.saturating_sub(began))?;
            if self.refuse(generation, left) == Verdict::Declined {
                return None;
            }
            timeout(left, attempted.changed()).await.ok()?.ok()?;
        }
    }

    /// Records that the API refused this token, without waiting for another one.
    pub fn note_refused(&self, generation: Generation) {
        self.refuse(generation, Duration::ZERO);
    }

    /// Records that the API accepted this token, so that a later refusal counts as a change.
    pub fn note_accepted(&self, generation: Generation) {
        let held = self.0.shared.held.load();
        if let Some(held) = held.as_ref().filter(|held| held.authorization.generation() == generation)
            && !held.accepted.load(Ordering::Relaxed)
        {
            held.accepted.store(true, Ordering::Relaxed);
        }
    }

    /// Returns the next token after this one, however long it takes: for a program that passes tokens on.
    pub async fn after(&self, generation: Generation) -> Authorization {
        let shared = &self.0.shared;
        let mut attempted = shared.attempted.subscribe();
        loop {
            if let Some(newer) = shared.authorization().filter(|newer| newer.generation() > generation) {
                return newer;
            }
            self.wake();
            attempted.changed().await.expect("a handle is here, so the sender is");
        }
    }

    /// Returns how long the current token can be used; zero if there is none.
    pub fn usable_for(&self) -> Duration {
        self.0.shared.usable_for(self.0.shared.clock.now())
    }

    /// Returns the state of the cache.
    pub fn state(&self) -> State {
        self.0.shared.state()
    }

    /// Returns the clock that decides when a token expires.
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.shared.clock
    }

    async fn wait(&self) -> Result<Authorization, Unavailable> {
        let shared = &self.0.shared;
        let mut attempted = shared.attempted.subscribe();
        let began = shared.clock.now().monotonic;
        let outcome = loop {
            if let Some(authorization) = shared.authorization() {
                break Ok(authorization);
            }
            self.wake();
            let now = shared.clock.now();
            let deadline = match shared.schedule().patience(now, began, shared.settings.wait) {
                Ok(deadline) => deadline,
                // Another thread may have stored one since the check above.
                Err(unavailable) => break shared.authorization().ok_or(unavailable),
            };
            // The loop checks again in either case.
            _ = timeout(deadline.saturating_sub(now.monotonic), attempted.changed()).await;
        };
        let took = shared.clock.now().monotonic.saturating_sub(began);
        telemetry::waited(took, if outcome.is_ok() { "token" } else { "unavailable" });
        outcome
    }

    fn refuse(&self, generation: Generation, patience: Duration) -> Verdict {
        let shared = &self.0.shared;
        let verdict = {
            let mut schedule = shared.schedule();
            let accepted = shared.is_accepted(generation);
            schedule.refuse(generation, accepted, shared.clock.now(), patience)
        };
        self.wake();
        verdict
    }

    /// Wakes the task, or starts one if there is none, because its runtime may have ended.
    fn wake(&self) {
        if let Ok(runtime) = Handle::try_current() {
            self.0.ensure_task(&runtime);
        }
        self.0.shared.wake.notify_one();
    }
}

impl Inner {
    fn ensure_task(&self, runtime: &Handle) {
        let mut task = self.task.lock().expect("nothing panics with the task locked");
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            *task = Some(runtime.spawn(renewal::run(self.shared.clone())));
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let task = self.task.get_mut().expect("nothing panics with the task locked");
        if let Some(task) = task.take() {
            task.abort();
        }
    }
}
