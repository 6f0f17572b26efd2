//! A client in the file, in any format.

use tollgate_admin::Name;
use tollgate_admin::import::OldClient;
use tollgate_admin::imported::{ImportedSecret, ImportedSecrets};

/// A client in the file.
#[derive(Debug)]
pub struct Line {
    /// Its place in the file, such as `clients[3]` or `line 4`.
    pub at: String,
    /// The id that it has there; empty if it has none.
    pub id: String,
    /// The client, or why it is left out.
    pub client: Result<OldClient, String>,
}

/// Returns the name for a client: the one that it has, or else its id.
pub(super) fn name(given: Option<&str>, id: &str) -> Result<Name, String> {
    let given = given.and_then(|name| name.parse().ok());
    given.map_or_else(|| id.parse().map_err(|error| format!("its id {error}")), Ok)
}

/// Returns a secret that is given in plain text.
pub(super) fn known(secret: &str) -> Result<ImportedSecrets, String> {
    let secret = secret.parse().map_err(|error| format!("its secret {error}"))?;
    Ok([ImportedSecret::Known(secret)].into())
}

/// Returns a secret of which only the slow hash is given.
pub(super) fn hashed(hash: &str) -> Result<ImportedSecrets, String> {
    let hash = hash.parse().map_err(|error| format!("its hash {error}"))?;
    Ok([ImportedSecret::Hashed(hash)].into())
}
