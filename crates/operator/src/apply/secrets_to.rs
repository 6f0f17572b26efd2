//! Saves the secrets of new clients.

use std::path::Path;

use serde_json::Value;
use tollgate_client::Environment;
use tollgate_secrets::Folder;

use super::secrets_file::{SecretsFile, fields};
use super::secrets_place::SecretsPlace;
use crate::desk::text_of;
use crate::error::OperatorError;

/// An open place that secrets of new clients are saved to.
pub struct SecretsTo(Place);

enum Place {
    File(SecretsFile),
    Vault { at: String, folder: Box<Folder>, is_used: bool },
}

impl SecretsTo {
    /// Creates the file, or prepares to write to the folder, before anything else is done.
    pub fn open(place: &SecretsPlace, environment: Environment) -> Result<Self, OperatorError> {
        Ok(Self(match place {
            SecretsPlace::File(path) => Place::File(SecretsFile::create(Path::new(path))?),
            SecretsPlace::Vault(at) => {
                let folder = Folder::open(at, environment).map_err(OperatorError::NoFolder)?;
                Place::Vault { at: at.clone(), folder: Box::new(folder), is_used: false }
            }
        }))
    }

    /// Saves the secrets of clients: in the file with a line for each, in the folder with an entry for each, named by its id. They
    /// are saved when it returns.
    pub(crate) async fn keep(&mut self, clients: &[Value]) -> Result<(), OperatorError> {
        match &mut self.0 {
            Place::File(file) => file.keep(clients),
            Place::Vault { folder, is_used, .. } => {
                *is_used = true;
                for client in clients {
                    let id = text_of(client, "client_id")?;
                    let kept = folder.keep(id, &fields(client)?).await;
                    kept.map_err(|error| OperatorError::NotKept { client: id.to_owned(), error })?;
                }
                Ok(())
            }
        }
    }

    /// Names the place, if secrets were saved there.
    pub fn end(&self) -> Option<String> {
        match &self.0 {
            Place::File(file) => file.end().map(|path| path.display().to_string()),
            Place::Vault { at, is_used, .. } => is_used.then(|| at.clone()),
        }
    }
}
