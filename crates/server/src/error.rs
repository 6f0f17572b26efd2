//! Why requests are refused, and what callers are told: the one mapping of errors to answers of `/api/v1`.
//!
//! `oauth/error.rs` maps the same errors to the codes of RFC 6749; [`tollgate_http::refusal`] writes both.
//!
//! An error has two texts. What a caller may know is its code and [`Error::message`]; what the log may know is its
//! `Display`.

mod administration;
mod conversions;

use std::borrow::Cow;
use std::time::Duration;

use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, ALLOW, CONNECTION, PRAGMA, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use tollgate_admin::AdminError;
use tollgate_core::TokenError;
use tollgate_core::wire::Code;
use tollgate_http::refusal::{Dialect, Reason, Refusal};
use tollgate_http::{NotUnderstood, Problem, Problems, Realm};
use tollgate_installation::{NotReady, Unproved};
use tollgate_store::StoreError;

use self::administration::{code_of, sentence};
use crate::why::Why;

/// The reason why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request's body or parameters are invalid.
    #[error("{} problems in the request", .0.iter().count())]
    Invalid(Problems),
    /// The scope is malformed or goes beyond what is allowed.
    #[error("the scope is malformed or goes beyond what is allowed")]
    Scope(Problems),
    /// The client may not have a token for the API that it asks for (RFC 8707 §2).
    #[error("the client may not have tokens for the API that it asks for")]
    Target(Problems),
    /// The grant type is not supported.
    #[error("unsupported grant type")]
    GrantType(Problems),
    /// The client is unknown or disabled, or its secret is wrong, revoked or expired.
    #[error("{0}")]
    InvalidClient(Unproved),
    /// The refresh token is not accepted, for this reason.
    #[error("invalid refresh token: {0}")]
    InvalidToken(TokenError),
    /// The client or the secret behind a refresh token is no longer valid.
    #[error("invalid refresh token: {0}")]
    RefreshRefused(Unproved),
    /// The token was issued to another client than the one that presents it.
    #[error("the token was issued to another client")]
    AnothersToken,
    /// The request was sent by a page in a browser.
    #[error("sent by a page in a browser")]
    Browser,
    /// The client may not call from its address.
    #[error("the client may not call from this address")]
    Address,
    /// No route has this path.
    #[error("no such path")]
    NotFound,
    /// The route doesn't take this method.
    #[error("method not allowed")]
    MethodNotAllowed {
        /// The methods that it takes, as in the header `Allow`.
        allow: &'static str,
    },
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    Timeout,
    /// The body ended early.
    #[error("the body could not be read")]
    BrokenBody,
    /// The body is too long.
    #[error("the body is too long")]
    TooLarge,
    /// The body has a type that is not understood, or is compressed.
    #[error("{why}")]
    MediaType {
        /// Whether the type or the compression is the problem.
        why: NotUnderstood,
        /// The types that are understood, in words.
        expected: &'static str,
    },
    /// There were too many failed attempts.
    #[error("too many failed authentications")]
    TooMany {
        /// How long until the next attempt is allowed.
        retry_after: Duration,
    },
    /// The store did not do what it was asked, or its answer was lost.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// No signing key is in force.
    #[error("no signing key is in force")]
    NoSigningKey,
    /// The system gave no random bytes, which a signature needs.
    #[error("the system gave no random bytes")]
    NoRandomBytes,
    /// The claims of the client's tokens don't fit into one.
    #[error("the client's scope and networks make its tokens longer than 4 KiB: give it fewer")]
    TokenTooLong,
    /// The data on clients, keys and revocations is too old to decide by it, or the server is suspended.
    #[error("clients, keys and revocations can't be relied on here: the server is not ready")]
    Stale,
    /// Too many imported secrets are being checked at once.
    #[error("too many imported secrets are being checked: their slow hashes take long")]
    SlowHashesBusy,
    /// The server should not be sent any work.
    #[error("not ready: {0}")]
    NotReady(NotReady),
    /// An act of administration was refused or failed.
    #[error("{0}")]
    Admin(AdminError),
    /// The merchant, client, secret or key does not exist.
    #[error("the path names nothing that there is")]
    NoSuchThing,
    /// A merchant's client tried to administer.
    #[error("a merchant's client may not administer")]
    NotAnOperator,
    /// Administration was tried over plain HTTP from another machine.
    #[error("administration over plain HTTP from another machine: set admin_tls.cert and admin_tls.key")]
    PlainAdministration,
    /// An operator's client has sent too many requests.
    #[error("too many acts of administration by this client")]
    TooManyActs {
        /// How long until the next request is allowed.
        retry_after: Duration,
    },
    /// The client has obtained as many tokens as its quota allows.
    #[error("the client's quota of tokens is used up")]
    OverQuota {
        /// How long until the next token is allowed.
        retry_after: Duration,
    },
    /// The server has a defect; the request id finds it in the log.
    #[error("{0}")]
    Internal(String),
}

/// How long a caller should wait before it repeats a request that failed for a temporary reason.
const SOON: Duration = Duration::from_secs(1);

impl Error {
    /// Returns the error code on the wire.
    pub const fn code(&self) -> Code {
        match self {
            Self::Invalid(_) | Self::Scope(_) | Self::Target(_) | Self::GrantType(_) | Self::BrokenBody => {
                Code::ValidationError
            }
            Self::InvalidClient(_) => Code::InvalidClient,
            Self::InvalidToken(_) | Self::RefreshRefused(_) | Self::AnothersToken => Code::InvalidToken,
            Self::Browser => Code::BrowserNotAllowed,
            Self::Address | Self::NotAnOperator | Self::PlainAdministration => Code::Forbidden,
            Self::NotFound | Self::NoSuchThing => Code::NotFound,
            Self::Admin(error) => code_of(error),
            Self::MethodNotAllowed { .. } => Code::MethodNotAllowed,
            Self::Timeout => Code::RequestTimeout,
            Self::TooLarge => Code::PayloadTooLarge,
            Self::MediaType { .. } => Code::UnsupportedMediaType,
            Self::TooMany { .. } | Self::TooManyActs { .. } | Self::OverQuota { .. } => Code::TooManyRequests,
            Self::Store(error) => error.code(),
            Self::NoSigningKey
            | Self::NoRandomBytes
            | Self::Stale
            | Self::SlowHashesBusy
            | Self::NotReady(_) => Code::Unavailable,
            Self::TokenTooLong | Self::Internal(_) => Code::InternalError,
        }
    }

    /// Returns why the caller is refused; `None` if the error is not about the caller.
    pub(crate) const fn why(&self) -> Option<Why> {
        Some(match self {
            Self::InvalidClient(unproved) | Self::RefreshRefused(unproved) => Why::of_unproved(*unproved),
            Self::InvalidToken(error) => Why::of_token(*error),
            Self::AnothersToken => Why::ForeignToken,
            Self::Address | Self::PlainAdministration => Why::Address,
            Self::TooMany { .. } | Self::TooManyActs { .. } | Self::OverQuota { .. } => Why::Throttled,
            Self::Scope(_) | Self::NotAnOperator => Why::Scope,
            Self::Target(_) => Why::Audience,
            Self::Invalid(_)
            | Self::GrantType(_)
            | Self::Browser
            | Self::NotFound
            | Self::MethodNotAllowed { .. }
            | Self::Timeout
            | Self::BrokenBody
            | Self::TooLarge
            | Self::MediaType { .. }
            | Self::Store(_)
            | Self::NoSigningKey
            | Self::NoRandomBytes
            | Self::TokenTooLong
            | Self::Stale
            | Self::SlowHashesBusy
            | Self::NotReady(_)
            | Self::Admin(_)
            | Self::NoSuchThing
            | Self::Internal(_) => return None,
        })
    }

    /// Returns the message for the caller.
    pub fn message(&self) -> Cow<'static, str> {
        match self {
            Self::InvalidToken(_) | Self::RefreshRefused(_) | Self::AnothersToken => {
                "The refresh token is malformed, expired or revoked. Obtain a new one with the client's credentials."
                    .into()
            }
            Self::BrokenBody => "The body of the request broke off or is not valid HTTP.".into(),
            Self::MediaType { why, expected } => why.message(expected).into(),
            Self::TooMany { .. } => {
                "Too many failed attempts by this client from this source, or by this source. Try again later."
                    .into()
            }
            Self::Admin(AdminError::UnknownAudience(_) | AdminError::Lifetime { .. }) => {
                self.code().message().into()
            }
            Self::Admin(error) => sentence(error).into(),
            Self::NoSuchThing => "There is nothing with this id.".into(),
            Self::NotAnOperator => "Only an operator's client may administer, which acts for no merchant.".into(),
            Self::PlainAdministration => {
                "Administration is served over TLS, or on the machine itself: a token must not cross a network in the clear."
                    .into()
            }
            Self::TooManyActs { .. } => "This client makes too many requests. Try again later.".into(),
            Self::OverQuota { .. } => {
                "This client has obtained as many tokens as it may for now. Use a token until it expires.".into()
            }
            Self::NotReady(NotReady::Suspended(reason)) => format!("Not ready: {reason}").into(),
            Self::NotReady(reason @ NotReady::Panicked(_)) => {
                format!("Not ready: {reason}. Restart the server.").into()
            }
            Self::NotReady(reason @ (NotReady::Draining | NotReady::NoSigningKey | NotReady::Stale)) => {
                format!("Not ready: {reason}.").into()
            }
            Self::Invalid(_)
            | Self::Scope(_)
            | Self::Target(_)
            | Self::GrantType(_)
            | Self::InvalidClient(_)
            | Self::Browser
            | Self::Address
            | Self::NotFound
            | Self::MethodNotAllowed { .. }
            | Self::Timeout
            | Self::TooLarge
            | Self::Store(_)
            | Self::NoSigningKey
            | Self::NoRandomBytes
            | Self::Stale
            | Self::SlowHashesBusy
            | Self::TokenTooLong
            | Self::Internal(_) => self.code().message().into(),
        }
    }

    /// Adds the headers that belong to the error in either dialect.
    fn add_headers<'a>(&self, refusal: Refusal<'a>) -> Refusal<'a> {
        match self {
            // RFC 6749 §5.2, RFC 9110 §15.5.2
            Self::InvalidClient(_) => {
                refusal.header(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"tollgate\""))
            }
            Self::MethodNotAllowed { allow } => refusal.header(ALLOW, HeaderValue::from_static(allow)),
            // RFC 9110 §15.5.16
            Self::MediaType { why: NotUnderstood::Compressed, .. } => {
                refusal.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            }
            Self::TooMany { retry_after }
            | Self::TooManyActs { retry_after }
            | Self::OverQuota { retry_after } => refusal.retry_after(*retry_after),
            Self::Admin(AdminError::InProgress | AdminError::KeyNotKept(_))
            | Self::Store(_)
            | Self::NoSigningKey
            | Self::NoRandomBytes
            | Self::Stale
            | Self::SlowHashesBusy
            | Self::NotReady(_) => refusal.retry_after(SOON),
            // The rest of the body is not read: the connection can't serve another request.
            Self::Timeout | Self::TooLarge | Self::BrokenBody => {
                refusal.header(CONNECTION, HeaderValue::from_static("close"))
            }
            Self::Invalid(_)
            | Self::Scope(_)
            | Self::Target(_)
            | Self::GrantType(_)
            | Self::InvalidToken(_)
            | Self::RefreshRefused(_)
            | Self::AnothersToken
            | Self::Browser
            | Self::Address
            | Self::NotFound
            | Self::MediaType { why: NotUnderstood::Type, .. }
            | Self::TokenTooLong
            | Self::Admin(_)
            | Self::NoSuchThing
            | Self::NotAnOperator
            | Self::PlainAdministration
            | Self::Internal(_) => refusal,
        }
    }

    /// Returns the problems with the parts of the request, if the error has any.
    pub fn problems(&self) -> Option<Cow<'_, Problems>> {
        match self {
            Self::Invalid(problems)
            | Self::Scope(problems)
            | Self::Target(problems)
            | Self::GrantType(problems) => Some(Cow::Borrowed(problems)),
            Self::BrokenBody => {
                Some(Cow::Owned(Problem::body("broke off, or its framing is not valid HTTP").into()))
            }
            Self::Admin(error @ AdminError::UnknownAudience(_)) => Some(Cow::Owned(
                Problem::new("audiences", format!("has one that is not known: {error}")).into(),
            )),
            Self::Admin(AdminError::Lifetime { field, longest }) => {
                let text = format!("must be whole seconds from 1s to {longest}, the configured lifetime");
                Some(Cow::Owned(Problem::new(*field, text).into()))
            }
            _ => None,
        }
    }

    /// Returns the answer, in the envelope, to a caller who sent a token for this `realm`: 401 has a challenge (RFC 6750 §3).
    pub fn response_in<B: From<Bytes>>(self, realm: &Realm) -> Response<B> {
        let challenge = (self.code() == Code::InvalidToken).then(|| realm.invalid_token());
        let mut response = self.response();
        if let Some(challenge) = challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }

    /// Returns the answer, in the envelope, for a route that takes no token.
    pub fn response<B: From<Bytes>>(self) -> Response<B> {
        let code = self.code();
        self.answer(Dialect::Envelope, status(code), code.as_str(), self.message())
    }

    /// Returns the answer in a dialect, by that dialect's status, code and message.
    pub(crate) fn answer<B: From<Bytes>>(
        &self,
        dialect: Dialect,
        status: StatusCode,
        code: &str,
        message: Cow<'static, str>,
    ) -> Response<B> {
        let refusal = Refusal::new(dialect, status, code, message)
            .problems(self.problems())
            .header(PRAGMA, HeaderValue::from_static("no-cache"));
        let mut response = self.add_headers(refusal).response();
        let extensions = response.extensions_mut();
        extensions.insert(Reason { code: self.code().as_str(), text: self.to_string() });
        if let Self::InvalidToken(why) = self {
            extensions.insert(*why);
        }
        if let Some(why) = self.why() {
            extensions.insert(why);
        }
        response
    }
}

/// Returns the status of a code in the envelope.
pub(crate) fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).expect("codes have valid statuses")
}

impl IntoResponse for Error {
    fn into_response(self) -> axum::response::Response {
        self.response::<Full<Bytes>>().map(axum::body::Body::new)
    }
}
