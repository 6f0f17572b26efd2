//! Secrets that settings name, and files that hold some.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use tollgate_config::{Config, SecretSource};
use tollgate_secrets::access::{self, AccessError, Exposed, Sharing};
use zeroize::Zeroizing;

/// The longest text of a secret that a file may hold, in bytes.
const LONGEST: usize = 4096;

/// Why a secret that a setting names, or a file that holds some, is not used.
#[derive(Debug, thiserror::Error)]
pub enum SecretProblem {
    /// The file can't be read.
    #[error("{what} {} can't be read: {error}", path.display())]
    Unreadable {
        /// What the file is, for people.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is no file.
    #[error("{what} {} is not a file", path.display())]
    NotAFile {
        /// What it was to be, for people.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file is longer than a secret.
    #[error("{what} {} is too long to hold a secret", path.display())]
    TooLong {
        /// What the file is, for people.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Others have access to it.
    #[error("{what} is not used: {exposed}")]
    Exposed {
        /// What the file is, for people.
        what: &'static str,
        /// Who has access.
        exposed: Exposed,
    },
    /// The environment has no such variable.
    #[error("{key} names the environment variable {variable}, which is not set, or is not UTF-8")]
    NoVariable {
        /// The setting.
        key: &'static str,
        /// The variable that it names.
        variable: String,
    },
    /// The setting names nothing.
    #[error("{0} is not set")]
    NotSet(&'static str),
}

impl SecretProblem {
    /// Says why a file with secrets, which is called `what`, is not used.
    pub fn of(what: &'static str, path: &Path, error: AccessError) -> Self {
        match error {
            AccessError::Io(error) => Self::Unreadable { what, path: path.to_owned(), error },
            AccessError::Exposed(exposed) => Self::Exposed { what, exposed },
        }
    }

    /// Says whether it is known that the file is not there.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Unreadable { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads a secret from the source that the setting `key` names. A file is called `file` in messages.
pub fn secret(
    source: &SecretSource,
    file: &'static str,
    key: &'static str,
    sharing: Sharing,
) -> Result<Zeroizing<String>, SecretProblem> {
    match source {
        SecretSource::File(path) => of_file(path, file, sharing),
        SecretSource::Env(name) => Config::environment()
            .find(|(found, _)| found.to_str() == Some(name))
            .and_then(|(_, value)| value.into_string().ok())
            .map(Zeroizing::new)
            .ok_or_else(|| SecretProblem::NoVariable { key, variable: name.clone() }),
    }
}

/// Reads a file with a secret, unless others have access to it.
fn of_file(path: &Path, what: &'static str, sharing: Sharing) -> Result<Zeroizing<String>, SecretProblem> {
    let unreadable = |error| SecretProblem::Unreadable { what, path: path.to_owned(), error };
    // Looked at first: opening a pipe would wait for whoever writes to it.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(SecretProblem::NotAFile { what, path: path.to_owned() });
    }
    let file = access::open(path, sharing).map_err(|error| SecretProblem::of(what, path, error))?;
    // A text that grows would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST + 1));
    file.take(LONGEST as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() > LONGEST {
        return Err(SecretProblem::TooLong { what, path: path.to_owned() });
    }
    Ok(text)
}

/// Whether files with secrets may be readable for every user of the machine.
pub fn sharing(config: &Config) -> Sharing {
    if config.world_readable_secrets { Sharing::WorldReadable } else { Sharing::Private }
}

/// Reads the password of the database from where the configuration says that it is.
pub fn database_password(
    source: &SecretSource,
    sharing: Sharing,
) -> Result<Zeroizing<String>, SecretProblem> {
    secret(source, "the password file", "database.password", sharing)
}

/// Reads the secret by which the console authenticates with its OpenID provider.
pub fn provider_secret(config: &Config) -> Result<Zeroizing<String>, SecretProblem> {
    const KEY: &str = "console.oidc.client_secret";
    let source = config.console.oidc.client_secret.as_ref().ok_or(SecretProblem::NotSet(KEY))?;
    secret(source, "the file of the client secret", KEY, sharing(config))
}
