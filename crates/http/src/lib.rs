//! The HTTP kit that every listener and every refusal of Tollgate is built from. It enters no other crate of Tollgate's.
//!
//! - [`refusal`] is the one writer of error bodies; [`Problems`] are what such a body lists.
//!
//! With the feature `server`, which is on by default:
//!
//! - [`edge`] accepts connections, bounds what each may cost, and hands requests to a service.
//! - [`RequestId`] is the id of a request, the caller's own or a new one.
//! - [`client_address()`] is the address of the caller when proxies stand in between.
//! - [`Media`] is the type of a body; [`json`] and [`fields`] read one strictly.

#[cfg(feature = "server")]
pub mod edge;
#[cfg(feature = "server")]
pub mod fields;
#[cfg(feature = "server")]
pub mod json;
pub mod refusal;

#[cfg(feature = "server")]
mod client_address;
#[cfg(feature = "server")]
mod media;
mod problems;
#[cfg(feature = "server")]
mod request_id;

#[cfg(feature = "server")]
pub use client_address::client_address;
#[cfg(feature = "server")]
pub use media::Media;
pub use problems::{Problem, Problems};
#[cfg(feature = "server")]
pub use request_id::{RequestId, X_REQUEST_ID};
