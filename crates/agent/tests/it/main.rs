//! The agent over real sockets, with upstreams in the same process.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod admin;
mod caller;
mod fixture;
mod forwarding;
mod lifecycle;
mod refused;
mod resent;
mod streaming;
mod tokens;
mod unauthorized;
mod upstream;
