//! Tollgate's server as a library: the authority, and a place for what is [mounted](Mounted) beside it.
//!
//! A request passes through few files: [`tollgate_edge`] → [`Server::handle`] → the authority's endpoint,
//! or a mounted route. An error on the way becomes an answer in one place, [`error`].

mod answering;
mod authz;
mod begun;
mod caller;
mod document;
pub mod error;
mod exposition;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod gauges;
mod health;
mod limiters;
mod limits;
mod listeners;
mod metrics;
mod mounted;
mod oauth;
mod open_files;
pub mod openapi;
mod refusals;
mod refused_requests;
mod reload;
mod response;
mod route;
mod routed;
mod run;
mod sensitive;
mod server;
mod slow_hashes;
mod spans;
mod state;
mod store_load;
mod streaming;
mod uses;
mod waiting;
mod why;

pub use caller::Caller;
pub use listeners::{BindError, Listeners};
pub use metrics::{Grant, Metrics, Totals};
pub use mounted::{Begin, Beside, MakeRouter, Mounted, Operators, Running};
pub use oauth::request::{MAX_BODY, check_sender};
pub use open_files::open_files;
pub use refusals::{Refusal, Refusals};
pub use refused_requests::{KEPT, RefusedRequest, RefusedRequests};
pub use response::Body;
pub use route::is_at;
pub use run::{Tls, run};
pub use server::{Loopback, Server};
pub use state::{Arrival, State};
pub use streaming::{StreamError, Streaming};
pub use waiting::Waiting;
pub use why::Why;
