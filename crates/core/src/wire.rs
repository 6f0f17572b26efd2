//! The wire format of the Payment API: the envelope of its answers and the codes of its errors.

/// The codes of errors. A code is stable, its message is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is spelled as on the wire and explained in docs/http-api.md")]
pub enum Code {
    ValidationError,
    InvalidClient,
    NoToken,
    InvalidToken,
    BrowserNotAllowed,
    Forbidden,
    NotFound,
    PaymentRequestNotFound,
    MerchantNotFound,
    MethodNotAllowed,
    RequestTimeout,
    IdempotentRequestInProgress,
    PaymentRequestDecided,
    Conflict,
    PaymentRequestExpired,
    PreconditionFailed,
    PayloadTooLarge,
    UnsupportedMediaType,
    IdempotencyKeyReused,
    TooManyRequests,
    HeadersTooLarge,
    InternalError,
    IdempotencyStoreUnavailable,
    OutcomeUnknown,
    Unavailable,
}

impl Code {
    /// Every code, in the order of the variants.
    pub const ALL: [Self; 25] = [
        Self::ValidationError,
        Self::InvalidClient,
        Self::NoToken,
        Self::InvalidToken,
        Self::BrowserNotAllowed,
        Self::Forbidden,
        Self::NotFound,
        Self::PaymentRequestNotFound,
        Self::MerchantNotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::IdempotentRequestInProgress,
        Self::PaymentRequestDecided,
        Self::Conflict,
        Self::PaymentRequestExpired,
        Self::PreconditionFailed,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::IdempotencyKeyReused,
        Self::TooManyRequests,
        Self::HeadersTooLarge,
        Self::InternalError,
        Self::IdempotencyStoreUnavailable,
        Self::OutcomeUnknown,
        Self::Unavailable,
    ];

    /// Returns the text in `error.code`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ValidationError => "VALIDATION_ERROR",
            Self::InvalidClient => "INVALID_CLIENT",
            Self::NoToken => "NO_TOKEN",
            Self::InvalidToken => "INVALID_TOKEN",
            Self::BrowserNotAllowed => "BROWSER_NOT_ALLOWED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::PaymentRequestNotFound => "PAYMENT_REQUEST_NOT_FOUND",
            Self::MerchantNotFound => "MERCHANT_NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::RequestTimeout => "REQUEST_TIMEOUT",
            Self::IdempotentRequestInProgress => "IDEMPOTENT_REQUEST_IN_PROGRESS",
            Self::PaymentRequestDecided => "PAYMENT_REQUEST_DECIDED",
            Self::Conflict => "CONFLICT",
            Self::PaymentRequestExpired => "PAYMENT_REQUEST_EXPIRED",
            Self::PreconditionFailed => "PRECONDITION_FAILED",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::HeadersTooLarge => "HEADERS_TOO_LARGE",
            Self::InternalError => "INTERNAL_ERROR",
            Self::IdempotencyStoreUnavailable => "IDEMPOTENCY_STORE_UNAVAILABLE",
            Self::OutcomeUnknown => "OUTCOME_UNKNOWN",
            Self::Unavailable => "UNAVAILABLE",
        }
    }

    /// Returns the message for callers, which a more specific one may replace.
    pub const fn message(self) -> &'static str {
        match self {
            Self::ValidationError => "The request has problems: see metadata.errors.",
            Self::InvalidClient => "The client is unknown, or its secret is wrong or no longer valid.",
            Self::NoToken => "Send an access token: Authorization: Bearer <access_token>.",
            Self::InvalidToken => {
                "The access token is malformed, expired, revoked or not for this API. Obtain a new one."
            }
            Self::BrowserNotAllowed => {
                "This endpoint is for servers: a page in a browser must never hold a client secret or a token."
            }
            Self::Forbidden => "This client may not call from this address.",
            Self::NotFound => "There is nothing at this path.",
            Self::PaymentRequestNotFound => "There is no such payment request.",
            Self::MerchantNotFound => "There is no such merchant.",
            Self::MethodNotAllowed => "This path does not take this method: see the header Allow.",
            Self::RequestTimeout => "The body of the request did not arrive in time.",
            Self::IdempotentRequestInProgress => {
                "The first request with this idempotency key has not finished. Try again shortly."
            }
            Self::PaymentRequestDecided => "This payment has already been decided.",
            Self::Conflict => "This can't be done as things are.",
            Self::PaymentRequestExpired => "This payment page has expired.",
            Self::PreconditionFailed => "This has been changed since you read it. Read it again.",
            Self::PayloadTooLarge => "The body of the request is longer than 64 KiB.",
            Self::UnsupportedMediaType => "Send the body as Content-Type: application/json, in UTF-8.",
            Self::IdempotencyKeyReused => "This idempotency key was used for another request. Use a new one.",
            Self::TooManyRequests => "There are too many requests of this kind. Try again later.",
            Self::HeadersTooLarge => "The request line and the headers are too large, or too many.",
            Self::InternalError => {
                "Something went wrong on our side. The request id helps us to find out what."
            }
            Self::IdempotencyStoreUnavailable => {
                "Nothing was done: the idempotency key can't be kept right now. Try again."
            }
            Self::OutcomeUnknown => {
                "Whether this was done is not known: the store's answer was lost. Repeat the request with the same Idempotency-Key; if it had none, look first whether it was done."
            }
            Self::Unavailable => "The service can't answer right now. Try again shortly.",
        }
    }

    /// Returns the HTTP status of the answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::ValidationError => 400,
            Self::InvalidClient | Self::NoToken | Self::InvalidToken => 401,
            Self::BrowserNotAllowed | Self::Forbidden => 403,
            Self::NotFound | Self::PaymentRequestNotFound | Self::MerchantNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::IdempotentRequestInProgress | Self::PaymentRequestDecided | Self::Conflict => 409,
            Self::PaymentRequestExpired => 410,
            Self::PreconditionFailed => 412,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::IdempotencyKeyReused => 422,
            Self::TooManyRequests => 429,
            Self::HeadersTooLarge => 431,
            Self::InternalError => 500,
            Self::IdempotencyStoreUnavailable | Self::OutcomeUnknown | Self::Unavailable => 503,
        }
    }
}

/// Says whether an `X-Request-Id` is well formed: 1 to 128 of `[A-Za-z0-9._-]`. Any other is neither returned nor logged.
pub fn is_request_id(id: &[u8]) -> bool {
    (1..=128).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
