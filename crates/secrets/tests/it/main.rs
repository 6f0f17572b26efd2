//! Secret references against servers that speak the wire of Vault, Google Cloud and AWS, errors and all.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod aws;
mod canary;
mod fakes;
mod gcp;
mod key;
mod limits;
mod local;
mod server;
mod vault;
mod world;
