//! A JSON document for everybody, with an entity tag, so that who has it is not sent it again (RFC 9110 §13.1.2).

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use sha2::{Digest, Sha256};

/// A document and its entity tag (RFC 9110 §8.8.3).
pub(crate) struct Document {
    body: Bytes,
    tag: HeaderValue,
}

impl Document {
    /// Takes the JSON of a document.
    pub(crate) fn new(json: Vec<u8>) -> Self {
        let digest = Sha256::digest(&json);
        let half: u128 = digest.iter().take(16).fold(0, |tag, byte| tag << 8 | u128::from(*byte));
        let tag = HeaderValue::try_from(format!("\"{half:032x}\""));
        Self { body: json.into(), tag: tag.expect("digits between quotes are visible ASCII") }
    }

    /// Answers a request for it. Whoever gets it may keep it for `kept`.
    pub(crate) fn answer(&self, headers: &HeaderMap, kept: Duration) -> Response<Full<Bytes>> {
        let known = headers.get_all(IF_NONE_MATCH).iter().any(|line| names(line, &self.tag));
        let mut response = Response::new(Full::new(if known { Bytes::new() } else { self.body.clone() }));
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let keep = HeaderValue::try_from(format!("public, max-age={}", kept.as_secs()));
        let keep = keep.expect("a directive with a number is visible ASCII");
        response.headers_mut().insert(CACHE_CONTROL, keep);
        response.headers_mut().insert(ETAG, self.tag.clone());
        response
    }
}

/// Whether a list of tags has this one, weak or strong, or `*` for any.
fn names(line: &HeaderValue, tag: &HeaderValue) -> bool {
    let strong = |part: &str| part.strip_prefix("W/").unwrap_or(part).as_bytes() == tag.as_bytes();
    let parts = line.to_str().unwrap_or_default().split(',').map(str::trim);
    parts.into_iter().any(|part| part == "*" || strong(part))
}
