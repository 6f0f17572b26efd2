//! What a peer may cost, and how many there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What a peer may cost: connections, time and bytes.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections served at once.
    pub max_connections: usize,
    /// Connections over that limit that are answered 503 at a time; the others, with 0 all, wait in the kernel's backlog.
    pub max_refused: usize,
    /// Time for the first byte of a connection to come, and for the TLS handshake to end.
    pub first_byte: Duration,
    /// Time for a request's head, from its first byte to the empty line behind it.
    pub head: Duration,
    /// Time a connection is kept without a request.
    pub idle: Duration,
    /// Time without progress while bytes of ours wait for a peer that does not read them.
    pub write_stall: Duration,
    /// Time after the shutdown signal for requests that are under way.
    pub grace: Duration,
    /// The part of it in which connections are still accepted, and in which a connection that has no request is kept: one may be
    /// on its way, which would be lost. Its answer says `Connection: close`.
    pub settle: Duration,
    /// Size of a request's head in bytes, its request line included.
    pub head_bytes: usize,
    /// Header lines in a request.
    pub max_headers: usize,
    /// Bytes of an HTTP/1.1 body that are read on, and dropped, when the service has answered without them, so that the
    /// connection can be used again; 64 KiB by default. If the rest is longer, the answer says `Connection: close`.
    pub rest_bytes: usize,
    /// Time that the answer waits for these bytes; 2 s by default. After it the answer says `Connection: close`.
    pub rest: Duration,
    /// HTTP/2 streams open at once on a connection.
    pub max_streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            // Under a flood most of the work would be refusing.
            max_refused: 64,
            first_byte: Duration::from_secs(10),
            head: Duration::from_secs(5),
            idle: Duration::from_secs(60),
            write_stall: Duration::from_secs(10),
            grace: Duration::from_secs(25),
            settle: Duration::from_secs(1),
            head_bytes: 16 * 1024,
            max_headers: 64,
            rest_bytes: 64 * 1024,
            rest: Duration::from_secs(2),
            max_streams: 128,
        }
    }
}

/// Counts the connections that are open, for a gauge; clones share the count.
#[derive(Clone, Debug, Default)]
pub struct OpenConnections(Arc<AtomicUsize>);

impl OpenConnections {
    /// Connections open now, those that are just closing included.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one more until the returned value is dropped, by a panic too.
    pub(crate) fn enter(&self) -> Opened {
        self.0.fetch_add(1, Ordering::Relaxed);
        Opened(self.clone())
    }
}

/// One connection in the count of [`OpenConnections`].
#[derive(Debug)]
pub(crate) struct Opened(OpenConnections);

impl Drop for Opened {
    fn drop(&mut self) {
        (self.0).0.fetch_sub(1, Ordering::Relaxed);
    }
}
