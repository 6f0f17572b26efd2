//! What the sandbox needs from the server that it is mounted in.

use std::sync::Arc;
use std::time::Duration;

use tollgate_core::{MerchantId, Timestamp};
use tollgate_guard::Verifier;
use tollgate_store::Store;

use crate::error::Error;

/// What the sandbox needs from the server that it is mounted in.
pub struct Host {
    /// The store of payment requests and idempotency keys.
    pub store: Arc<dyn Store>,
    /// The verifier of tokens, whose clock the sandbox uses.
    pub verifier: Arc<Verifier>,
    /// Returns the present time, unaffected by changes of the clock.
    pub steady_now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// Counts a payment request that a merchant creates; `Err` is how long until the next one is allowed.
    pub count_create: Box<dyn Fn(MerchantId) -> Result<(), Duration> + Send + Sync>,
    /// The settings of the server that concern the sandbox.
    pub settings: Settings,
}

/// The part of a server's configuration that concerns the sandbox.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The base URL that callers use.
    pub public_url: String,
    /// How long the body of a request may take to arrive.
    pub body_timeout: Duration,
    /// How long a decision can be made on the page of a payment request.
    pub page_ttl: Duration,
    /// How long an answer is kept under its idempotency key.
    pub idempotency_ttl: Duration,
    /// How long a request may take to have its effect before a repeat may take over its key.
    pub idempotency_lease: Duration,
    /// How long an access token is valid.
    pub access_ttl: Duration,
    /// How long after its expiry a token is still accepted.
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

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        self.verifier.now()
    }

    /// Returns the present time, unaffected by changes of the clock. Times that last for a given duration are counted from here.
    pub(crate) fn steady_now(&self) -> Timestamp {
        (self.steady_now)()
    }

    /// Returns the time that has certainly passed.
    pub(crate) fn passed(&self) -> Timestamp {
        self.steady_now().min(self.now())
    }
}
