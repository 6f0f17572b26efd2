//! Where the secrets of new clients go.

use std::path::Path;

use serde_json::Value;
use tollgate_client::Environment;
use tollgate_secrets::Folder;

use super::secrets_file::{SecretsFile, fields};
use crate::args::SecretsPlace;
use crate::desk::text_of;
use crate::failure::Failure;

/// What keeps the secrets of new clients.
pub(super) enum SecretsTo {
    File(SecretsFile),
    Vault { at: String, folder: Box<Folder>, is_used: bool },
}

impl SecretsTo {
    /// Makes the file, or prepares to write to the folder, before anything else is done.
    pub(super) fn open(place: &SecretsPlace) -> Result<Self, Failure> {
        match place {
            SecretsPlace::File(path) => SecretsFile::create(Path::new(path)).map(Self::File),
            SecretsPlace::Vault(at) => {
                let folder = Folder::open(at, Environment::process());
                let folder = folder.map_err(|error| Failure::new(format!("--secrets-to: {error}")))?;
                Ok(Self::Vault { at: at.clone(), folder: Box::new(folder), is_used: false })
            }
        }
    }

    /// Keeps the secrets of clients: in the file a line for each, in the folder an entry with its id as name. They are kept when it
    /// returns.
    pub(super) async fn keep(&mut self, clients: &[Value]) -> Result<(), Failure> {
        match self {
            Self::File(file) => file.keep(clients),
            Self::Vault { folder, is_used, .. } => {
                *is_used = true;
                for client in clients {
                    let id = text_of(client, "client_id")?;
                    let kept = folder.keep(id, &fields(client)?).await;
                    kept.map_err(|error| {
                        Failure::new(format!("{error}: the secret of client {id} is not kept"))
                    })?;
                }
                Ok(())
            }
        }
    }

    /// Says where secrets are, if there are any.
    pub(super) fn end(&self) -> Option<String> {
        match self {
            Self::File(file) => file.end().map(|path| path.display().to_string()),
            Self::Vault { at, is_used, .. } => is_used.then(|| at.clone()),
        }
    }
}
