//! Why the guard refuses a request, and how it answers: the one mapping from reasons to 401, 403 and 503, with the
//! challenges of RFC 6750 §3.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{Response, StatusCode};
use tollgate_core::wire::Code;
use tollgate_core::{Scope, TokenError};
use tollgate_http::Realm;
use tollgate_http::refusal::{Dialect, Refusal};

/// Why the guard refused a request. It is put into the response's extensions for layers that count and log; the caller
/// only learns the code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// There is no `Authorization` header, or it has another scheme, or no token after `Bearer`.
    #[error("no token")]
    NoToken,
    /// The token is not accepted.
    #[error("invalid token: {0}")]
    InvalidToken(#[from] TokenError),
    /// The authority was asked about the token, and says that it is not active.
    #[error("invalid token: the authority says that it is not active")]
    Inactive,
    /// The token is valid, but for another environment.
    #[error("invalid token: it is for another environment")]
    Environment,
    /// The token is valid, but lacks a word of the scope that is required.
    #[error("the token lacks the scope {0}")]
    InsufficientScope(Scope),
    /// The token is valid, but its client may not call from the address of the request.
    #[error("the client may not call from this address")]
    Address,
    /// The data on keys and revocations is too old to decide about a token.
    #[error("keys and revocations can't be relied on here: the server is not ready")]
    Stale,
}

/// Why a token could not be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// The token is not accepted.
    #[error(transparent)]
    Refused(#[from] TokenError),
    /// The data on keys and revocations is too old to decide about the token.
    #[error("keys and revocations can't be relied on here: the server is not ready")]
    Stale,
}

/// How long a caller should wait before it tries again.
const SOON: Duration = Duration::from_secs(1);

impl Denial {
    /// Returns the error code on the wire.
    pub const fn code(&self) -> Code {
        match self {
            Self::NoToken => Code::NoToken,
            Self::InvalidToken(_) | Self::Inactive | Self::Environment => Code::InvalidToken,
            Self::InsufficientScope(_) | Self::Address => Code::Forbidden,
            Self::Stale => Code::Unavailable,
        }
    }

    /// Returns the answer: envelope and challenge (RFC 6750 §3) in this realm.
    pub fn response<B: From<Bytes>>(self, realm: &Realm) -> Response<B> {
        let code = self.code();
        let status = StatusCode::from_u16(code.status()).expect("codes have valid statuses");
        let usual = Cow::from(code.message());
        let (challenge, message) = match &self {
            Self::NoToken => (Some(realm.no_token()), usual),
            Self::InvalidToken(_) | Self::Inactive | Self::Environment => {
                (Some(realm.invalid_token()), usual)
            }
            Self::InsufficientScope(scope) => {
                let message = format!("The access token lacks the scope {scope}.");
                (Some(realm.insufficient_scope(scope.as_str())), message.into())
            }
            Self::Address | Self::Stale => (None, usual),
        };
        let mut refusal = Refusal::new(Dialect::Envelope, status, code.as_str(), message);
        if let Some(challenge) = challenge {
            refusal = refusal.header(WWW_AUTHENTICATE, challenge);
        }
        if self == Self::Stale {
            refusal = refusal.retry_after(SOON);
        }
        let mut response = refusal.response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Unverified> for Denial {
    fn from(error: Unverified) -> Self {
        match error {
            Unverified::Refused(error) => Self::InvalidToken(error),
            Unverified::Stale => Self::Stale,
        }
    }
}
