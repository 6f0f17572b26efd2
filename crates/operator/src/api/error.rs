//! Why a server did not do what it was told.

use std::sync::Arc;

use reqwest::StatusCode;
use tollgate_client::{CallerError, ConfigurationError, HttpHosts, NotAHost, ObtainError, Unavailable};

/// Why a server did not do what it was told, or may not have.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The variable that names hosts which are called over http can't be read.
    #[error("{variable}: {0}", variable = HttpHosts::VARIABLE)]
    HttpHosts(#[from] NotAHost),
    /// The environment describes no client.
    #[error(transparent)]
    Caller(#[from] CallerError),
    /// The server has no URL that can be called.
    #[error(transparent)]
    Url(ConfigurationError),
    /// No token can be obtained as the environment describes it.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// There is no HTTP client, for this reason.
    #[error("{0}")]
    NoHttpClient(String),
    /// There is no connection.
    #[error("{url} can't be reached ({cause})")]
    Unreachable {
        /// The URL of the server.
        url: String,
        /// Why not.
        cause: String,
    },
    /// No answer came.
    #[error("no answer from {url} ({cause}): {}", if *changes { "it may be done: look before you repeat it" } else { "try again" })]
    Unanswered {
        /// The URL of the server.
        url: String,
        /// Why not.
        cause: String,
        /// Whether the request was to change something.
        changes: bool,
    },
    /// The authority gave no token.
    #[error("{error}")]
    NoToken {
        /// The URL of the authority.
        authority: String,
        /// Why not.
        error: Arc<ObtainError>,
    },
    /// There is no token for now.
    #[error(transparent)]
    Unavailable(Unavailable),
    /// The answer broke off, for this reason.
    #[error("the answer is incomplete: {0}")]
    Incomplete(String),
    /// Something answered, with this status, that does not speak as a server does.
    #[error("the answer is no answer of /admin/v1 ({})", .0.as_u16())]
    NotOurs(StatusCode),
    /// The server refused it.
    #[error("{said}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// Why, in the server's words, with its code and the id of the request.
        said: String,
    },
}

impl ApiError {
    /// Says whether only this request was refused, as things are.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::CONFLICT)
    }
}
