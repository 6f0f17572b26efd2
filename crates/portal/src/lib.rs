//! The developer portal: what the developers who call Tollgate's authority see of it in a browser.
//!
//! It is the page that a person finds first, a reference of the HTTP API, and a playground, where tokens are issued, used and
//! broken on the sandbox Payment API. Production needs neither; whoever builds a server mounts [`routes`] beside those of
//! [`tollgate_sandbox`], which knows none of these pages. The portal knows no server: what it needs of one comes as values
//! ([`Playground`], [`Document`]).

mod assets;
mod playground;
mod reference;
mod routes;
mod start;
mod time_format;
mod unknown;

pub use assets::ASSETS;
pub use playground::{
    Answering, Calls, Credentials, Inspect, Inspecting, Kit, KitClient, Playground, Verdict, Wire,
};
pub use reference::Document;
pub use routes::routes;
pub use unknown::unknown;
