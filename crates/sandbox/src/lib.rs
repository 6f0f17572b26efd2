//! A sandbox of the Payment API behind Tollgate's guard, with the page behind a `redirect_url`.
//!
//! Production does not need it: whoever builds a server mounts [`routes`] where it is wanted. The sandbox knows no server:
//! what it needs of one comes as values ([`Host`]).

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
