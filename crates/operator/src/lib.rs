//! What operators do to an installation: each act as a function that says what came of it, on the store or by a server.
//!
//! The command line is made of it. Nothing here prints, asks or ends the process.

mod api;
pub mod apply;
mod desk;
mod error;
mod file_error;
pub mod import;
mod network;
mod opened;
mod page;
pub mod private_file;
pub mod view;

pub use api::{AdminApi, ApiError};
pub use desk::{Desk, Tokens, name_of, text_of};
pub use error::{OperatorError, own_now};
pub use file_error::FileError;
pub use network::network;
pub use opened::Opened;
pub use page::Page;
