//! Settings that change while a server runs.

use std::sync::Arc;

use tokio::time::Instant;
use tollgate_config::{Changes, Config};
use tollgate_keys::MasterKeys;

use crate::limits::limits;
use crate::server::Server;

impl Server {
    /// Returns the configuration, with the changes since the start.
    pub fn settings(&self) -> Arc<Config> {
        arc_swap::Guard::into_inner(self.state().settings())
    }

    /// Says whether these are the master keys that the server was started with.
    pub fn has_master_keys(&self, keys: &MasterKeys) -> bool {
        self.state().installation().has_master_keys(keys)
    }

    /// Takes the settings that can change from a configuration that was read again. Work in progress goes on; nothing ends.
    pub fn reload(&self, new: &Config) -> Changes {
        let state = self.state();
        let mut settings = Config::clone(&state.settings());
        let changes = settings.take_live(new);
        state.limiters().set(&settings, Instant::now());
        state.installation().registry().set_capacity(settings.limits.client_cache);
        // Even if nothing listens yet: a listener that starts later takes them from there.
        state.edge_limits().send_replace(limits(&settings));
        state.change(settings);
        changes
    }
}
