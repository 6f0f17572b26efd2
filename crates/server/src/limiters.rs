//! The limits on how much one source or one merchant may use a server.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_config::{Config, Limits, Rate};
use tollgate_core::ClientId;
use tollgate_http::{Limiter, SourceLimits, Sources, Throttle};
use tollgate_installation::Registered;

use crate::error::Error;
use crate::limits::limits;

/// The limits of a server, and what was counted for them.
pub(crate) struct Limiters {
    /// Failed authentications of a client from a source. The right secret from another source is not affected, so nobody
    /// can lock a merchant out.
    pub(crate) pairs: Throttle,
    /// Failed authentications of a source.
    pub(crate) failures: Limiter,
    /// Payment requests of a merchant.
    pub(crate) creates: Limiter,
    /// Connections of a source.
    pub(crate) connections: Arc<Sources>,
    /// Requests of an operator's client to the administration.
    pub(crate) administration: Limiter,
    /// Tokens of clients that have a quota.
    quotas: OnceLock<Throttle>,
}

impl Limiters {
    /// Starts to count, by the limits of a configuration.
    pub(crate) fn new(config: &Config, now: Instant) -> Self {
        let Limits {
            auth_failures: Rate { count, per },
            source_auth_failures,
            merchant_creates,
            enforce,
            ..
        } = config.limits;
        Self {
            pairs: Throttle::new(count, per, now),
            failures: Limiter::new(source_auth_failures.map(pair), enforces_sources(config), now),
            creates: Limiter::new(merchant_creates.map(pair), enforce, now),
            connections: Sources::new(of_sources(config), now),
            administration: Limiter::new(config.admin.requests.map(pair), true, now),
            quotas: OnceLock::new(),
        }
    }

    /// Counts a token that a client with a quota obtains, or refuses it. Each server counts separately.
    pub(crate) fn take_of_quota(&self, id: ClientId, client: &Registered) -> Result<(), Error> {
        let Some(quota) = client.quota else { return Ok(()) };
        let (now, rate) = (Instant::now(), (quota.count(), quota.per()));
        let throttle = self.quotas.get_or_init(|| Throttle::new(rate.0, rate.1, now));
        let taken = throttle.take_at(throttle.key(id), rate, now);
        taken.map_err(|retry_after| Error::OverQuota { retry_after })
    }

    /// Changes the limits. The counts are kept.
    pub(crate) fn set(&self, config: &Config, now: Instant) {
        let Limits {
            auth_failures: Rate { count, per },
            source_auth_failures,
            merchant_creates,
            enforce,
            ..
        } = config.limits;
        self.pairs.set_rate(count, per);
        self.failures.set(source_auth_failures.map(pair), enforces_sources(config), now);
        self.creates.set(merchant_creates.map(pair), enforce, now);
        self.connections.set(of_sources(config), now);
        self.administration.set(config.admin.requests.map(pair), true, now);
    }

    /// Returns how often each limit was exceeded, refused or not, by the name of its setting.
    pub(crate) fn exceeded(&self) -> [(&'static str, u64); 5] {
        [
            ("source_connections", self.connections.exceeded()),
            ("source_new_connections", self.connections.exceeded_new()),
            ("source_auth_failures", self.failures.exceeded()),
            ("merchant_creates", self.creates.exceeded()),
            ("admin_requests", self.administration.exceeded()),
        ]
    }
}

fn of_sources(config: &Config) -> SourceLimits {
    SourceLimits {
        connections: config.limits.source_connections.of(limits(config).max_connections),
        new_connections: config.limits.source_new_connections.map(pair),
        enforce: enforces_sources(config),
        trusted: config.trusted_proxies.clone(),
    }
}

/// Says whether the limits of sources refuse: not if all callers come from one address, where one of them could lock out the others.
fn enforces_sources(config: &Config) -> bool {
    config.limits.enforce && config.tells_callers_apart()
}

const fn pair(rate: Rate) -> (u32, Duration) {
    (rate.count, rate.per)
}
