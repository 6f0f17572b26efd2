//! An installation whose store is open.

use std::sync::Arc;

use tollgate_admin::{Administration, Authority, Unlocked, install_if_empty};
use tollgate_config::Config;
use tollgate_core::Timestamp;
use tollgate_store::{Access, Actor, Store};

use crate::opening::{OpeningError, master_keys, store};

/// An installation that is administered on its store, by the master key.
pub struct Opened {
    /// The configuration that names it.
    pub config: Config,
    /// The store that holds it.
    pub store: Arc<dyn Store>,
    /// The master keys, and what they have opened.
    pub unlocked: Unlocked,
}

impl Opened {
    /// Opens the installation that a configuration names. If the store holds none and is not opened for reading only, one is
    /// created, if it is given who does that and when.
    pub async fn open(
        config: Config,
        access: Access,
        made_by: Option<(&Actor, Timestamp)>,
    ) -> Result<Self, OpeningError> {
        let master_keys = master_keys(&config)?;
        let store = store(&config, access).await?;
        if let Some((actor, now)) = made_by.filter(|_| access != Access::Read) {
            install_if_empty(store.as_ref(), &master_keys, now, actor).await?;
        }
        let unlocked = Unlocked::new(store.as_ref(), master_keys).await?;
        Ok(Self { config, store, unlocked })
    }

    /// Opens the installation that a configuration names for planning: for reading only. A store without an installation counts as
    /// empty, since carrying out the plan creates one.
    pub async fn to_plan(config: Config) -> Result<Self, OpeningError> {
        let master_keys = master_keys(&config)?;
        let store = store(&config, Access::Read).await?;
        let unlocked = match store.installation().await? {
            Some(_) => Unlocked::new(store.as_ref(), master_keys).await?,
            None => Unlocked::once_installed(master_keys),
        };
        Ok(Self { config, store, unlocked })
    }

    /// Returns the argument for the acts of administration.
    pub fn administration(&self) -> Administration<'_> {
        Administration {
            store: self.store.as_ref(),
            unlocked: &self.unlocked,
            config: &self.config,
            authority: Authority::MasterKey,
        }
    }
}
