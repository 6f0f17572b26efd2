//! Errors of an operator's acts.

use tollgate_admin::AdminError;
use tollgate_clock::SystemClock;
use tollgate_core::{Clock as _, Timestamp};
use tollgate_secrets::SecretError;
use tollgate_store::StoreError;

use crate::api::ApiError;
use crate::file_error::FileError;

/// Why an operator's act was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The act was refused on the store, or the store could not do it.
    #[error(transparent)]
    Act(#[from] AdminError),
    /// A server refused the act, or could not be asked.
    #[error(transparent)]
    Server(#[from] ApiError),
    /// The server's answer lacks a required member, or has it in another form.
    #[error("the server shows something that this program can't read: is it of another version?")]
    Unreadable,
    /// The clock of this machine was never set.
    #[error("the system's clock shows a time before 2020: set it, tokens depend on it")]
    ClockNotSet,
    /// A file that was named can't be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// Secrets can't be written to the folder that was named.
    #[error(transparent)]
    NoFolder(SecretError),
    /// The folder for secrets refused one.
    #[error("{error}: the secret of client {client} is not kept")]
    NotKept {
        /// The id of the client.
        client: String,
        /// Why the folder refused it.
        error: SecretError,
    },
    /// Acts were refused because of the present state; all others were done.
    #[error("{count} of these can't be done now: {first}")]
    NotNow {
        /// The number of refused acts.
        count: usize,
        /// Why the first one was refused.
        first: Box<OperatorError>,
    },
    /// A server has created a client, but its secret could not be saved.
    #[error(
        "{cause}; client {client} is there, and nobody has its secret: `tollgate secret create {client}` adds another"
    )]
    SecretLost {
        /// The id of the client.
        client: String,
        /// Why it could not be saved.
        cause: Box<OperatorError>,
    },
}

impl OperatorError {
    /// Says whether only this act was refused because of the present state, so that another one may be done.
    pub(crate) fn is_of_one_act(&self) -> bool {
        match self {
            Self::Act(error) => matches!(error, AdminError::SecondPerson { .. }),
            Self::Server(error) => error.is_conflict(),
            Self::Unreadable
            | Self::ClockNotSet
            | Self::File(_)
            | Self::NoFolder(_)
            | Self::NotKept { .. }
            | Self::NotNow { .. }
            | Self::SecretLost { .. } => false,
        }
    }
}

impl From<StoreError> for OperatorError {
    fn from(error: StoreError) -> Self {
        Self::Act(error.into())
    }
}

/// Returns the time by the clock of this machine, if it has been set.
pub fn own_now() -> Result<Timestamp, OperatorError> {
    let now = SystemClock.now();
    if now < Timestamp::YEAR_2020 { Err(OperatorError::ClockNotSet) } else { Ok(now) }
}
