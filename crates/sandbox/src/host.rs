//! What the sandbox needs of the server that it is mounted in.

use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{MerchantId, Timestamp};
use tollgate_guard::Verifier;
use tollgate_store::Store;

use crate::error::Error;

/// What the sandbox needs of the server that it is mounted in.
pub struct Host {
    /// What remembers payment requests and idempotency keys.
    pub store: Arc<dyn Store>,
    /// What verifies tokens. Its clock is the sandbox's.
    pub verifier: Arc<Verifier>,
    /// Tells how far time has come, whatever the clock is set to.
    pub steady_now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// Counts a payment request that a merchant creates; `Err` tells how long until the next one is allowed.
    pub count_create: Box<dyn Fn(MerchantId) -> Result<(), Duration> + Send + Sync>,
    /// What is configured.
    pub settings: Settings,
}

/// The part of a server's configuration that the sandbox goes by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The base URL that callers use.
    pub public_url: String,
    /// How long the body of a request may take to arrive.
    pub body_timeout: Duration,
    /// How long the page of a payment request takes a decision.
    pub page_ttl: Duration,
    /// How long an answer is kept under its idempotency key.
    pub idempotency_ttl: Duration,
    /// How long a request may take to have its effect before a repeat may take its key over.
    pub idempotency_lease: Duration,
    /// How long an access token lasts.
    pub access_ttl: Duration,
    /// How long after its end a token is still taken.
    pub exp_leeway: Duration,
}

impl Host {
    pub(crate) fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Counts a payment request that a merchant creates, or refuses it.
    pub(crate) fn count_create(&self, merchant: MerchantId) -> Result<(), Error> {
        (self.count_create)(merchant).map_err(|retry_after| Error::TooMany { retry_after })
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.verifier.now()
    }

    /// How far time has come. What is to count for a length of time counts from here.
    pub(crate) fn steady_now(&self) -> Timestamp {
        (self.steady_now)()
    }

    /// The time that has passed for certain.
    pub(crate) fn passed(&self) -> Timestamp {
        self.steady_now().min(self.now())
    }
}
