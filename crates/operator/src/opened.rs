//! An installation whose store is open.

use std::sync::Arc;

use tollgate_server::Unlocked;
use tollgate_server::admin::{Administration, Authority};
use tollgate_server::config::Config;
use tollgate_store::Store;

/// An installation that is administered on its store, by the master key.
pub struct Opened {
    /// Its configuration.
    pub config: Config,
    /// Its store.
    pub store: Arc<dyn Store>,
    /// The master keys, and what they have opened.
    pub unlocked: Unlocked,
}

impl Opened {
    /// Returns what the acts of administration work on.
    pub fn administration(&self) -> Administration<'_> {
        Administration {
            store: self.store.as_ref(),
            unlocked: &self.unlocked,
            config: &self.config,
            authority: Authority::MasterKey,
        }
    }
}
