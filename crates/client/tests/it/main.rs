//! What callers of the crate rely on, with paused time and authorities in the same process.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod authority;
mod blocking;
mod cache;
mod clocks;
mod duplicates;
mod early;
mod flights;
mod http;
mod issuer;
mod layer;
#[cfg(feature = "reqwest-middleware")]
mod mended;
mod middleware;
mod outage;
mod server;
mod steady;
mod transport;
