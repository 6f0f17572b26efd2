//! The certificates of a server and their keys, which can be replaced while it serves.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use tollgate_commands::Failure;
use tollgate_config::{Config, Tls as Files};
use tollgate_edge::Certificate;
use tollgate_operator::named_secret::{SecretProblem, sharing};
use tollgate_secrets::access::{self, AccessError};
use tollgate_server::Tls;

/// The certificate that is served, and its files.
pub(crate) struct Served {
    certificate: Arc<Certificate>,
    listener: Listener,
    files: Files,
    seen: Seen,
}

/// The listener that a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listener {
    Api,
    Admin,
}

impl Listener {
    /// Returns the files that a configuration names for the listener.
    fn files(self, config: &Config) -> Option<&Files> {
        match self {
            Self::Api => config.tls.as_ref(),
            Self::Admin => config.admin_tls.as_ref(),
        }
    }
}

/// The metadata of both files when they were last loaded, or tried.
type Seen = [Option<[i64; 5]>; 2];

impl Served {
    /// Loads the certificates that a configuration names, unless others have access to their keys.
    pub(crate) fn load_all(config: &Config) -> Result<Vec<Self>, Failure> {
        let loaded = [Listener::Api, Listener::Admin].map(|listener| Self::load(config, listener));
        loaded.into_iter().filter_map(Result::transpose).collect()
    }

    /// Lists the failures of certificates that a configuration names but that can't be served.
    pub(crate) fn unusable(config: &Config) -> Vec<Failure> {
        [Listener::Api, Listener::Admin]
            .into_iter()
            .filter_map(|listener| Self::load(config, listener).err())
            .collect()
    }

    /// Returns the TLS configurations of the listeners.
    pub(crate) fn tls_of(served: &[Self]) -> Tls {
        let of =
            |listener| served.iter().find(|one| one.listener == listener).map(|one| one.certificate.tls());
        Tls { api: of(Listener::Api), admin: of(Listener::Admin) }
    }

    fn load(config: &Config, listener: Listener) -> Result<Option<Self>, Failure> {
        let Some(files) = listener.files(config) else { return Ok(None) };
        check_key(config, files)?;
        let seen = look(files);
        let certificate = Certificate::load(&files.cert, &files.key);
        let certificate = certificate.map_err(Failure::of_error)?;
        Ok(Some(Self { certificate, listener, files: files.clone(), seen }))
    }

    /// Returns when the certificate expires, in seconds since 1970.
    pub(crate) fn expires_at(&self) -> Option<i64> {
        self.certificate.expires_at()
    }

    /// Loads the certificate again, from the files that the configuration names now. On an error the old certificate stays in use.
    pub(crate) fn renew(&mut self, config: &Config) {
        if let Some(files) = self.listener.files(config) {
            self.files = files.clone();
        }
        self.seen = look(&self.files);
        let renewed = check_key(config, &self.files).and_then(|()| {
            let replaced = self.certificate.replace(&self.files.cert, &self.files.key);
            replaced.map_err(Failure::of_error)
        });
        let cert = self.files.cert.display();
        match renewed {
            Ok(()) => tracing::info!(%cert, "the certificate was loaded anew"),
            Err(failure) => tracing::error!(
                %cert,
                reason = %failure,
                "the certificate can't be loaded anew, and the one before is served on"
            ),
        }
    }

    /// Loads the certificate again if its files have changed. Programs write the two files one after the other: a pair that does not
    /// fit is tried again when either changes.
    pub(crate) fn renew_if_changed(&mut self, config: &Config) {
        if look(&self.files) != self.seen {
            self.renew(config);
        }
    }
}

/// Checks that nobody else has access to the key.
fn check_key(config: &Config, files: &Files) -> Result<(), Failure> {
    match access::check(&files.key, sharing(config)) {
        // Loading the key reports that it can't be read.
        Ok(()) | Err(AccessError::Io(_)) => Ok(()),
        Err(error) => Err(SecretProblem::of("the key of the certificate", &files.key, error).into()),
    }
}

fn look(files: &Files) -> Seen {
    let look = |path: &Path| {
        let found = fs::metadata(path).ok()?;
        let (device, inode, size) = (found.dev(), found.ino(), found.size());
        let [device, inode, size] = [device, inode, size].map(u64::cast_signed);
        Some([device, inode, size, found.mtime(), found.mtime_nsec()])
    };
    [look(&files.cert), look(&files.key)]
}
