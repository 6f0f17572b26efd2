//! What one source or one merchant may take of a server.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tollgate_http::edge::{SourceLimits, Sources};
use tollgate_http::{Limiter, Throttle};

use crate::config::{Config, Rate};

/// The limits of a server, and what has been counted for them.
pub(crate) struct Limiters {
    /// Failed authentications of a client from a source. The right secret from another source is not concerned, so nobody
    /// can lock a merchant out.
    pub(crate) pairs: Throttle,
    /// Failed authentications of a source.
    pub(crate) failures: Limiter,
    /// Payment requests of a merchant.
    pub(crate) creates: Limiter,
    /// Connections of a source.
    pub(crate) connections: Arc<Sources>,
}

impl Limiters {
    /// Counts from now on.
    pub(crate) fn new(config: &Config, now: Instant) -> Self {
        let limits = &config.limits;
        let limiter =
            |rate: Option<Rate>, enforce: bool| Limiter::new(rate.map(count_and_time), enforce, now);
        // Where all come from one address, one of them could lock out the others.
        let enforce = limits.enforce && config.tells_callers_apart();
        let (count, per) = count_and_time(limits.auth_failures);
        let of_sources = SourceLimits {
            connections: limits.source_connections.of(limits.max_connections),
            new_connections: limits.source_new_connections.map(count_and_time),
            enforce,
            trusted: config.trusted_proxies.clone(),
        };
        Self {
            pairs: Throttle::new(count, per, now),
            failures: limiter(limits.source_auth_failures, enforce),
            creates: limiter(limits.merchant_creates, limits.enforce),
            connections: Sources::new(of_sources, now),
        }
    }

    /// How often each limit was exceeded, refused or not, by the name of its setting.
    pub(crate) fn exceeded(&self) -> [(&'static str, u64); 4] {
        [
            ("source_connections", self.connections.exceeded()),
            ("source_new_connections", self.connections.exceeded_new()),
            ("source_auth_failures", self.failures.exceeded()),
            ("merchant_creates", self.creates.exceeded()),
        ]
    }
}

const fn count_and_time(rate: Rate) -> (u32, Duration) {
    (rate.count, rate.per)
}
