//! Credentials of a client.

use tollgate_core::ClientId;
use zeroize::Zeroizing;

/// What a client authenticates with.
#[derive(Clone)]
pub struct Credentials {
    /// Its id.
    pub client_id: ClientId,
    /// Its secret.
    pub client_secret: Zeroizing<String>,
}
