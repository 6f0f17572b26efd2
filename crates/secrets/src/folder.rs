//! A folder of Vault for new secrets.

use serde::Serialize;

use crate::name::Name;
use crate::vault::{self, Vault};
use crate::{Environment, Reason, SecretError};

/// A folder of Vault, KV version 2, in which each new secret gets an entry of its own, whose fields [`Reference`](crate::Reference)s
/// can name.
pub struct Folder {
    text: String,
    vault: Vault,
}

impl Folder {
    /// Opens `vault:MOUNT/PATH`, with the same settings as references to Vault. No request is sent to Vault yet.
    ///
    /// # Errors
    ///
    /// The text is not of this form, or `VAULT_CACERT` names no certificates.
    pub fn open(text: &str, environment: Environment) -> Result<Self, SecretError> {
        let id = text.strip_prefix("vault:").and_then(|id| Name::parse(id, vault::is_id));
        let form = Reason::Unsupported("a folder for secrets is vault:MOUNT/PATH, without #FIELD");
        let name = id.filter(|name| name.field.is_none()).ok_or(form);
        let vault = name.and_then(|name| Vault::open(name, environment));
        let vault = vault.map_err(|reason| SecretError::new(text, reason))?;
        Ok(Self { text: text.to_owned(), vault })
    }

    /// Saves fields under a new name. An existing entry of this name is not replaced.
    ///
    /// # Errors
    ///
    /// Vault refuses, can't be reached, or has an entry by this name. Unless it was certainly not reached, the entry may exist.
    pub async fn keep(&self, name: &str, fields: &(impl Serialize + Sync)) -> Result<(), SecretError> {
        let kept = self.vault.keep(name, fields).await;
        kept.map_err(|reason| SecretError::new(format!("{}/{name}", self.text), reason))
    }
}
