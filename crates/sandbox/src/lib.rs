//! A sandbox of the Payment API behind Tollgate's guard, with the page behind a `redirect_url`, a playground for people
//! and a reference of the HTTP API.
//!
//! Production does not need it: whoever builds a server mounts [`routes`] where it is wanted. The sandbox knows no server:
//! what it needs of one comes as values ([`Host`], [`Playground`], [`Calls`]).

pub mod assets;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod idempotency;
mod pages;
pub mod payments;
mod playground;
mod reference;
mod routes;
mod time_format;

pub use error::Error;
pub use host::{Host, Settings};
pub use pages::unknown::unknown;
pub use playground::{
    Answering, Calls, Credentials, Inspect, Inspecting, Kit, KitClient, Playground, Verdict, Wire,
};
pub use reference::Document;
pub use routes::{Routes, routes};
