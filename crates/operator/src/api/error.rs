//! Errors of calls to a server.

use std::sync::Arc;

use reqwest::StatusCode;
use tollgate_client::{CallerError, ConfigurationError, HttpHosts, NotAHost, ObtainError, Unavailable};

/// Why a server did not do what it was asked to do, or may not have done it.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The variable that names the hosts which may be called over HTTP can't be read.
    #[error("{variable}: {0}", variable = HttpHosts::VARIABLE)]
    HttpHosts(#[from] NotAHost),
    /// The environment doesn't describe a client.
    #[error(transparent)]
    Caller(#[from] CallerError),
    /// The server's URL can't be called.
    #[error(transparent)]
    Url(ConfigurationError),
    /// No token can be obtained with the settings in the environment.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// No HTTP client can be made, for this reason.
    #[error("{0}")]
    NoHttpClient(String),
    /// No connection could be made.
    #[error("{url} can't be reached ({cause})")]
    Unreachable {
        /// The URL of the server.
        url: String,
        /// Why it could not be made.
        cause: String,
    },
    /// The server did not answer.
    #[error("no answer from {url} ({cause}): {}", if *changes { "it may be done: look before you repeat it" } else { "try again" })]
    Unanswered {
        /// The URL of the server.
        url: String,
        /// Why there was no answer.
        cause: String,
        /// Whether the request was meant to change something.
        changes: bool,
    },
    /// The authority gave no token.
    #[error("{error}")]
    NoToken {
        /// The URL of the authority.
        authority: String,
        /// Why it gave none.
        error: Arc<ObtainError>,
    },
    /// No token can be obtained for now.
    #[error(transparent)]
    Unavailable(Unavailable),
    /// The answer ended early, for this reason.
    #[error("the answer is incomplete: {0}")]
    Incomplete(String),
    /// Something answered that is not a Tollgate server, with this status.
    #[error("the answer is no answer of /admin/v1 ({})", .0.as_u16())]
    NotOurs(StatusCode),
    /// The server refused the request.
    #[error("{said}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The server's reason, with its error code and the id of the request.
        said: String,
    },
}

impl ApiError {
    /// Says whether only this request was refused because of the present state.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::CONFLICT)
    }
}
