//! Limits of the agent.

use std::time::Duration;

use tollgate_http::forward;

/// How long a connection may be silent, at its start, within a head and between requests.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a caller may stop reading an answer: it may process a stream as it arrives.
const STALL: Duration = Duration::from_secs(15 * 60);

/// Limits on connections, bytes and time.
#[derive(Debug, Clone)]
pub struct Limits {
    /// What callers may cost, and how long they have.
    pub callers: tollgate_edge::Limits,
    /// How long the upstream is waited for.
    pub upstream: forward::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        let callers = tollgate_edge::Limits {
            max_connections: 1_024,
            first_byte: SILENCE,
            head: SILENCE,
            idle: SILENCE,
            write_stall: STALL,
            head_bytes: 64 * 1024,
            max_headers: 128,
            ..tollgate_edge::Limits::default()
        };
        let upstream = forward::Limits {
            connect: Duration::from_secs(5),
            acknowledged: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            idle: Duration::from_secs(30),
        };
        Self { callers, upstream }
    }
}
