//! The edge's own answers, in the envelope of the API.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Version};

use crate::request_id::{RequestId, X_REQUEST_ID};

/// A request that the edge does not hand on; on HTTP/1.1 it ends the connection too, since whoever framed one
/// request wrongly cannot be trusted about where the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
}

impl Refusal {
    pub(super) const HEAD_TOO_LARGE: Self = Self {
        status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        code: "HEADERS_TOO_LARGE",
        message: "The request line and the headers are too large, or too many.",
    };
    pub(super) const HEAD_TOO_SLOW: Self = Self {
        status: StatusCode::REQUEST_TIMEOUT,
        code: "REQUEST_TIMEOUT",
        message: "The headers of the request did not arrive in time.",
    };
    pub(super) const TOO_MANY: Self = Self {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "UNAVAILABLE",
        message: "There are too many connections. Try again shortly.",
    };
    pub(super) const NOT_HTTP: Self = Self::invalid("The request is not valid HTTP/1.1.");

    /// 400 for a request that breaks the rules of HTTP. `message` needs no escaping in JSON.
    pub(super) const fn invalid(message: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "VALIDATION_ERROR", message }
    }

    /// The answer to a request with these headers; its own `X-Request-Id` is kept when it is well formed.
    pub(super) fn response(&self, version: Version, request: &HeaderMap) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.body()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(X_REQUEST_ID, RequestId::of(request, unix_millis()).into_header());
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        // HTTP/2 knows no such header (RFC 9113 §8.2.2), and there only the stream is in doubt.
        if version <= Version::HTTP_11 {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// A refusal of a request as a whole says so in its metadata.
    fn body(&self) -> String {
        let Self { code, message, .. } = self;
        if self.status != StatusCode::BAD_REQUEST {
            return format!(r#"{{"success":false,"error":{{"code":"{code}","message":"{message}"}}}}"#);
        }
        let metadata = format!(r#"{{"errors":[{{"field":"request","message":"{message}"}}]}}"#);
        format!(
            r#"{{"success":false,"error":{{"code":"{code}","message":"{message}","metadata":{metadata}}}}}"#
        )
    }

    /// The answer as the bytes of an HTTP/1.1 response, for a head that hyper could not make a request of.
    pub(super) fn to_wire(self) -> Vec<u8> {
        let mut response = self.response(Version::HTTP_11, &HeaderMap::new());
        let length = HeaderValue::from(response.body().len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
        let mut wire = format!("HTTP/1.1 {}\r\n", self.status).into_bytes();
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

/// The time for a request id, in milliseconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "nothing is decided by the time in an id")]
fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
