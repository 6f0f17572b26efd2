//! The signing keys, which are sealed in the store: other processes may seal them with another master key while this server runs.

use std::sync::Arc;

use tollgate_admin::key_times::newest;
use tollgate_admin::{NewKey, OpenError, recorded};
use tollgate_core::{Timestamp, VerifyingRing};
use tollgate_keys::{SigningKey, SigningRing};
use tollgate_store::{Act, Draft, Object, SigningKey as SealedKey};

use super::Installation;
use crate::suspension::Cause;

impl Installation {
    /// Reloads the signing keys and the agreements of the servers that share the store.
    pub(crate) async fn reload_keys(&self) -> Result<(), OpenError> {
        let keys = self.open_signing_keys().await?;
        self.membership.read(self.store()).await?;
        let accepted = self.membership.accepted(self.store_time());
        let policy = self.verifier.keyring().policy().clone();
        let issuer = policy.issuer.clone();
        let verifying = VerifyingRing::new(policy, keys.iter().map(SigningKey::verifying_key));
        // Set first, so that nothing is signed that this server would not accept.
        self.verifier.set_keyring(verifying.accepting(accepted));
        self.signing_ring.store(Arc::new(SigningRing::new(&issuer, keys)));
        self.suspend_unless_agreed();
        Ok(())
    }

    /// Opens the signing keys. If they don't open, other servers sign with keys that are unknown here and revoke by later changes,
    /// so the server is suspended at once, until they open again.
    pub(super) async fn open_signing_keys(&self) -> Result<Vec<SigningKey>, OpenError> {
        let sealed = self.store.signing_keys().await?;
        let opened = self.unlocked.open_signing_keys(self.store(), &sealed).await;
        match &opened {
            Ok(_) => self.suspend(Cause::MasterKey, None),
            // It isn't known whether they open.
            Err(OpenError::Store(_)) => {}
            Err(error) => self.suspend(Cause::MasterKey, Some(error.to_string())),
        }
        opened
    }

    /// Adds the first key of each configured algorithm that has none, unless the servers have agreed on other algorithms.
    pub(crate) async fn add_first_keys(&self) -> Result<(), OpenError> {
        if self.membership.obstacle(self.store_time()).is_some() {
            return Ok(());
        }
        let keys = self.store.signing_keys().await?;
        let now = self.store.now().await?;
        for algorithm in self.config.algorithms() {
            if newest(algorithm, &keys).is_none() {
                let rsa_bits = self.config.keys.rsa_bits;
                let new = NewKey { algorithm, rsa_bits, created_at: now, activates_at: now };
                let key = self.new_signing_key(new).await?;
                let act = self.adds_key(&key, now, now);
                self.store.add_signing_key(&key, now, &act).await?;
                tracing::info!(key_id = %key.id, %algorithm, "the first signing key of an algorithm was added");
                self.reload_keys().await?;
            }
        }
        Ok(())
    }

    /// Generates a signing key and seals it.
    pub(crate) async fn new_signing_key(&self, new: NewKey) -> Result<SealedKey, OpenError> {
        self.unlocked.new_signing_key(self.store(), new).await
    }

    /// Makes the act of a server that adds a key by itself, at `now` by the store's clock.
    pub(crate) fn adds_key(&self, key: &SealedKey, others_retire_at: Timestamp, now: Timestamp) -> Act {
        let after = Some(recorded::signing_key(key, others_retire_at).to_string());
        self.act(Draft {
            after,
            ..Draft::new(now, self.membership.actor(), "key.add", Object::SigningKey(key.id))
        })
    }
}
