//! What the provider is asked for, and the bounds of its answers.

use std::fmt;
use std::time::Duration;

/// How long the provider may take for an answer.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer of the provider may be, in bytes.
pub const LONGEST_ANSWER: usize = 256 * 1024;

/// What the provider is asked for.
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
