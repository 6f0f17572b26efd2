//! The edge's own answers, in the envelope of the API.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Version};

use crate::rules::Rules;
use tollgate_http::refusal::{self, Dialect};
use tollgate_http::{RequestId, X_REQUEST_ID};

/// Why the edge refuses a request or a connection.
///
/// On HTTP/1.1 a refusal also ends the connection: if a peer has framed a request wrongly, the next one may begin anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    HeadTooLarge,
    HeadTooSlow,
    TooManyConnections,
    TooManyOfSource,
    /// The request breaks the rules of HTTP, as the text says.
    Invalid(&'static str),
}

impl Refusal {
    pub(crate) const NOT_HTTP: Self = Self::Invalid("The request is not valid HTTP/1.1.");

    const fn status(self) -> StatusCode {
        match self {
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::HeadTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooManyConnections | Self::TooManyOfSource => StatusCode::SERVICE_UNAVAILABLE,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
        }
    }

    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::HeadTooLarge => "HEADERS_TOO_LARGE",
            Self::HeadTooSlow => "REQUEST_TIMEOUT",
            Self::TooManyConnections | Self::TooManyOfSource => "UNAVAILABLE",
            Self::Invalid(_) => "VALIDATION_ERROR",
        }
    }

    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::HeadTooLarge => "The request line and the headers are too large, or too many.",
            Self::HeadTooSlow => "The headers of the request did not arrive in time.",
            Self::TooManyConnections => "There are too many connections. Try again shortly.",
            Self::TooManyOfSource => "There are too many connections from your address. Try again shortly.",
            Self::Invalid(message) => message,
        }
    }

    /// Returns the answer to a request. The `X-Request-Id` of these headers (the request's own or those of an answer that this one
    /// replaces) is kept if it is well formed.
    pub(crate) fn response(self, version: Version, headers: &HeaderMap, rules: &Rules) -> Response<Bytes> {
        let id = RequestId::of(headers, unix_millis()).into_header();
        let mut refusal =
            refusal::Refusal::new(Dialect::Envelope, self.status(), self.code(), self.message())
                .header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
                .header(X_REQUEST_ID, id);
        match self {
            Self::Invalid(_) => refusal = refusal.of_the_request(),
            Self::TooManyConnections | Self::TooManyOfSource => {
                refusal = refusal.retry_after(Duration::from_secs(1));
            }
            Self::HeadTooLarge | Self::HeadTooSlow => {}
        }
        // HTTP/2 has no such header (RFC 9113 §8.2.2), and only the stream is affected.
        if version <= Version::HTTP_11 {
            refusal = refusal.header(CONNECTION, HeaderValue::from_static("close"));
        }
        for (name, value) in &rules.marks {
            refusal = refusal.header(name.clone(), value.clone());
        }
        refusal.response()
    }

    /// Returns the answer as the bytes of an HTTP/1.1 response, for a head that hyper could not parse.
    pub(crate) fn to_wire(self, rules: &Rules) -> Vec<u8> {
        let mut response = self.response(Version::HTTP_11, &HeaderMap::new(), rules);
        let length = HeaderValue::from(response.body().len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
        let mut wire = format!("HTTP/1.1 {}\r\n", self.status()).into_bytes();
        for (name, value) in response.headers() {
            wire.extend_from_slice(name.as_str().as_bytes());
            wire.extend_from_slice(b": ");
            wire.extend_from_slice(value.as_bytes());
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b"\r\n");
        wire.extend_from_slice(response.body());
        wire
    }
}

/// Returns the time for a request id, in milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "nothing is decided by the time in an id")]
fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
