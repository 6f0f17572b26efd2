//! What a peer of the API may cost, by the configuration.

use tokio::sync::watch;
use tollgate_config::Config;
use tollgate_http::edge;

use crate::open_files;

/// What a peer of the API may cost.
pub(crate) fn limits(config: &Config) -> edge::Limits {
    edge::Limits {
        max_connections: open_files::connections(config.limits.max_connections),
        first_byte: config.limits.first_byte_timeout,
        head: config.limits.head_timeout,
        idle: config.limits.idle_timeout,
        rest: config.limits.body_timeout.min(edge::Limits::default().rest),
        grace: config.shutdown.grace,
        ..edge::Limits::default()
    }
}

/// The limits of a server, and where changes of them are told.
pub(crate) fn changing(config: &Config) -> watch::Sender<edge::Limits> {
    watch::Sender::new(limits(config))
}
