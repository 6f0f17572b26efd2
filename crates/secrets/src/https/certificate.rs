//! Explains problems with a server's certificate, in plain words and with what to do.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rustls::CertificateError;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, UnixTime};

use crate::Environment;

const ANOTHER: &str = "issue another one";
const RENEW: &str = "renew it, or set the clock of this machine";
const NAME_THE_CA: &str =
    "name the certificates of its CA by SSL_CERT_FILE, those of Vault's by VAULT_CACERT";

/// Says why a certificate is refused, and what to do.
pub(super) fn refused(problem: &CertificateError) -> String {
    let (what, advice) = match problem {
        CertificateError::ExpiredContext { time, not_after } => {
            (format!("expired at {}, and it is {} here", shown(*not_after), shown(*time)), RENEW)
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            (format!("is valid from {} on, and it is {} here", shown(*not_before), shown(*time)), RENEW)
        }
        CertificateError::NotValidForNameContext { .. } => {
            (format!("is for another name ({problem})"), "call it by its name, or issue one for this")
        }
        CertificateError::UnknownIssuer => {
            let unread = unread_roots().map(|unread| format!(", and {unread}")).unwrap_or_default();
            (format!("is of a CA that is not trusted here (UnknownIssuer){unread}"), NAME_THE_CA)
        }
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            ("is not signed by the trusted CA of that name, perhaps by a later one".to_owned(), NAME_THE_CA)
        }
        CertificateError::Other(other) => match other.to_string().as_str() {
            "CaUsedAsEndEntity" => (
                "is one of a CA (CA:TRUE), which no server may use".to_owned(),
                "issue one with CA:FALSE (openssl req -x509: -addext basicConstraints=critical,CA:FALSE)",
            ),
            "UnsupportedCertVersion" => {
                ("is not of X.509 version 3".to_owned(), "issue one with a subjectAltName")
            }
            // The message of the system's verifier.
            "certificate had invalid extensions" => {
                ("is not for servers".to_owned(), "issue one with the extended key usage serverAuth")
            }
            other => (format!("is refused ({other})"), ANOTHER),
        },
        other => (format!("is refused ({other})"), ANOTHER),
    };
    format!("its certificate {what}: {advice}")
}

/// Says so if a variable that replaces the system's certificates leads to none that can be read. The variable is ignored then.
pub(super) fn unread_roots() -> Option<String> {
    let environment = Environment::process();
    let file = environment.given("SSL_CERT_FILE").and_then(|path| unread_file(&path));
    file.or_else(|| environment.given("SSL_CERT_DIR").and_then(|paths| unread_folders(&paths)))
}

fn unread_file(path: &str) -> Option<String> {
    let why = match CertificateDer::from_pem_file(path) {
        Ok(_) => return None,
        Err(PemError::Io(error)) => format!("can't be read ({error})"),
        Err(_) => "holds no certificate in PEM".to_owned(),
    };
    Some(format!("SSL_CERT_FILE names {path:?}, which {why}"))
}

/// Says so if none of these folders holds a certificate. An empty list of folders counts as no list.
fn unread_folders(paths: &str) -> Option<String> {
    let holds_one = |folder: &Path| {
        let mut files = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
        files.any(|file| file.is_file() && CertificateDer::from_pem_file(file).is_ok())
    };
    let mut folders = std::env::split_paths(paths).filter(|path| !path.as_os_str().is_empty()).peekable();
    let is_unread = folders.peek().is_some() && !folders.any(|folder| holds_one(&folder));
    is_unread
        .then(|| format!("SSL_CERT_DIR names {paths:?}, which holds no certificate in PEM that can be read"))
}

fn shown(time: UnixTime) -> humantime::Rfc3339Timestamp {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(time.as_secs()))
}

#[cfg(test)]
mod tests;
