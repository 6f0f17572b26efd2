//! Answers of the endpoints: what has tokens in it, written without an intermediate tree.

use std::cell::RefCell;
use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::Full;
use tollgate_core::{Claims, ClientId, MintError, Timestamp, TokenKind};
use tollgate_http::X_REQUEST_ID;

use crate::config::AccessTokens;
use crate::error::Error;
use crate::oauth::face::Face;
use crate::state::State;

/// The answer of an endpoint.
pub(crate) struct Answered {
    pub(crate) response: Response<Full<Bytes>>,
    /// Who asked, where a client must prove itself.
    pub(crate) client: Option<ClientId>,
}

impl Answered {
    /// An answer to a client that has proved itself.
    pub(super) fn to(client: ClientId, response: Response<Full<Bytes>>) -> Self {
        Self { response, client: Some(client) }
    }

    /// An answer to whoever asked.
    pub(super) fn to_anybody(response: Response<Full<Bytes>>) -> Self {
        Self { response, client: None }
    }
}

/// The refresh token in an answer.
pub(super) enum RefreshToken<'a> {
    /// A new one.
    New(&'a Claims<'a>),
    /// The one that was exchanged. Some clients forget the one they have when an answer has none.
    Same(&'a str),
    /// None: the client keeps the one that it has.
    Kept,
}

/// The body of an answer with an access token (RFC 6749 §5.1). Neither a scope nor a token has a character that JSON
/// would escape.
pub(super) fn tokens(
    face: Face,
    state: &State,
    terms: AccessTokens<'_>,
    access: &Claims<'_>,
    refresh: &RefreshToken<'_>,
    scope: Option<&str>,
    now: Timestamp,
) -> Result<Bytes, Error> {
    let keyring = state.installation().signing_ring();
    let (start, end) = face.brackets();
    body(|body| {
        body.extend_from_slice(start);
        body.extend_from_slice(b"\"access_token\":\"");
        keyring.mint(TokenKind::Access, terms.algorithm, access, now, body)?;
        match refresh {
            RefreshToken::New(claims) => {
                body.extend_from_slice(b"\",\"refresh_token\":\"");
                keyring.mint(TokenKind::Refresh, terms.algorithm, claims, now, body)?;
            }
            RefreshToken::Same(token) => {
                body.extend_from_slice(b"\",\"refresh_token\":\"");
                body.extend_from_slice(token.as_bytes());
            }
            RefreshToken::Kept => {}
        }
        body.extend_from_slice(b"\",\"token_type\":\"Bearer\",\"expires_in\":");
        body.extend_from_slice(itoa::Buffer::new().format(terms.lifetime.as_secs()).as_bytes());
        if let Some(scope) = scope {
            body.extend_from_slice(b",\"scope\":\"");
            body.extend_from_slice(scope.as_bytes());
            body.push(b'"');
        }
        body.extend_from_slice(end);
        Ok(())
    })
}

/// Writes into a buffer of the thread's and copies from there: one allocation of the body's own length, where a vector
/// that becomes a body takes two.
fn body(write: impl FnOnce(&mut Vec<u8>) -> Result<(), MintError>) -> Result<Bytes, Error> {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(2048));
    }
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        write(buffer)?;
        Ok(Bytes::copy_from_slice(buffer))
    })
}

/// An answer about tokens, which nothing may keep (RFC 6749 §5.1).
pub(super) fn answer(body: Bytes) -> Response<Full<Bytes>> {
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
