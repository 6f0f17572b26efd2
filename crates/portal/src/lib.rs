//! The developer portal: web pages for the developers who call Tollgate's authority.
//!
//! It consists of a start page, a reference of the HTTP API, and a playground, where tokens are issued, used and
//! broken on the sandbox Payment API. Production needs none of them; a program that builds a server mounts [`routes`] beside those of
//! [`tollgate_sandbox`], which knows none of these pages. The portal knows no server: what it needs from one comes as values
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
