//! What a peer of the API may cost, by the configuration.

use tokio::sync::watch;
use tollgate_config::Config;
use tollgate_edge::Limits;

use crate::open_files;

/// What a peer of the API may cost.
pub(crate) fn limits(config: &Config) -> Limits {
    Limits {
        max_connections: open_files::connections(config.limits.max_connections),
        first_byte: config.limits.first_byte_timeout,
        head: config.limits.head_timeout,
        idle: config.limits.idle_timeout,
        rest: config.limits.body_timeout.min(Limits::default().rest),
        grace: config.shutdown.grace,
        ..Limits::default()
    }
}

/// The limits of a server, and where changes of them are told.
pub(crate) fn changing(config: &Config) -> watch::Sender<Limits> {
    watch::Sender::new(limits(config))
}
