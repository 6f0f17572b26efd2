//! Where tokens come from, and why one may not.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::wire::Code;

use crate::{Clock, SecretError, Token};

/// Obtains access tokens. It decides how; when is decided by [`Cached`](crate::Cached).
pub trait TokenSource: Send + Sync + 'static {
    /// Obtains a token now. It tries once: whoever calls decides when to try again.
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a>;

    /// Whether what it authenticates with has changed since the last attempt, so that another one need not wait for its
    /// turn. It is asked every second, and only while its last error [is a refusal](ObtainError::is_refusal).
    ///
    /// Without an implementation it has not.
    fn has_changed<'a>(&'a self, clock: &'a dyn Clock) -> Looking<'a> {
        _ = clock;
        Box::pin(async { false })
    }
}

/// What [`TokenSource::has_changed`] returns.
pub type Looking<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// What [`TokenSource::obtain`] returns.
pub type Obtaining<'a> = Pin<Box<dyn Future<Output = Result<Token, ObtainError>> + Send + 'a>>;

/// Why no token was obtained. It never holds a secret, a token, or what an authority wrote for people to read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ObtainError {
    /// It may well work soon.
    #[error("no token from the authority: {fault}")]
    Transient {
        /// What went wrong.
        fault: Fault,
        /// How long the authority asked to be left alone (RFC 9110 §10.2.3).
        retry_after: Option<Duration>,
    },
    /// The authority knows no such client, or not with this secret, or not for this.
    #[error("the authority refuses this client ({0}): check its id, its secret, and what it may do")]
    RefusedClient(Rejection),
    /// The id or the secret of the client could not be read.
    #[error("the credentials of the client can't be read: {0}")]
    Secret(#[source] Arc<SecretError>),
}

impl ObtainError {
    /// How long the authority asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Transient { retry_after, .. } => *retry_after,
            Self::RefusedClient(_) | Self::Secret(_) => None,
        }
    }

    /// Whether somebody must change something before it works: the authority refuses the client, or the secret store
    /// whoever asks it for the client's secret.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Transient { .. } => false,
            Self::RefusedClient(_) => true,
            Self::Secret(error) => error.is_denied(),
        }
    }

    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Transient { fault, .. } => fault.label(),
            Self::RefusedClient(_) => "refused_client",
            Self::Secret(_) => "secret",
        }
    }
}

impl From<Fault> for ObtainError {
    fn from(fault: Fault) -> Self {
        Self::Transient { fault, retry_after: None }
    }
}

/// What went wrong with a token call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There was no connection, or it broke.
    #[error("it can't be reached ({0})")]
    Unreachable(String),
    /// The time for one call was over.
    #[error("it did not answer in time")]
    Timeout,
    /// It answered, but with no token.
    #[error("it answered {0}")]
    Status(Rejection),
    /// What it answered is no token response.
    #[error("its answer is no token response")]
    Malformed,
    /// Its answer is longer than any token response.
    #[error("its answer is too long")]
    TooLong,
    /// The token was over when it came, or lives less than two seconds.
    #[error("its token does not live long enough to be used")]
    ShortLived,
    /// The token source panicked.
    #[error("the token source panicked")]
    Panicked,
}

impl Fault {
    fn label(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::Malformed => "malformed",
            Self::TooLong => "too_long",
            Self::ShortLived => "short_lived",
            Self::Panicked => "panicked",
        }
    }
}

/// What is kept of an answer that is no token: enough to find it in the authority's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("status {status}{}{}", Labelled(" ", *.code), Labelled(", request id ", .request_id.as_deref()))]
pub struct Rejection {
    /// The status.
    pub status: u16,
    /// The code of the error, where it is one that RFC 6749 or the Payment API defines.
    pub code: Option<&'static str>,
    /// The `X-Request-Id` of the answer.
    pub request_id: Option<String>,
}

struct Labelled<'a>(&'static str, Option<&'a str>);

impl std::fmt::Display for Labelled<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.1.map_or(Ok(()), |value| write!(f, "{}{value}", self.0))
    }
}

/// The code that `text` spells, if it is a known one. A closed set: nothing else an authority says gets into an error.
pub(crate) fn known_code(text: &str) -> Option<&'static str> {
    const RFC_6749: [&str; 8] = [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
    ];
    let payment_api = Code::ALL.into_iter().map(Code::as_str);
    payment_api.chain(RFC_6749).find(|code| *code == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_to_look_for_and_nothing_else() {
        let refusal =
            Rejection { status: 401, code: known_code("INVALID_CLIENT"), request_id: Some("r-1".into()) };
        assert_eq!(
            ObtainError::RefusedClient(refusal.clone()).to_string(),
            "the authority refuses this client (status 401 INVALID_CLIENT, request id r-1): \
             check its id, its secret, and what it may do"
        );
        let bare = Rejection { code: known_code("a secret in place of a code"), request_id: None, ..refusal };
        assert_eq!(
            ObtainError::from(Fault::Status(bare)).to_string(),
            "no token from the authority: it answered status 401"
        );
    }
}
