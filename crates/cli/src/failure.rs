//! Why a command failed: one line on standard error that says what, and what to do.

use std::fmt;

use tollgate_server::{BindError, OpenError};
use tollgate_store::StoreError;

use crate::output::printable;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    passing: bool,
}

impl Failure {
    /// Says what failed, and what to do.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { text: message.into(), passing: false }
    }

    /// Whether the store could not be reached, so that it may go well later.
    pub(crate) fn is_passing(&self) -> bool {
        self.passing
    }
}

impl fmt::Display for Failure {
    /// Stays on one line, whatever the message holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, line) in self.text.lines().enumerate() {
            write!(f, "{}{}", if n == 0 { "" } else { "; " }, printable(line))?;
        }
        Ok(())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let passing = matches!(error, StoreError::Unavailable(_));
        let text = match error {
            StoreError::OutcomeUnknown(_) => format!("{error}; look at what there is before you repeat it"),
            StoreError::Unavailable(_)
            | StoreError::Misconfigured(_)
            | StoreError::Corrupt(_)
            | StoreError::Newer { .. } => error.to_string(),
        };
        Self { passing, ..Self::new(text) }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Store(error) => error.into(),
            error => Self::new(error.to_string()),
        }
    }
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        Self::new(error.to_string())
    }
}
