//! An installation whose store is open.

use std::sync::Arc;

use tollgate_core::{Actor, SigningKey, Timestamp, VerifyingRing};
use tollgate_guard::{SystemClock, Verifier};
use tollgate_server::admin::{Administration, Authority};
use tollgate_server::config::Config;
use tollgate_server::{Unlocked, Verdict, accepted, inspect, install_if_empty, open_signing_keys};
use tollgate_store::{Access, Store};

use crate::opening::{OpeningError, master_keys, store};

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
    /// Opens the installation that a configuration names. Where the store holds none and is not only read, one is made, if it is said
    /// by whom and when.
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

    /// Returns what the acts of administration work on.
    pub fn administration(&self) -> Administration<'_> {
        Administration {
            store: self.store.as_ref(),
            unlocked: &self.unlocked,
            config: &self.config,
            authority: Authority::MasterKey,
        }
    }

    /// Says what a server of this installation would do with a token now.
    pub async fn inspect(&self, token: &str) -> Result<Verdict, OpeningError> {
        let now = self.administration().now().await?;
        let policy = self.config.token_policy();
        let keys = open_signing_keys(&self.store.signing_keys().await?, self.unlocked.master_keys())?;
        let accepted = accepted(self.store.as_ref(), &self.config, now).await?;
        let keyring =
            VerifyingRing::new(policy, keys.iter().map(SigningKey::verifying_key)).accepting(accepted);
        let verifier = Verifier::new(keyring, Arc::new(SystemClock));
        verifier.set_revocations(self.store.revocations(now).await?.into_iter().collect());
        Ok(inspect(&verifier, self.store.as_ref(), token, now).await?)
    }
}
