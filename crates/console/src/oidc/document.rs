//! The documents that are read from the provider, and the limits on its answers.

use std::fmt;
use std::time::Duration;

/// How long the provider may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer of the provider, in bytes.
pub const LONGEST_ANSWER: usize = 256 * 1024;

/// A document that is read from the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    Discovery,
    Tokens,
    Keys,
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discovery => "the discovery document",
            Self::Tokens => "the token response",
            Self::Keys => "the key set",
        })
    }
}
