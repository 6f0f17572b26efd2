//! The configuration of TLS.

use rustls::{ClientConfig, RootCertStore};
use tollgate_secrets::https;

use crate::{ConfigurationError, Origin};

/// Makes the configuration of TLS that all requests of this crate are sent with, for clients other than reqwest. It fails
/// where the system's roots can't be read.
pub fn tls_config() -> Result<ClientConfig, ConfigurationError> {
    https::tls_config().map_err(|error| {
        ConfigurationError::Tls(format!(
            "the system has no list of trusted authorities ({error}): install ca-certificates, or name a file of \
             certificates by SSL_CERT_FILE"
        ))
    })
}

/// Makes it for requests to one origin. Where that is called over http nothing is verified, and no list of authorities is needed.
pub fn tls_config_for(origin: &Origin) -> Result<ClientConfig, ConfigurationError> {
    if origin.is_http() { Ok(https::config_trusting(RootCertStore::empty())) } else { tls_config() }
}
