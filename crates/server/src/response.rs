//! What every answer has in common, whatever answers.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Response};
use http_body::Body as _;
use http_body_util::{Either, Full};

/// The body of an answer: whole for the authority's own, as it comes for everything else.
pub type Body = Either<Full<Bytes>, axum::body::Body>;

/// The answer to `HEAD` says how long the body would be (RFC 9110 §9.3.2). Over HTTP/2 one that is there would be sent.
pub(crate) fn without_body(mut response: Response<Body>) -> Response<Body> {
    if let Some(length) = response.body().size_hint().exact() {
        // The router may have done so already.
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    response.map(|_| Either::Left(Full::default()))
}
