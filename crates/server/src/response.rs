//! The common parts of all answers.

use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, PRAGMA, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Response};
use http_body::Body as _;
use http_body_util::{Either, Full};
use tollgate_http::X_REQUEST_ID;

/// The body of an answer: complete for the authority's own, streamed for all others.
pub type Body = Either<Full<Bytes>, axum::body::Body>;

/// The answer of an endpoint.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Returns an answer with tokens, which must not be cached (RFC 6749 §5.1).
pub(crate) fn about_tokens(body: Bytes) -> Response<Full<Bytes>> {
    // Copying a map takes a third of the time of filling one.
    static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        // Places for headers that every answer gets at last, so that the copy never has to grow.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static(""));
        headers.insert(X_REQUEST_ID, HeaderValue::from_static(""));
        headers
    });
    let mut response = Response::new(Full::new(body));
    response.headers_mut().clone_from(&HEADERS);
    response
}

/// Returns the answer to `HEAD`, which says how long the body would be (RFC 9110 §9.3.2). Over HTTP/2 an existing body would be sent.
pub(crate) fn without_body(mut response: Response<Body>) -> Response<Body> {
    if let Some(length) = response.body().size_hint().exact() {
        // The router may have done so already.
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    response.map(|_| Either::Left(Full::default()))
}
