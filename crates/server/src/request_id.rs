//! The id of a request: the caller's own, or a new one.

use http::{HeaderMap, HeaderName, HeaderValue};
use rand::Rng;
use tollgate_core::Timestamp;
use tollgate_core::wire::is_request_id;
use uuid::Builder;

/// Where it stands, in requests and answers.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, by which its log line is found; as a header.
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// Keeps an inbound `X-Request-Id` of 1 to 128 of `[A-Za-z0-9._-]`, and makes a UUIDv7 otherwise.
    pub(crate) fn of(headers: &HeaderMap, now: Timestamp) -> Self {
        match headers.get(X_REQUEST_ID) {
            Some(id) if is_request_id(id.as_bytes()) => Self(id.clone()),
            Some(_) | None => Self::new(now),
        }
    }

    /// Makes a UUIDv7 (RFC 9562 §5.7).
    fn new(now: Timestamp) -> Self {
        let mut random = [0; 10];
        rand::rng().fill_bytes(&mut random);
        let id = Builder::from_unix_timestamp_millis(now.millis(), &random).into_uuid();
        let mut text = [0; 36];
        let text = id.hyphenated().encode_lower(&mut text);
        Self(HeaderValue::from_str(text).expect("a UUID is printable ASCII"))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().expect("an id is made of visible ASCII characters")
    }

    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn of(id: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", HeaderValue::from_bytes(id.as_bytes()).unwrap());
        RequestId::of(&headers, Timestamp::from_seconds(1_764_000_000)).as_str().to_owned()
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
