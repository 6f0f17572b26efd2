//! Reloads settings and files while a server runs: all of them at SIGHUP, and certificates whenever their files change.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tollgate_commands::{Failure, open};
use tollgate_config::Config;
use tollgate_operator::named_secret::{database_password, provider_secret, sharing};
use tollgate_operator::opening::master_keys;
use tollgate_server::Server;

use crate::certificate::Served;
use crate::signals::Signals;

/// How often the certificate's files are checked.
const LOOK: Duration = Duration::from_secs(1);

/// The parts of a running server that can be reloaded.
pub(crate) struct Reload<'a> {
    pub(crate) server: Arc<Server>,
    pub(crate) log: &'a tollgate_log::Guard,
    /// The configuration file; `None` if there is none.
    pub(crate) file: Option<PathBuf>,
    pub(crate) certificates: Vec<Served>,
}

impl Reload<'_> {
    /// Reloads for as long as it is polled.
    pub(crate) async fn run(mut self, signals: &mut Signals) -> Infallible {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            if let Some(expires_at) = self.certificates.iter().filter_map(Served::expires_at).min() {
                self.server.certificate_expires(expires_at);
            }
            tokio::select! {
                () = signals.hung_up() => self.all(),
                _ = ticks.tick() => {
                    for served in &mut self.certificates {
                        served.renew_if_changed(&self.server.settings());
                    }
                }
            }
        }
    }

    fn all(&mut self) {
        let loaded = open::load(self.file.as_deref()).and_then(|new| {
            open::refuse_unsafe(&new)?;
            Ok(new)
        });
        let new = match loaded {
            Ok(new) => new,
            Err(failure) => {
                tracing::error!(reason = %failure, "SIGHUP: the configuration can't be read anew, and nothing has changed");
                return;
            }
        };
        self.check_secrets(&new);
        // Logged in any case, at the level before or at the new one.
        let before = self.server.settings().log.level;
        self.log.set_level(before.max(new.log.level));
        let changes = self.server.reload(&new);
        for served in &mut self.certificates {
            served.renew(&new);
        }
        let changed = changes.live.join(", ");
        tracing::info!(changed, "SIGHUP: configuration, secrets and certificate were read anew");
        if !changes.fixed.is_empty() {
            let settings = changes.fixed.join(", ");
            tracing::warn!(settings, "these settings differ, and count after a restart only");
        }
        self.log.set_level(new.log.level);
    }

    /// Reports secrets that can't be read now, which would otherwise be noticed only when they are needed next.
    fn check_secrets(&self, new: &Config) {
        if let Some(source) = &new.database.password
            && let Err(failure) = database_password(source, sharing(new)).map_err(Failure::from)
        {
            tracing::error!(reason = %failure, "the password of the database can't be read anew");
        }
        if new.console.oidc.is_set()
            && let Err(failure) = provider_secret(new).map_err(Failure::from)
        {
            tracing::error!(reason = %failure, "the secret of the console's provider can't be read anew");
        }
        match master_keys(new).map_err(Failure::from) {
            Ok(keys) if self.server.has_master_keys(&keys) => {}
            Ok(_) => tracing::warn!("the master key is another one, and counts after a restart only"),
            Err(failure) => tracing::error!(reason = %failure, "the master key can't be read anew"),
        }
    }
}
