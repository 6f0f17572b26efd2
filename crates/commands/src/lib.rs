//! The commands of operators: their arguments, and what they print. The acts themselves are in [`tollgate_operator`].
//!
//! A [`Command`] acts on a store, or asks a server to act; nothing here serves. The program adds the commands that serve,
//! and those of callers, which print and fail in the same way: [`output`], [`say`], [`Failure`].

mod actor;
mod adopt;
pub mod advice;
mod apply;
mod args;
mod audit;
mod clients;
mod command;
mod confirm;
mod console;
mod failure;
mod import;
mod inspect;
mod keys;
mod merchants;
pub mod open;
pub mod output;
mod printable;
mod progress;
pub mod say;
mod secrets;
mod store;
mod tokens;

pub use actor::actor;
pub use adopt::{AdoptArgs, adopt};
pub use args::Unrepeated;
pub use command::Command;
pub use failure::Failure;
