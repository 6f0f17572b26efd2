//! An authority in the process: it grants what its script says, and keeps count.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tollgate_client::{Clock, Fault, ObtainError, Obtaining, Reading, Settings, Token, TokenSource};

/// What the authority does about a call.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// Grants a token of this life.
    Grant(Duration),
    /// Fails at once.
    Fail(ObtainError),
    /// Doesn't answer, until the call is given up after 5 seconds.
    Hang,
    /// Panics.
    Panic,
}

impl Behaviour {
    pub(crate) fn down() -> Self {
        Self::Fail(Fault::Unreachable("connection refused".to_owned()).into())
    }
}

type Script = dyn Fn(Duration) -> Behaviour + Send + Sync;

/// An in-process authority, which is a token source. Clones share the count.
#[derive(Clone)]
pub(crate) struct Authority {
    script: Arc<Script>,
    latency: Duration,
    started: Instant,
    calls: Arc<Mutex<Vec<Duration>>>,
}

impl Authority {
    /// Does what `script` says about a call at this time since its start.
    pub(crate) fn new(script: impl Fn(Duration) -> Behaviour + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(script),
            latency: Duration::from_millis(20),
            started: Instant::now(),
            calls: Arc::default(),
        }
    }

    /// Grants tokens of a quarter of an hour.
    pub(crate) fn good() -> Self {
        Self::new(|_| Behaviour::Grant(Duration::from_secs(900)))
    }

    /// When calls came, since the start.
    pub(crate) fn calls(&self) -> Vec<Duration> {
        self.calls.lock().unwrap().clone()
    }
}

impl TokenSource for Authority {
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a> {
        Box::pin(async move {
            let sent = clock.now();
            let n = {
                let mut calls = self.calls.lock().unwrap();
                calls.push(self.started.elapsed());
                calls.len()
            };
            sleep(self.latency).await;
            match (self.script)(self.started.elapsed()) {
                Behaviour::Grant(life) => Ok(Token::new(&format!("token-{n}"), sent, life).unwrap()),
                Behaviour::Fail(error) => Err(error),
                Behaviour::Hang => {
                    sleep(Duration::from_secs(5)).await;
                    Err(Fault::Timeout.into())
                }
                Behaviour::Panic => panic!("the source is broken"),
            }
        })
    }
}

/// A clock that goes with tokio's, and whose wall can be set.
#[derive(Clone)]
pub(crate) struct TestClock {
    started: Instant,
    step: Arc<AtomicI64>,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), step: Arc::default() }
    }

    /// Sets the wall clock by so many seconds, as a suspend does too.
    pub(crate) fn step(&self, seconds: i64) {
        self.step.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Reading {
        let monotonic = self.started.elapsed();
        let seconds = 1_764_000_000_u64.saturating_add_signed(self.step.load(Ordering::SeqCst));
        Reading { monotonic, wall: Duration::from_secs(seconds) + monotonic }
    }
}

/// Settings with nothing left to chance.
pub(crate) fn settings(clock: &TestClock) -> Settings {
    Settings::default().clock(Arc::new(clock.clone())).seed(1)
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
