//! The HTTP kit that everything in Tollgate which answers requests is built from. It enters no other crate of Tollgate's, and
//! opens no socket to listen: that is `tollgate_edge`.
//!
//! - [`refusal`] is the one writer of error bodies; [`Problems`] are what such a body lists.
//! - [`ClientAddress`] is where a request comes from.
//! - [`credentials()`] finds what a request authenticates by; a [`Realm`] has the challenges of answers.
//!
//! With the feature `server`, which is on by default:
//!
//! - [`read_body()`] reads a body, bounded in bytes and in time.
//! - [`RequestId`] is the id of a request, the caller's own or a new one.
//! - [`client_address()`] finds the address of the caller when proxies stand in between.
//! - [`has_own_host`] tells whether a request names the server that it came to, or another, as by DNS rebinding.
//! - [`Throttle`] and [`Limiter`] count events by [`Source`] or by whatever else can be hashed; [`Sources`] counts connections.
//! - [`IdempotencyKey`] is the key of a request that may come again.
//! - [`SharedText`] is a text for everybody, sent compressed to who takes it so.
//! - [`Media`] is the type of a body; [`json`] and [`fields`] read one strictly.
//! - [`pages`] is what pages in a browser have in common.
//!
//! With the feature `forward`, `forward` sends requests on to an upstream.

#[cfg(feature = "server")]
pub mod fields;
#[cfg(feature = "forward")]
pub mod forward;
#[cfg(feature = "server")]
pub mod json;
#[cfg(feature = "server")]
pub mod pages;
pub mod refusal;

mod authentication;
#[cfg(feature = "server")]
mod body;
mod client_address;
#[cfg(feature = "server")]
mod forwarded;
#[cfg(feature = "server")]
mod hosts;
#[cfg(feature = "server")]
mod idempotency_key;
#[cfg(feature = "server")]
mod limiter;
#[cfg(feature = "server")]
mod media;
mod problems;
#[cfg(feature = "server")]
mod request_id;
#[cfg(feature = "server")]
mod shared_text;
#[cfg(feature = "server")]
mod source;
#[cfg(feature = "server")]
mod sources;
#[cfg(feature = "server")]
mod throttle;

pub use authentication::{Ambiguous, Realm, credentials};
#[cfg(feature = "server")]
pub use body::{BodyError, RequestBody, read_body};
pub use client_address::ClientAddress;
#[cfg(feature = "server")]
pub use forwarded::client_address;
#[cfg(feature = "server")]
pub use hosts::{HostName, NotAHostName, has_own_host};
#[cfg(feature = "server")]
pub use idempotency_key::{IDEMPOTENT_REPLAYED, IdempotencyKey};
#[cfg(feature = "server")]
pub use limiter::Limiter;
#[cfg(feature = "server")]
pub use media::{Media, NotUnderstood};
pub use problems::{Problem, Problems};
#[cfg(feature = "server")]
pub use request_id::{RequestId, X_REQUEST_ID};
#[cfg(feature = "server")]
pub use shared_text::{Coding, SharedText};
#[cfg(feature = "server")]
pub use source::Source;
#[cfg(feature = "server")]
pub use sources::{Held, SourceLimits, Sources};
#[cfg(feature = "server")]
pub use throttle::{Key, Throttle};
