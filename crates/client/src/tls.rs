//! The TLS configuration for requests.

use rustls::{ClientConfig, RootCertStore};
use tollgate_secrets::https;

use crate::{ConfigurationError, Origin};

/// Makes the TLS configuration of all requests of this crate, for clients other than reqwest. Fails if the system's roots can't be
/// read.
pub fn tls_config() -> Result<ClientConfig, ConfigurationError> {
    https::tls_config().map_err(|error| {
        ConfigurationError::Tls(format!(
            "the system has no list of trusted authorities ({error}): install ca-certificates, or name a file of \
             certificates by SSL_CERT_FILE"
        ))
    })
}

/// Makes the TLS configuration for requests to one origin. If that is called over http, nothing is verified, and no roots are needed.
pub fn tls_config_for(origin: &Origin) -> Result<ClientConfig, ConfigurationError> {
    if origin.is_http() { Ok(https::config_trusting(RootCertStore::empty())) } else { tls_config() }
}
