//! Credentials of a client.

use tollgate_core::ClientId;
use zeroize::Zeroizing;

/// The credentials of a client.
#[derive(Clone)]
pub struct Credentials {
    /// The id of the client.
    pub client_id: ClientId,
    /// The secret of the client.
    pub client_secret: Zeroizing<String>,
}
