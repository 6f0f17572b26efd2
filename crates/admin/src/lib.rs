//! The acts of administration: one function for each act, in one module for each subject.
//!
//! The command line, the HTTP API and the console call these functions, and so does a server for what it does by itself: a store and
//! a master key are enough, and nothing is served. Each function that changes something takes the [`Actor`], who is named in the
//! record of the audit trail that is written with the change, or with its refusal. None of them prints, asks or ends the process.

mod acting;
mod agreement;
pub mod apply;
pub mod audit;
mod authority;
pub mod check;
pub mod clients;
pub mod configuration;
pub mod console;
pub mod copy;
pub mod creation;
mod deleted;
mod error;
pub mod import;
pub mod imported;
pub mod key_times;
pub mod keys;
pub mod many;
pub mod merchants;
mod name;
mod opening;
mod operation;
mod page;
mod process;
pub mod recorded;
pub mod rekey;
pub mod scopes;
pub mod second;
pub mod secrets;
pub mod tokens;
mod trail;
mod unused;

use std::time::Duration;

use tollgate_config::Config;
use tollgate_core::{Scope, Timestamp};
use tollgate_store::{Status, Store, StoreError, Version};

pub use agreement::{Adopted, AudienceTerms, KEYS_KNOWN_WITHIN, ROLLOUT, Records, Standing, Terms, accepted};
pub use authority::Authority;
pub use deleted::Deleted;
pub use error::AdminError;
pub use name::{Name, NameError, Reason, ReasonError, is_line};
pub use opening::{NewKey, OpenError, Unlocked, install_if_empty, new_signing_key, open_signing_keys};
pub use operation::Operation;
pub use page::Page;
pub use process::{Process, machine, this_server, unix_user, whoever_runs_this};
pub use tollgate_store::Actor;
pub use trail::AuditTrail;

/// The installation that is administered, and by what right.
#[derive(Clone, Copy)]
pub struct Administration<'a> {
    /// The store that holds the installation.
    pub store: &'a dyn Store,
    /// The master keys, and what they have opened.
    pub unlocked: &'a Unlocked,
    /// The server's configuration.
    pub config: &'a Config,
    /// The right by which it is administered.
    pub authority: Authority<'a>,
}

impl Administration<'_> {
    /// Refuses to give somebody a role if the administrator may not give it.
    fn check_gives(&self, scope: &Scope) -> Result<(), AdminError> {
        self.authority.check_gives(scope)?;
        if self.config.admin.second_person_within.is_some() {
            self.authority.check_makes_operators(scope)?;
        }
        Ok(())
    }

    /// Returns the time by the store's clock, which doesn't depend on the clock of another machine. If that clock is behind a time
    /// that has certainly passed, it is wrong.
    pub async fn now(&self) -> Result<Timestamp, StoreError> {
        let passed = self.store.time_passed().await?.map(|passed| passed.until);
        Ok(self.store.now().await?.max(passed.unwrap_or(Timestamp::from_millis(0))))
    }
}

/// Refuses a change unless the object has one of the versions `only`. Returns the version that it must still have when it is
/// changed.
fn check_version(only: Option<&[Version]>, found: Version) -> Result<Option<Version>, AdminError> {
    match only {
        None => Ok(None),
        Some(versions) if versions.contains(&found) => Ok(Some(found)),
        Some(_) => Err(AdminError::Changed),
    }
}

/// Waits, if a disabled object is to be enabled, until every server in touch with the store has read that it was
/// disabled. A server that had heard of neither change would issue tokens of the old generation, which the others refuse.
async fn wait_if_enabled_again(found: Status, wanted: Status) {
    const READ_WITHIN: Duration = Duration::from_secs(1);
    if (found, wanted) == (Status::Disabled, Status::Enabled) {
        tokio::time::sleep(READ_WITHIN).await;
    }
}
