//! Why requests are refused, and what callers are told: the one mapping of the sandbox's errors to answers.
//!
//! An error has two texts. Callers get its code and [`Error::message`]; the log gets its `Display`.

use std::borrow::Cow;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, ALLOW, CONNECTION, PRAGMA};
use http::{HeaderValue, StatusCode};
use tollgate_core::wire::Code;
use tollgate_http::refusal::{Dialect, Reason, Refusal};
use tollgate_http::{BodyError, NotUnderstood, Problem, Problems};
use tollgate_store::StoreError;

/// The reason why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request's body or parameters are invalid.
    #[error("{} problems in the request", .0.iter().count())]
    Invalid(Problems),
    /// No route has this path.
    #[error("no such path")]
    NotFound,
    /// The payment request does not exist, or belongs to another merchant.
    #[error("no such payment request")]
    PaymentRequestNotFound,
    /// The merchant does not exist, or the caller may not act for it.
    #[error("no such merchant")]
    MerchantNotFound,
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
    /// The body has another type than the one that is understood, or is compressed.
    #[error("{why}")]
    MediaType {
        /// Whether the type or the compression is the problem.
        why: NotUnderstood,
        /// The type that is understood, in words.
        expected: &'static str,
    },
    /// The first request with the same idempotency key has not finished.
    #[error("the first request with this idempotency key is in progress")]
    InProgress,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The payment has already been decided differently.
    #[error("the payment has been decided otherwise")]
    Decided,
    /// The payment page has expired.
    #[error("the payment page has expired")]
    PageExpired,
    /// The merchant creates too many payment requests.
    #[error("too many payment requests of this merchant")]
    TooMany {
        /// How long until the next payment request is allowed.
        retry_after: Duration,
    },
    /// The store did not do what it was asked, or its answer was lost.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The store could not say whether an idempotency key is free, or could not take it; nothing was created.
    #[error("{0}")]
    IdempotencyStore(StoreError),
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
            Self::Invalid(_) | Self::BrokenBody => Code::ValidationError,
            Self::NotFound => Code::NotFound,
            Self::PaymentRequestNotFound => Code::PaymentRequestNotFound,
            Self::MerchantNotFound => Code::MerchantNotFound,
            Self::MethodNotAllowed { .. } => Code::MethodNotAllowed,
            Self::Timeout => Code::RequestTimeout,
            Self::TooLarge => Code::PayloadTooLarge,
            Self::MediaType { .. } => Code::UnsupportedMediaType,
            Self::InProgress => Code::IdempotentRequestInProgress,
            Self::KeyReused => Code::IdempotencyKeyReused,
            Self::Decided => Code::PaymentRequestDecided,
            Self::PageExpired => Code::PaymentRequestExpired,
            Self::TooMany { .. } => Code::TooManyRequests,
            Self::Store(error) => error.code(),
            Self::IdempotencyStore(_) => Code::IdempotencyStoreUnavailable,
            Self::Internal(_) => Code::InternalError,
        }
    }

    /// Returns the message for the caller.
    pub const fn message(&self) -> &'static str {
        match self {
            Self::BrokenBody => "The body of the request broke off or is not valid HTTP.",
            Self::TooMany { .. } => "This merchant creates too many payment requests. Try again later.",
            Self::MediaType { why, expected } => why.message(expected),
            Self::Invalid(_)
            | Self::NotFound
            | Self::PaymentRequestNotFound
            | Self::MerchantNotFound
            | Self::MethodNotAllowed { .. }
            | Self::Timeout
            | Self::TooLarge
            | Self::InProgress
            | Self::KeyReused
            | Self::Decided
            | Self::PageExpired
            | Self::Store(_)
            | Self::IdempotencyStore(_)
            | Self::Internal(_) => self.code().message(),
        }
    }

    /// Adds the headers that belong to the error.
    fn add_headers<'a>(&self, refusal: Refusal<'a>) -> Refusal<'a> {
        match self {
            Self::MethodNotAllowed { allow } => refusal.header(ALLOW, HeaderValue::from_static(allow)),
            // RFC 9110 §15.5.16
            Self::MediaType { why: NotUnderstood::Compressed, .. } => {
                refusal.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            }
            Self::TooMany { retry_after } => refusal.retry_after(*retry_after),
            Self::InProgress | Self::Store(_) | Self::IdempotencyStore(_) => refusal.retry_after(SOON),
            // The rest of the body is not read: the connection can't serve another request.
            Self::Timeout | Self::TooLarge | Self::BrokenBody => {
                refusal.header(CONNECTION, HeaderValue::from_static("close"))
            }
            Self::Invalid(_)
            | Self::NotFound
            | Self::PaymentRequestNotFound
            | Self::MerchantNotFound
            | Self::MediaType { why: NotUnderstood::Type, .. }
            | Self::KeyReused
            | Self::Decided
            | Self::PageExpired
            | Self::Internal(_) => refusal,
        }
    }

    /// Returns the problems with the parts of the request, if the error has any.
    fn problems(&self) -> Option<Cow<'_, Problems>> {
        match self {
            Self::Invalid(problems) => Some(Cow::Borrowed(problems)),
            Self::BrokenBody => {
                Some(Cow::Owned(Problem::body("broke off, or its framing is not valid HTTP").into()))
            }
            _ => None,
        }
    }

    /// Returns the answer, in the envelope.
    pub fn response<B: From<Bytes>>(&self) -> http::Response<B> {
        let code = self.code();
        let status = StatusCode::from_u16(code.status()).expect("codes have valid statuses");
        let refusal = Refusal::new(Dialect::Envelope, status, code.as_str(), self.message())
            .problems(self.problems())
            .header(PRAGMA, HeaderValue::from_static("no-cache"));
        let mut response = self.add_headers(refusal).response();
        response.extensions_mut().insert(Reason { code: code.as_str(), text: self.to_string() });
        response
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

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.response::<Bytes>().map(axum::body::Body::from)
    }
}
