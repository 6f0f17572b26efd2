//! The configuration of TLS: rustls on ring, with the roots that the system trusts.

use std::error::Error;
use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{CertificateError, ClientConfig, ConfigBuilder, InvalidMessage, RootCertStore, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt as _;

use crate::ConfigurationError;

/// Makes the configuration of TLS that all requests of this crate are sent with, for clients other than reqwest. It fails
/// where the system's roots can't be read.
pub fn tls_config() -> Result<ClientConfig, ConfigurationError> {
    let verified = builder().with_platform_verifier();
    let verified = verified.map_err(|error| ConfigurationError::Tls(error.to_string()))?;
    Ok(verified.with_no_client_auth())
}

/// Makes the same configuration, but trusts only `roots`.
pub(crate) fn config_trusting(roots: RootCertStore) -> ClientConfig {
    builder().with_root_certificates(roots).with_no_client_auth()
}

/// Finds the error of TLS in another one. Errors of reading and writing carry it, but not as their `source`.
pub(crate) fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    error.downcast_ref().or_else(|| cause(error.downcast_ref::<io::Error>()?.get_ref()?))
}

/// Says what went wrong with TLS, and what to do where that is known.
pub(crate) fn explained(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "it doesn't speak TLS at this port: check the port, and whether the address must begin with http://".to_owned()
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            format!("{error}: name the certificates of its CA by SSL_CERT_FILE, those of Vault's by VAULT_CACERT")
        }
        other => other.to_string(),
    }
}

fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has suites for each version of TLS")
}
