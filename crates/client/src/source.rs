//! Sources of tokens, and their errors.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tollgate_core::wire::Code;

use crate::{Clock, SecretError, Token};

/// Obtains access tokens. [`Cached`](crate::Cached) decides when.
pub trait TokenSource: Send + Sync + 'static {
    /// Obtains a token now. It tries once; the caller decides when to try again.
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a>;

    /// Says whether the credentials have changed since the last attempt, so that the next one can be made at once. It is called
    /// every second while the last error [is a refusal](ObtainError::is_refusal).
    ///
    /// By default they have not.
    fn has_changed<'a>(&'a self, clock: &'a dyn Clock) -> Looking<'a> {
        _ = clock;
        Box::pin(async { false })
    }
}

impl<S: TokenSource + ?Sized> TokenSource for Arc<S> {
    fn obtain<'a>(&'a self, clock: &'a dyn Clock) -> Obtaining<'a> {
        (**self).obtain(clock)
    }

    fn has_changed<'a>(&'a self, clock: &'a dyn Clock) -> Looking<'a> {
        (**self).has_changed(clock)
    }
}

/// The future of [`TokenSource::has_changed`].
pub type Looking<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// The future of [`TokenSource::obtain`].
pub type Obtaining<'a> = Pin<Box<dyn Future<Output = Result<Token, ObtainError>> + Send + 'a>>;

/// Why no token was obtained. It never contains a secret, a token, or an authority's texts for people.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ObtainError {
    /// A failure that may be temporary.
    #[error("no token from the authority: {fault}")]
    Transient {
        /// The cause of the failure.
        fault: Fault,
        /// The pause that the authority asked for (RFC 9110 §10.2.3).
        retry_after: Option<Duration>,
    },
    /// The authority does not know the client, or refuses its secret or its scopes.
    #[error("the authority refuses this client ({0}): check its id, its secret, and what it may do")]
    RefusedClient(Rejection),
    /// The id or the secret of the client could not be read.
    #[error("the credentials of the client can't be read: {0}")]
    Secret(#[source] Arc<SecretError>),
}

impl ObtainError {
    /// Returns the pause that the authority asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Transient { retry_after, .. } => *retry_after,
            Self::RefusedClient(_) | Self::Secret(_) => None,
        }
    }

    /// Says whether credentials must change before it works: the authority refuses the client, or the secret store refuses this
    /// process.
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

/// The cause of a failed token call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No connection could be made, or it broke.
    #[error("it can't be reached ({0})")]
    Unreachable(String),
    /// The call took too long.
    #[error("it did not answer in time")]
    Timeout,
    /// The authority answered with an error.
    #[error("it answered {0}")]
    Status(Rejection),
    /// The answer is not a token response.
    #[error("its answer is not a token response")]
    Malformed,
    /// The answer is longer than any token response.
    #[error("its answer is too long")]
    TooLong,
    /// The token had expired when it arrived, or lives less than two seconds.
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

/// An error answer of the authority: enough to find it in the authority's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("status {status}{}{}", Labelled(" ", *.code), Labelled(", request id ", .request_id.as_deref()))]
pub struct Rejection {
    /// The HTTP status.
    pub status: u16,
    /// The code of the error, if RFC 6749 or the Payment API defines it.
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

/// Finds `text` in a closed set of codes. Nothing else from an authority gets into an error.
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
