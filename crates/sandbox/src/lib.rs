//! A sandbox of the Payment API behind Tollgate's guard, with the page behind a `redirect_url`.
//!
//! Production does not need it: a program that builds a server mounts [`routes`] if it wants them. The sandbox knows no server:
//! what it needs from one comes as values ([`Host`]).

pub mod assets;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod idempotency;
pub mod payments;
mod routes;

pub use error::Error;
pub use host::{Host, Settings};
pub use routes::{Routes, routes};
