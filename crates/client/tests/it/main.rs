//! What callers of the crate rely on, with paused time and authorities in the same process.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod authority;
mod cache;
mod http;
mod issuer;
mod server;
