//! A public JSON document with an entity tag, so that a client that has it already is not sent it again (RFC 9110 §13.1.2).

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use sha2::{Digest, Sha256};
use tollgate_http::{Coding, SharedText};

/// A document and its entity tag (RFC 9110 §8.8.3).
pub(crate) struct Document {
    body: Bytes,
    tag: HeaderValue,
    compressed: Option<Compressed>,
}

/// The compressed form of a document, with an entity tag of its own.
struct Compressed {
    text: SharedText,
    tag: HeaderValue,
}

impl Document {
    /// Makes a document from its JSON.
    pub(crate) fn new(json: Vec<u8>) -> Self {
        let digest = Sha256::digest(&json);
        let half: u128 = digest.iter().take(16).fold(0, |tag, byte| tag << 8 | u128::from(*byte));
        Self { body: json.into(), tag: tag(&format!("{half:032x}")), compressed: None }
    }

    /// Compresses the document for clients that accept it, which is worth it for a long document that is requested often.
    pub(crate) fn compressed(self) -> Self {
        let own = self.tag.to_str().unwrap_or_default().trim_matches('"');
        let (text, tag) = (SharedText::new(self.body.clone()), tag(&format!("{own}-gzip")));
        Self { compressed: Some(Compressed { text, tag }), ..self }
    }

    /// Answers a request for the document. Clients may cache it for `kept`.
    pub(crate) fn answer(&self, headers: &HeaderMap, kept: Duration) -> Response<Full<Bytes>> {
        let mut answered = HeaderMap::new();
        let (body, tag) = match &self.compressed {
            None => (self.body.clone(), &self.tag),
            Some(compressed) => {
                let coding = Coding::taken(headers);
                let tag = if coding == Coding::Gzip { &compressed.tag } else { &self.tag };
                (compressed.text.body(coding, &mut answered), tag)
            }
        };
        let known = headers.get_all(IF_NONE_MATCH).iter().any(|line| names(line, tag));
        let mut response = Response::new(Full::new(if known { Bytes::new() } else { body }));
        *response.headers_mut() = answered;
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(CONTENT_ENCODING);
        } else {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let keep = HeaderValue::try_from(format!("public, max-age={}", kept.as_secs()));
        let keep = keep.expect("a directive with a number is visible ASCII");
        response.headers_mut().insert(CACHE_CONTROL, keep);
        response.headers_mut().insert(ETAG, tag.clone());
        response
    }
}

fn tag(opaque: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{opaque}\"")).expect("a tag is visible ASCII")
}

/// Says whether a list of tags contains this one, weak or strong, or `*` for any.
fn names(line: &HeaderValue, tag: &HeaderValue) -> bool {
    let strong = |part: &str| part.strip_prefix("W/").unwrap_or(part).as_bytes() == tag.as_bytes();
    let parts = line.to_str().unwrap_or_default().split(',').map(str::trim);
    parts.into_iter().any(|part| part == "*" || strong(part))
}
