//! Settings of a cache.

use std::sync::Arc;
use std::time::Duration;

use crate::telemetry::Observer;
use crate::{Change, Clock};

/// Settings of a cache: when it renews, and how long callers wait for it.
#[derive(Clone)]
pub struct Settings {
    pub(crate) lead: Duration,
    pub(crate) jitter: Duration,
    pub(crate) wait: Duration,
    pub(crate) observer: Option<Observer>,
    pub(crate) clock: Option<Arc<dyn Clock>>,
    pub(crate) seed: Option<u64>,
}

impl Default for Settings {
    /// Returns settings that survive an outage of the authority of 55 seconds, with about 105 token calls a day.
    fn default() -> Self {
        Self {
            lead: Duration::from_secs(60),
            jitter: Duration::from_secs(30),
            wait: Duration::from_secs(10),
            observer: None,
            clock: None,
            seed: None,
        }
    }
}

impl Settings {
    /// Returns settings that survive an outage of the authority of 295 seconds, with about 150 token calls a day.
    pub fn resilient() -> Self {
        Self::default().lead(Duration::from_secs(300))
    }

    /// Sets how long before its expiry a token is renewed; it is renewed at half its lifetime if that is later.
    #[must_use]
    pub fn lead(mut self, lead: Duration) -> Self {
        self.lead = lead;
        self
    }

    /// Sets by how much earlier a token is renewed at most, at random once per token, so that clients that started together drift
    /// apart. It is limited to a twentieth of the token's lifetime.
    #[must_use]
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Sets how long a caller waits when there is no token.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Sets a function to call on every change of state. It is called on the task that renews, so it must be quick.
    #[must_use]
    pub fn on_change(mut self, observer: impl Fn(&Change) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Sets the clock, for tests. It must advance as tokio's does.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets the seed of the jitter, for tests.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}
