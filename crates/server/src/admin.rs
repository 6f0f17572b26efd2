//! What administrators do: one function for each act, in one module for each subject.
//!
//! The command line calls them, and so can anything else that administers. Each function that changes something takes the
//! [`Actor`], which is recorded with the change. None of them prints, asks or ends the process.

pub(crate) mod api;
mod authority;
pub mod check;
pub mod clients;
pub mod configuration;
pub mod copy;
pub mod creation;
mod error;
pub mod keys;
pub mod merchants;
mod name;
mod page;
pub mod rekey;
mod role;
pub mod scopes;
pub mod secrets;
pub mod tokens;

use std::time::Duration;

use tollgate_core::Timestamp;
use tollgate_store::{Status, Store, StoreError};

use crate::config::Config;
use crate::opening::Unlocked;

pub use authority::Authority;
pub use error::AdminError;
use name::is_line;
pub use name::{Name, NameError};
pub use page::Page;
pub use role::{Act, Role};
pub use tollgate_core::Actor;

/// The installation that is administered.
#[derive(Clone, Copy)]
pub struct Administration<'a> {
    /// Its store.
    pub store: &'a dyn Store,
    /// The master keys, and what they have opened.
    pub unlocked: &'a Unlocked,
    /// Its configuration.
    pub config: &'a Config,
    /// By what right it is administered.
    pub authority: Authority<'a>,
}

impl Administration<'_> {
    /// Returns the time by the store's clock, which no clock of another machine decides. A clock that is behind what has
    /// certainly passed is wrong.
    pub async fn now(&self) -> Result<Timestamp, StoreError> {
        let passed = self.store.time_passed().await?.map(|passed| passed.until);
        Ok(self.store.now().await?.max(passed.unwrap_or(Timestamp::from_millis(0))))
    }
}

/// Waits, if something disabled is to be enabled, until every server in touch with the store has read that it was
/// disabled. A server that had heard of neither would issue tokens of before, which the others refuse.
async fn wait_if_enabled_again(found: Status, wanted: Status) {
    const READ_WITHIN: Duration = Duration::from_secs(1);
    if (found, wanted) == (Status::Disabled, Status::Enabled) {
        tokio::time::sleep(READ_WITHIN).await;
    }
}
