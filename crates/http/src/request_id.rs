//! The id of a request: the caller's own, or a new one.

use http::{HeaderMap, HeaderName, HeaderValue};
use rand::Rng;
use uuid::Builder;

/// The header that carries the id, in requests and answers.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, by which its log line is found.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Keeps the request's own `X-Request-Id` if it is well formed, and makes a UUIDv7 otherwise.
    ///
    /// `now` is the time in milliseconds since 1970.
    pub fn of(headers: &HeaderMap, now: u64) -> Self {
        match headers.get(X_REQUEST_ID) {
            Some(id) if is_request_id(id.as_bytes()) => Self(id.clone()),
            Some(_) | None => Self::new(now),
        }
    }

    /// Makes a UUIDv7 (RFC 9562 §5.7) of `now`, in milliseconds since 1970.
    fn new(now: u64) -> Self {
        let mut random = [0; 10];
        rand::rng().fill_bytes(&mut random);
        let id = Builder::from_unix_timestamp_millis(now, &random).into_uuid();
        let mut text = [0; 36];
        let text = id.hyphenated().encode_lower(&mut text);
        Self(HeaderValue::from_str(text).expect("a UUID is printable ASCII"))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("an id is made of visible ASCII characters")
    }

    /// Returns the id as the value of its header.
    pub fn into_header(self) -> HeaderValue {
        self.0
    }
}

/// Says whether an `X-Request-Id` is well formed: 1 to 128 of `[A-Za-z0-9._-]`. Any other is neither kept nor logged.
pub(crate) fn is_request_id(id: &[u8]) -> bool {
    (1..=128).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn of(id: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", HeaderValue::from_bytes(id.as_bytes()).unwrap());
        RequestId::of(&headers, 1_764_000_000_000).as_str().to_owned()
    }

    #[test]
    fn a_plain_inbound_id_is_kept() {
        for id in ["a", "A-1_b.c", &"x".repeat(128)] {
            assert_eq!(of(id), id);
        }
    }

    #[test]
    fn any_other_is_replaced_by_a_uuid_of_version_7() {
        for id in ["", " ", "a b", "é", "a\"b", "<script>", &"x".repeat(129)] {
            let made = Uuid::parse_str(&of(id)).unwrap();
            assert_eq!(made.get_version_num(), 7, "{id:?}");
        }
    }
}
