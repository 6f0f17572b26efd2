//! The configuration of TLS.

use rustls::ClientConfig;
use tollgate_secrets::https;

use crate::ConfigurationError;

/// Makes the configuration of TLS that all requests of this crate are sent with, for clients other than reqwest. It fails
/// where the system's roots can't be read.
pub fn tls_config() -> Result<ClientConfig, ConfigurationError> {
    https::tls_config().map_err(|error| ConfigurationError::Tls(error.to_string()))
}
