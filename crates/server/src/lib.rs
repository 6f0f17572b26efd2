//! Tollgate's server as a library: the authority, and a seat for what is [mounted](Mounted) beside it.
//!
//! A request travels down through few files: [`tollgate_edge`] → [`Server::handle`] → the authority's endpoint,
//! or what is mounted. An error on the way becomes an answer in one place, [`error`].

mod answering;
mod authz;
mod background;
mod begun;
mod caller;
mod catch_up;
mod change_log;
mod client_id_filter;
mod document;
pub mod error;
mod events;
mod exposition;
mod follower;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod gauges;
mod health;
mod inspection;
mod installation;
mod last_use;
mod limiters;
mod limits;
mod listeners;
pub mod log;
mod membership;
mod metrics;
mod mounted;
mod oauth;
mod open_files;
pub mod openapi;
mod panics;
mod readiness;
mod refusals;
mod refused_requests;
mod registry;
mod reload;
mod response;
mod rotation;
mod route;
mod routed;
mod run;
mod server;
mod slow_hashes;
mod spans;
mod state;
mod steady_time;
mod store_clock;
mod store_load;
mod streaming;
mod suspension;
mod ticks;
mod uses;
mod waiting;
mod watcher;
mod why;

pub use caller::Caller;
pub use follower::{Follower, Following};
pub use inspection::{Verdict, inspect};
pub use installation::Installation;
pub use listeners::{BindError, Listeners};
pub use metrics::{Grant, Metrics, Totals};
pub use mounted::{Begin, Beside, MakeRouter, Mounted, Operators, Running};
pub use oauth::request::{MAX_BODY, check_sender};
pub use open_files::open_files;
pub use readiness::{NotReady, Task};
pub use refusals::{Refusal, Refusals};
pub use refused_requests::{KEPT, RefusedRequest, RefusedRequests};
pub use response::Body;
pub use rotation::Rotation;
pub use route::is_at;
pub use run::{Tls, run};
pub use server::{Loopback, Server};
pub use state::{Arrival, State};
pub use streaming::{StreamError, Streaming};
pub use waiting::Waiting;
pub use watcher::Watcher;
pub use why::{Unproved, Why};
