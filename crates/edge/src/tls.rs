//! TLS with certificates from PEM files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use x509_cert::Certificate as X509Certificate;
use x509_cert::der::Decode;

/// A certificate chain and its private key, which can be replaced while they are served: later connections
/// get the new ones.
#[derive(Debug)]
pub struct Certificate(ArcSwap<CertifiedKey>);

impl Certificate {
    /// Loads a certificate chain (the server's own first) and its private key from PEM files. The key may be PKCS#8, PKCS#1
    /// or SEC1.
    pub fn load(cert: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        Ok(Arc::new(Self(ArcSwap::from_pointee(certified_key(cert, key)?))))
    }

    /// Serves the certificate in these files from now on. On an error the old one stays in use.
    pub fn replace(&self, cert: &Path, key: &Path) -> Result<(), TlsError> {
        self.0.store(Arc::new(certified_key(cert, key)?));
        Ok(())
    }

    /// Returns when the server's own certificate expires, in seconds since 1970.
    pub fn expires_at(&self) -> Option<i64> {
        let certified = self.0.load();
        let certificate = X509Certificate::from_der(certified.cert.first()?).ok()?;
        let expiry = certificate.tbs_certificate.validity.not_after.to_unix_duration();
        i64::try_from(expiry.as_secs()).ok()
    }

    /// Returns a configuration of TLS 1.2 and 1.3 with this certificate, which prefers HTTP/2 to HTTP/1.1.
    pub fn tls(self: &Arc<Self>) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("aws-lc has cipher suites for both versions")
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn certified_key(cert: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| TlsError::Certificate { path: cert.to_owned(), source })?;
    if chain.is_empty() {
        return Err(TlsError::Certificate { path: cert.to_owned(), source: pem::Error::NoItemsFound });
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Key { path: key.to_owned(), source })?;
    CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider()).map_err(|source| TlsError::Pair {
        cert: cert.to_owned(),
        key: key.to_owned(),
        source,
    })
}

/// Why TLS could not be set up: names the file and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file cannot be read, or has no certificate.
    #[error(
        "cannot load a certificate from `{}`: {source}; it must be a PEM file with the server's certificate first \
         and its intermediates behind it, readable by the user the server runs as", path.display()
    )]
    Certificate {
        /// The path of the certificate file.
        path: PathBuf,
        /// The error in the file.
        source: pem::Error,
    },
    /// The key file cannot be read, or has no private key.
    #[error(
        "cannot load a private key from `{}`: {source}; it must be an unencrypted PEM file (PKCS#8, PKCS#1 or \
         SEC1), readable by the user the server runs as", path.display()
    )]
    Key {
        /// The path of the key file.
        path: PathBuf,
        /// The error in the file.
        source: pem::Error,
    },
    /// The certificate and the key do not fit together, or are of a kind that is not supported.
    #[error(
        "the certificate `{}` cannot be used with the key `{}`: {source}; the key must be the one the first \
         certificate in the file was issued for", cert.display(), key.display()
    )]
    Pair {
        /// The path of the certificate file.
        cert: PathBuf,
        /// The path of the key file.
        key: PathBuf,
        /// The error of rustls.
        source: rustls::Error,
    },
}
