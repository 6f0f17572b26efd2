//! The credentials of a `dev` folder.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use tollgate_core::{ClientId, MerchantId};
use zeroize::Zeroizing;

/// What a caller needs, in the file that `tollgate dev` writes. The file itself is a valid token request.
#[derive(Serialize, Deserialize)]
pub(crate) struct Credentials {
    pub(crate) base_url: String,
    pub(crate) merchant_id: MerchantId,
    pub(crate) client_id: ClientId,
    pub(crate) client_secret: String,
}

impl Credentials {
    /// Returns the path of the file in a `dev` folder.
    pub(crate) fn path(data: &Path) -> PathBuf {
        data.join("credentials.json")
    }

    /// Reads the file in a `dev` folder.
    pub(crate) fn read(data: &Path) -> io::Result<Self> {
        let json = Zeroizing::new(fs::read(Self::path(data))?);
        // The message of the parser might contain a part of the secret.
        serde_json::from_slice(&json).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}
