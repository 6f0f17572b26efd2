//! The credentials of a `dev` folder.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tollgate_core::{ClientId, MerchantId};
use tollgate_secrets::access::{self, AccessError, Sharing};
use zeroize::Zeroizing;

/// The longest file, in bytes.
const LONGEST: usize = 16 * 1024;

/// The credentials that a caller needs, in the file that `tollgate dev` writes. The file itself is a valid token request.
#[derive(Serialize, Deserialize)]
pub struct Credentials {
    /// The base URL of the API.
    pub base_url: String,
    /// The merchant that the client belongs to.
    pub merchant_id: MerchantId,
    /// The id of the client.
    pub client_id: ClientId,
    /// The secret of the client.
    pub client_secret: String,
}

impl Credentials {
    /// Returns the path of the file in a `dev` folder.
    pub fn path(data: &Path) -> PathBuf {
        data.join("credentials.json")
    }

    /// Reads the file in a `dev` folder, unless others have access to it.
    pub fn read(data: &Path) -> Result<Self, AccessError> {
        let file = access::open(&Self::path(data), Sharing::Private)?;
        let mut json = Zeroizing::new(Vec::with_capacity(LONGEST));
        file.take(LONGEST as u64).read_to_end(&mut json)?;
        // The message of the parser might contain a part of the secret.
        serde_json::from_slice(&json).map_err(|_| io::Error::from(io::ErrorKind::InvalidData).into())
    }
}
