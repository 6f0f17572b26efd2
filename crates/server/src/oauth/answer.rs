//! The authority: the part that issues tokens.
//!
//! [`token`] exchanges a client's credentials for an access and a refresh token, [`refresh`] a refresh token for the
//! next access token. Neither writes anything to the store. The endpoints of the standards
//! authenticate clients and grant tokens by the same rules, which are here.

use std::cell::RefCell;
use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ORIGIN, PRAGMA, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use http_body_util::Full;
use tollgate_core::{ClientId, MintError};
use tollgate_http::X_REQUEST_ID;

use crate::error::Error;

/// A token was issued.
pub(crate) struct Issued {
    /// The answer.
    pub(crate) response: Response<Full<Bytes>>,
    /// To whom.
    pub(crate) client: ClientId,
}

/// Takes `POST` only, and only from servers (contract: a secret or token never reaches a browser).
///
/// `Sec-Fetch-Mode` alone is no sign of a browser: server runtimes send it with their `fetch`.
pub(crate) fn check_caller(method: &Method, headers: &HeaderMap) -> Result<(), Error> {
    const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    if headers.contains_key(ORIGIN) || headers.contains_key(SEC_FETCH_SITE) {
        return Err(Error::Browser);
    }
    if method != Method::POST {
        return Err(Error::MethodNotAllowed { allow: "POST" });
    }
    Ok(())
}

/// The body of an answer with tokens, as `write` writes it.
///
/// It is written into a buffer of the thread's and copied from there: one allocation of its own length, where a vector
/// that becomes a body takes two.
pub(crate) fn body(write: impl FnOnce(&mut Vec<u8>) -> Result<(), MintError>) -> Result<Bytes, Error> {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(2048));
    }
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        write(buffer)?;
        Ok(Bytes::copy_from_slice(buffer))
    })
}

/// An answer with tokens in it, which nothing may keep (RFC 6749 §5.1).
pub(crate) fn answer(body: Bytes) -> Response<Full<Bytes>> {
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
