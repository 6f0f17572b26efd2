//! Conversions of other errors into the reasons for refusals.

use tollgate_admin::AdminError;
use tollgate_guard::Unverified;
use tollgate_http::{BodyError, Problem, Problems};
use tollgate_installation::Panicked;
use tollgate_keys::MintError;

use super::Error;

impl From<AdminError> for Error {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Store(error) => Self::Store(error),
            error => Self::Admin(error),
        }
    }
}

impl From<Unverified> for Error {
    fn from(error: Unverified) -> Self {
        match error {
            Unverified::Refused(why) => Self::InvalidToken(why),
            Unverified::Stale => Self::Stale,
        }
    }
}

impl From<Panicked> for Error {
    fn from(_: Panicked) -> Self {
        Self::Internal("a handler panicked".to_owned())
    }
}

impl From<MintError> for Error {
    fn from(error: MintError) -> Self {
        match error {
            MintError::NoKey => Self::NoSigningKey,
            MintError::NoRandomBytes => Self::NoRandomBytes,
            MintError::TooLong => Self::TokenTooLong,
        }
    }
}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        Self::Invalid(problems)
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Invalid(problem.into())
    }
}

impl From<BodyError> for Error {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::TimedOut => Self::Timeout,
            BodyError::Broken(_) => Self::BrokenBody,
        }
    }
}
