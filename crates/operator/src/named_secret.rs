//! Reads secrets that settings name, from files and variables.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use tollgate_config::{Config, SecretSource};
use tollgate_secrets::access::{self, AccessError, Exposed, Sharing};
use zeroize::Zeroizing;

/// The longest secret in a file, in bytes.
const LONGEST: usize = 4096;

/// Why a secret that a setting names, or a file with secrets, can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretProblem {
    /// The file can't be read.
    #[error("{what} {} can't be read: {error}", path.display())]
    Unreadable {
        /// The purpose of the file, for people.
        what: &'static str,
        /// The path of the file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The path doesn't lead to a file.
    #[error("{what} {} is not a file", path.display())]
    NotAFile {
        /// The purpose of the file, for people.
        what: &'static str,
        /// The path that was tried.
        path: PathBuf,
    },
    /// The file is longer than a secret.
    #[error("{what} {} is too long to hold a secret", path.display())]
    TooLong {
        /// The purpose of the file, for people.
        what: &'static str,
        /// The path of the file.
        path: PathBuf,
    },
    /// Other users have access to the file.
    #[error("{what} is not used: {exposed}")]
    Exposed {
        /// The purpose of the file, for people.
        what: &'static str,
        /// The path, and who has access.
        exposed: Exposed,
    },
    /// The environment has no such variable.
    #[error("{key} names the environment variable {variable}, which is not set, or is not UTF-8")]
    NoVariable {
        /// The name of the setting.
        key: &'static str,
        /// The name of the variable.
        variable: String,
    },
    /// The setting is empty.
    #[error("{0} is not set")]
    NotSet(&'static str),
}

impl SecretProblem {
    /// Returns the problem with a file of secrets, which is called `what`.
    pub fn of(what: &'static str, path: &Path, error: AccessError) -> Self {
        match error {
            AccessError::Io(error) => Self::Unreadable { what, path: path.to_owned(), error },
            AccessError::Exposed(exposed) => Self::Exposed { what, exposed },
        }
    }

    /// Says whether the file certainly doesn't exist.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, Self::Unreadable { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads a secret from the source that the setting `key` names. Messages call its file `file`.
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
    // Checked first: opening a pipe would wait for a process that writes to it.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(SecretProblem::NotAFile { what, path: path.to_owned() });
    }
    let file = access::open(path, sharing).map_err(|error| SecretProblem::of(what, path, error))?;
    // A text that grows would leave copies of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST + 1));
    file.take(LONGEST as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() > LONGEST {
        return Err(SecretProblem::TooLong { what, path: path.to_owned() });
    }
    Ok(text)
}

/// Returns whether files with secrets may be readable for every user of the machine.
pub fn sharing(config: &Config) -> Sharing {
    if config.world_readable_secrets { Sharing::WorldReadable } else { Sharing::Private }
}

/// Reads the password of the database from the source that the configuration names.
pub fn database_password(
    source: &SecretSource,
    sharing: Sharing,
) -> Result<Zeroizing<String>, SecretProblem> {
    secret(source, "the password file", "database.password", sharing)
}

/// Reads the secret with which the console authenticates at its OpenID provider.
pub fn provider_secret(config: &Config) -> Result<Zeroizing<String>, SecretProblem> {
    const KEY: &str = "console.oidc.client_secret";
    let source = config.console.oidc.client_secret.as_ref().ok_or(SecretProblem::NotSet(KEY))?;
    secret(source, "the file of the client secret", KEY, sharing(config))
}
