//! A cache for the token of a token source, which renews it in time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
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
use crate::{Authorization, Clock, Generation, ObtainError, Reading, SystemClock, TokenSource, renewal};

mod settings;

pub use settings::Settings;

/// How long a caller whose token was refused waits for a newer one.
const PATIENCE: Duration = Duration::from_secs(3);

/// Holds a token and renews it in time, on a task of its own.
///
/// Cloning it is cheap, and all clones share the token. The task ends with the last of them. It starts with
/// [`new`](Self::new) where that is called in a tokio runtime, and otherwise with the first caller that waits.
#[derive(Clone)]
pub struct Cached(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the task shares with those who use the token.
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

/// The current token.
pub(crate) struct Held {
    pub(crate) authorization: Authorization,
    pub(crate) usable_until: Reading,
    /// Whether the API has accepted it.
    pub(crate) accepted: AtomicBool,
}

/// There is no token for now.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no access token for now, the next attempt is in {} s{}", .retry_after.as_secs(), Because(.error.as_deref()))]
pub struct Unavailable {
    /// How long it takes until the authority is asked again.
    pub retry_after: Duration,
    /// Why the last attempt failed, if one has.
    #[source]
    pub error: Option<Arc<ObtainError>>,
}

struct Because<'a>(Option<&'a ObtainError>);

impl std::fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |error| write!(f, ": {error}"))
    }
}

impl Cached {
    /// Holds the tokens of `source`.
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

    /// The current token, if it can be used. This takes no lock, does not wait and does not allocate.
    #[inline]
    pub fn authorization(&self) -> Option<Authorization> {
        self.0.shared.authorization()
    }

    /// The current token, or else the next one, for which it waits as long as the settings say.
    ///
    /// It fails at once where none can come in that time, or none has come for that time. Dropping the future is harmless.
    pub async fn ready(&self) -> Result<Authorization, Unavailable> {
        match self.authorization() {
            Some(authorization) => Ok(authorization),
            None => self.wait().await,
        }
    }

    /// A newer token than the one that the API refused, if one comes within 3 seconds.
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

    /// The next token after this one, however long it takes: for a program that passes tokens on.
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

    /// How long the current token can be used. Zero without one.
    pub fn usable_for(&self) -> Duration {
        self.0.shared.usable_for(self.0.shared.clock.now())
    }

    /// The state of the cache.
    pub fn state(&self) -> State {
        self.0.shared.state()
    }

    /// The clock that decides when a token expires.
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

    /// Wakes the task, and starts one where there is none, because its runtime may have ended.
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

impl Shared {
    #[inline]
    pub(crate) fn authorization(&self) -> Option<Authorization> {
        let held = self.held.load();
        let held = held.as_ref()?;
        self.clock.now().is_before(held.usable_until).then(|| held.authorization.clone())
    }

    fn is_accepted(&self, generation: Generation) -> bool {
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
