//! Limits of the agent.

use std::time::Duration;

/// Limits on connections, bytes and time.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections served at once. Over it some callers are answered 503, and the others wait in the kernel's backlog.
    pub max_connections: usize,
    /// Size of a request's head, in bytes; at least 8 KiB.
    pub head_bytes: usize,
    /// Header lines in a request.
    pub max_headers: usize,
    /// Time for a connection to the upstream, TLS included.
    pub connect: Duration,
    /// Time in which the upstream's machine must acknowledge what was sent to it (on Linux).
    pub acknowledged: Duration,
    /// Time without progress until the upstream's answer begins.
    pub answer: Duration,
    /// Time that a connection to the upstream is kept without a request.
    pub idle: Duration,
    /// Time that requests in flight have after the signal to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 1_024,
            head_bytes: 64 * 1024,
            max_headers: 128,
            connect: Duration::from_secs(5),
            acknowledged: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            idle: Duration::from_secs(30),
            grace: Duration::from_secs(25),
        }
    }
}
