//! The HTTP edge: accepts connections, bounds what each may cost, and hands requests to a service.
//!
//! One port speaks HTTP/1.1 and HTTP/2: over TLS the ALPN decides, in the clear the first bytes do (RFC 9113
//! §3.3, prior knowledge). Every wait for a peer has a limit of its own ([`Limits`]), so a peer that is
//! silent, slow or gone holds a connection for seconds, never for ever. The service is not limited here.
//!
//! Below the edge every HTTP/1.1 request has exactly one `Host`, one body length and a target that begins
//! with `/`; what breaks this is answered here, in the envelope of the API, and the connection closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub use refusal::refusals;

pub use body::{BodyError, RequestBody, read_body};
pub use rustls::ServerConfig as TlsConfig;
pub use serve::{Drained, serve};
pub use tls::{TlsError, tls_config};

mod admission;
mod body;
mod closing;
mod connection;
mod framing;
mod pulse;
mod refusal;
mod serve;
mod shared;
mod tap;
mod tls;
mod watch;

#[cfg(test)]
mod tests;

/// What a peer may cost: connections, time and bytes.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections served at once; more wait in the kernel's backlog.
    pub max_connections: usize,
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
    /// Size of a request's head in bytes, its request line included.
    pub head_bytes: usize,
    /// Header lines in a request.
    pub max_headers: usize,
    /// HTTP/2 streams open at once on a connection.
    pub max_streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            first_byte: Duration::from_secs(10),
            head: Duration::from_secs(5),
            idle: Duration::from_secs(60),
            write_stall: Duration::from_secs(10),
            grace: Duration::from_secs(25),
            head_bytes: 16 * 1024,
            max_headers: 64,
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
    fn enter(&self) -> Opened {
        self.0.fetch_add(1, Ordering::Relaxed);
        Opened(self.clone())
    }
}

/// One connection in the count of [`OpenConnections`].
#[derive(Debug)]
struct Opened(OpenConnections);

impl Drop for Opened {
    fn drop(&mut self) {
        (self.0).0.fetch_sub(1, Ordering::Relaxed);
    }
}
