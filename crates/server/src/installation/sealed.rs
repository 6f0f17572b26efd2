//! What is sealed in the store, which others may seal with another master key while this server runs.

use tollgate_admin::OpenError;
use tollgate_core::SigningKey;

use super::Installation;
use crate::suspension::Cause;

impl Installation {
    /// Opens the signing keys. Where they don't open, others sign with keys that are not known here and revoke by changes behind them,
    /// so the server is suspended at once, until they open again.
    pub(super) async fn open_signing_keys(&self) -> Result<Vec<SigningKey>, OpenError> {
        let sealed = self.store.signing_keys().await?;
        let opened = self.unlocked.open_signing_keys(self.store(), &sealed).await;
        match &opened {
            Ok(_) => self.suspend(Cause::MasterKey, None),
            // Whether they open is not known.
            Err(OpenError::Store(_)) => {}
            Err(error) => self.suspend(Cause::MasterKey, Some(error.to_string())),
        }
        opened
    }
}
