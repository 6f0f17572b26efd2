//! What the commands take. Secrets are never taken from the command line.

mod administration;
mod apply;
mod audit;
mod client_update;
mod common;
mod console;
mod import;
mod terms;
mod unrepeated;

pub(crate) use administration::{
    ClientCommand, KeyCommand, MerchantCommand, RevokeArgs, SecretCommand, StoreCommand, TransferArgs,
};
pub(crate) use apply::ApplyArgs;
pub(crate) use audit::{AuditCommand, AuditListArgs, Since};
pub(crate) use client_update::ClientUpdateArgs;
pub(crate) use common::{Changing, ClientArgs, Ending, MerchantArgs, StoreArgs, WhereArgs, Why};
pub(crate) use console::ConsoleCommand;
pub(crate) use import::ImportArgs;
pub use unrepeated::Unrepeated;
