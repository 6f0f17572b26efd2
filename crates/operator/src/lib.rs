//! What operators do to an installation: each act is a function that returns its result, on the store or by a server.
//!
//! - [`Desk`] has the acts of administration; [`Opened`] is an installation whose store they are done on.
//! - [`apply`] makes merchants and clients be as a file says; [`import`] takes over the clients of another authority.
//! - [`trail`] exports the audit trail and verifies exported files.
//! - [`opening`] opens the store and the master keys that a configuration names, by the secrets of [`named_secret`]. [`DevFolder`]
//!   creates all of them.
//! - [`collector`] sends traces and metrics.
//!
//! The command line is made of it. Nothing here prints, asks or ends the process.

mod api;
pub mod apply;
pub mod collector;
mod credentials;
mod desk;
mod dev_folder;
mod error;
mod file_error;
pub mod import;
pub mod named_secret;
mod network;
mod opened;
pub mod opening;
mod page;
pub mod private_file;
pub mod trail;
pub mod view;

pub use api::{AdminApi, ApiError};
pub use credentials::Credentials;
pub use desk::{Desk, Tokens, name_of};
pub use dev_folder::{DevFolder, DevFolderError};
pub use error::{OperatorError, own_now};
pub use file_error::FileError;
pub use network::network;
pub use opened::Opened;
pub use page::Page;
