//! What one process knows of a store, and how it is kept up to date.
//!
//! An [`Installation`] is a store opened with its master key: the keys that tokens are signed and verified with, the revocations, the
//! clients that authenticate. A [`Follower`] reads the change log, so that changes by other processes take effect here within a second,
//! and
//! [`Installation::catch_up`] reads it at once, before a request is refused. A [`Watcher`] checks what else the process depends
//! on: the place of its store, the clocks, and the agreement with the servers that share the store. A [`Rotation`] advances the
//! signing keys, in one of all servers.
//!
//! Nothing here depends on requests or answers.

mod background;
mod catch_up;
mod change_log;
mod client_id_filter;
mod events;
mod follower;
mod inspection;
mod installation;
mod last_use;
mod membership;
mod panics;
mod readiness;
mod registered;
mod registry;
mod rotation;
mod steady_time;
mod store_clock;
mod suspension;
mod ticks;
mod unproved;
mod watcher;

pub use background::spawn;
pub use catch_up::TokenBuffers;
pub use follower::{Follower, Following};
pub use inspection::{Verdict, inspect};
pub use installation::Installation;
pub use panics::{CatchPanic, Panicked, catch_panic};
pub use readiness::{NotReady, Task};
pub use registered::{KnownSecret, Registered};
pub use registry::Registry;
pub use rotation::Rotation;
pub use ticks::ticks;
pub use unproved::Unproved;
pub use watcher::Watcher;
