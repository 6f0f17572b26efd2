//! The limits on a peer and on the number of peers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The limits on a peer's use of connections, time and bytes.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections served at once.
    pub max_connections: usize,
    /// Connections beyond that limit that are answered 503 at a time; the others (all, if this is 0) wait in the kernel's backlog.
    pub max_refused: usize,
    /// Time until the first byte of a connection arrives, and for the TLS handshake.
    pub first_byte: Duration,
    /// Time for a request's head, from its first byte to the empty line after it.
    pub head: Duration,
    /// Time a connection is kept without a request.
    pub idle: Duration,
    /// Time without progress while bytes wait for a peer that does not read them.
    pub write_stall: Duration,
    /// Time after the shutdown signal for requests in progress.
    pub grace: Duration,
    /// The part of it in which connections are still accepted, and in which a connection without a request is kept: a request may be
    /// on its way, and would be lost. Its answer says `Connection: close`.
    pub settle: Duration,
    /// Size of a request's head in bytes, including its request line.
    pub head_bytes: usize,
    /// The most header lines in a request.
    pub max_headers: usize,
    /// Bytes of an HTTP/1.1 body that are read and dropped when the service has answered without reading them, so that the
    /// connection can be used again; 64 KiB by default. If the rest is longer, the answer says `Connection: close`.
    pub rest_bytes: usize,
    /// Time that the answer waits for these bytes; 2 s by default. After that the answer says `Connection: close`.
    pub rest: Duration,
    /// HTTP/2 streams open at once on a connection.
    pub max_streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            // Under a flood, refusing would otherwise be most of the work.
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
    /// Returns how many connections are open now, including those that are closing.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts one more connection until the returned value is dropped, also by a panic.
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
