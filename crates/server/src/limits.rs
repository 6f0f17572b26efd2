//! The limits on a peer of the API, from the configuration.

use tokio::sync::watch;
use tollgate_config::Config;
use tollgate_edge::Limits;

use crate::open_files;

/// Returns the limits on a peer of the API.
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

/// Makes a channel for the limits of a server, which announces changes.
pub(crate) fn changing(config: &Config) -> watch::Sender<Limits> {
    watch::Sender::new(limits(config))
}
