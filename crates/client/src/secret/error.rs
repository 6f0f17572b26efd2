//! Why a secret could not be read.

use std::io;
use std::path::PathBuf;

/// Why a secret could not be read, and what to do about it. It never holds a secret or what a secret store answered.
#[derive(Debug, thiserror::Error)]
#[error("{reference}: {reason}")]
pub struct SecretError {
    reference: String,
    reason: Reason,
}

impl SecretError {
    /// Says that the secret behind `reference` could not be read.
    pub fn new(reference: impl Into<String>, reason: Reason) -> Self {
        Self { reference: reference.into(), reason }
    }

    /// What went wrong.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// Whether reading again later may succeed without anybody having changed anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.reason,
            Reason::Unreachable { .. } | Reason::Refused { refusal: Refusal::Unavailable, .. }
        )
    }

    /// Whether the store refuses who asks, which asking again does not change.
    pub fn is_denied(&self) -> bool {
        matches!(self.reason, Reason::Refused { refusal: Refusal::Denied, .. })
    }
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A setting, most of them variables of the environment, is missing or can't be right.
    #[error("{name} {problem}")]
    Setting {
        /// The setting.
        name: String,
        /// What is wrong with it, and what to do.
        problem: &'static str,
    },
    /// A file can't be read.
    #[error("{} can't be read ({error}): check that it exists and that this user may read it", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A way to authenticate that exists, but not here. The text says what there is instead.
    #[error("{0}")]
    Unsupported(&'static str),
    /// An address that would carry secrets in the clear.
    #[error("http://{host} would carry secrets in the clear: use https")]
    Insecure {
        /// The host.
        host: String,
    },
    /// The store, or who gives out the tokens for it, can't be reached in 5 s or breaks off.
    #[error("{host} can't be reached: {problem}")]
    Unreachable {
        /// The host.
        host: String,
        /// What the network says.
        problem: String,
    },
    /// The store, or who gives out the tokens for it, refuses.
    #[error("{advice} (answered {status}{})", code.as_ref().map(|code| format!(" {code}")).unwrap_or_default())]
    Refused {
        /// Why.
        refusal: Refusal,
        /// The status of HTTP.
        status: u16,
        /// The store's own code, such as `PERMISSION_DENIED`.
        code: Option<String>,
        /// What it means and what to do.
        advice: &'static str,
    },
    /// An answer that the protocol doesn't have.
    #[error("{0}")]
    Unexpected(&'static str),
    /// What is kept there can't be a secret.
    #[error("the secret {0}")]
    Content(&'static str),
}

/// Why a store refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such secret, or no longer.
    Absent,
    /// Who asks is not known there, or may not read it.
    Denied,
    /// The store can't answer for now.
    Unavailable,
    /// Anything else.
    Other,
}
