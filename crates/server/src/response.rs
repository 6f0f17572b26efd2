//! What answers have in common, whatever answers.

use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, PRAGMA, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Response};
use http_body::Body as _;
use http_body_util::{Either, Full};
use tollgate_http::X_REQUEST_ID;

/// The body of an answer: whole for the authority's own, as it comes for everything else.
pub type Body = Either<Full<Bytes>, axum::body::Body>;

/// The answer of an endpoint.
pub(crate) type Answer = Response<Full<Bytes>>;

/// An answer about tokens, which nothing may keep (RFC 6749 §5.1).
pub(crate) fn about_tokens(body: Bytes) -> Response<Full<Bytes>> {
    // A map is copied in a third of the time that it takes to fill one.
    static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        // Places for what every answer gets at last, so that the copy never has to grow.
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static(""));
        headers.insert(X_REQUEST_ID, HeaderValue::from_static(""));
        headers
    });
    let mut response = Response::new(Full::new(body));
    response.headers_mut().clone_from(&HEADERS);
    response
}

/// The answer to `HEAD` says how long the body would be (RFC 9110 §9.3.2). Over HTTP/2 one that is there would be sent.
pub(crate) fn without_body(mut response: Response<Body>) -> Response<Body> {
    if let Some(length) = response.body().size_hint().exact() {
        // The router may have done so already.
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    response.map(|_| Either::Left(Full::default()))
}
