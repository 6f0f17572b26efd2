//! Why a secret could not be read.

use std::io;
use std::path::PathBuf;

/// Why a secret could not be read, and what to do about it. It never contains a secret or a secret store's answer.
#[derive(Debug, thiserror::Error)]
#[error("{reference}: {reason}")]
pub struct SecretError {
    reference: String,
    reason: Reason,
}

impl SecretError {
    /// Makes the error that the secret behind `reference` could not be read.
    pub fn new(reference: impl Into<String>, reason: Reason) -> Self {
        Self { reference: reference.into(), reason }
    }

    /// Returns why it could not be read.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// Says whether reading again later may succeed without a change.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.reason,
            Reason::Unreachable { .. } | Reason::Refused { refusal: Refusal::Unavailable, .. }
        )
    }

    /// Says whether the store denies access to this process, so that reading again is useless.
    pub fn is_denied(&self) -> bool {
        matches!(self.reason, Reason::Refused { refusal: Refusal::Denied, .. })
    }
}

/// The reason why a secret could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A setting, such as a variable of the environment, is missing or wrong.
    #[error("{name} {problem}")]
    Setting {
        /// The name of the setting.
        name: String,
        /// The problem with it, and what to do.
        problem: &'static str,
    },
    /// A file can't be read.
    #[error("{} can't be read ({error}): check that it exists and that this user may read it", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// Others can read or replace a file.
    #[cfg(unix)]
    #[error(transparent)]
    Exposed(#[from] super::access::Exposed),
    /// The way to authenticate is not supported. The text says what to use instead.
    #[error("{0}")]
    Unsupported(&'static str),
    /// A secret would be sent without encryption.
    #[error("http://{host} would carry secrets in the clear: use https")]
    Insecure {
        /// The host that it would be sent to.
        host: String,
    },
    /// The store, or the issuer of tokens for it, can't be reached in 5 s, or the connection breaks.
    #[error("{host} can't be reached: {problem}")]
    Unreachable {
        /// The host that was called.
        host: String,
        /// The error of the network.
        problem: String,
    },
    /// The store, or the issuer of tokens for it, refuses the request.
    #[error("{advice} (answered {status}{})", code.as_ref().map(|code| format!(" {code}")).unwrap_or_default())]
    Refused {
        /// The class of the refusal.
        refusal: Refusal,
        /// The HTTP status.
        status: u16,
        /// The store's own code, such as `PERMISSION_DENIED`.
        code: Option<String>,
        /// The meaning of the refusal, and what to do.
        advice: &'static str,
    },
    /// The answer doesn't follow the protocol.
    #[error("{0}")]
    Unexpected(&'static str),
    /// The content can't be a secret.
    #[error("the secret {0}")]
    Content(&'static str),
}

/// Why a store refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The secret does not exist, or no longer exists.
    Absent,
    /// The store doesn't know this process, or doesn't let it read the secret.
    Denied,
    /// The store can't answer for now.
    Unavailable,
    /// The store refuses for any other reason.
    Other,
}
