//! The HTTP kit that every listener of Tollgate is built from.
//!
//! - [`edge`] accepts connections, bounds what each may cost, and hands requests to a service.
//! - [`RequestId`] is the id of a request, the caller's own or a new one.
//! - [`client_address()`] is the address of the caller when proxies stand in between.
//! - [`Media`], [`json`] and [`fields`] read bodies strictly and collect their [`Problems`].

pub mod edge;
pub mod fields;
pub mod json;

mod client_address;
mod media;
mod problems;
mod request_id;

pub use client_address::client_address;
pub use media::Media;
pub use problems::{Problem, Problems};
pub use request_id::{RequestId, X_REQUEST_ID};
