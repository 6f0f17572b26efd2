//! Requests, and what came back.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Frame;
use serde_json::Value;

pub(crate) const TOKEN: &str = "/api/v1/oauth2/token";
pub(crate) const REFRESH: &str = "/api/v1/oauth2/refresh";
pub(crate) const OAUTH_TOKEN: &str = "/oauth2/token";
pub(crate) const INTROSPECT: &str = "/oauth2/introspect";
pub(crate) const REVOKE: &str = "/oauth2/revoke";
pub(crate) const METADATA: &str = "/.well-known/oauth-authorization-server";
pub(crate) const OPENID: &str = "/.well-known/openid-configuration";
pub(crate) const KEYS: &str = "/oauth2/jwks";
pub(crate) const CREATE: &str = "/api/v1/payment-requests:redirect";
pub(crate) const LIST: &str = "/api/v1/payment-requests";

/// A request in the making.
#[derive(Clone)]
pub(crate) struct Call {
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.parse().unwrap(),
            target: target.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// Adds a header line.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_ref()).unwrap());
        self
    }

    pub(crate) fn body(mut self, media: &str, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_str(media).unwrap());
        self.raw(body)
    }

    /// A body without saying what it is.
    pub(crate) fn raw(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn form(self, body: &str) -> Self {
        self.body("application/x-www-form-urlencoded", body.to_owned())
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), format!("Bearer {token}"))
    }

    pub(crate) fn basic(self, id: &str, secret: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// What a person writes down of it: the method and the target, its headers, and its body.
    pub(crate) fn parts(&self) -> (String, &HeaderMap, &str) {
        let body = std::str::from_utf8(&self.body).unwrap();
        (format!("{} {}", self.method, self.target), &self.headers, body)
    }

    /// The request with its body in one piece.
    pub(crate) fn whole(self) -> Request<http_body_util::Full<Bytes>> {
        let body = self.body.clone().into();
        self.with(body)
    }

    /// The request with its body in pieces of `size` bytes, and no word about its length.
    pub(crate) fn in_pieces(self, size: usize) -> Request<Pieces> {
        let pieces = self.body.chunks(size).map(Bytes::copy_from_slice).collect();
        self.with(Pieces(pieces))
    }

    /// The request with a body of any kind.
    pub(crate) fn with<B>(self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target.parse().unwrap();
        *request.headers_mut() = self.headers;
        request
    }
}

/// A body that comes in pieces.
pub(crate) struct Pieces(VecDeque<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Reply(pub(crate) Response<Bytes>);

impl Reply {
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The one line of a header; the empty string if it has none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.0.headers().get_all(name).iter();
        let line = lines.next().map_or("", |line| line.to_str().unwrap());
        assert!(lines.next().is_none(), "{name} is there twice");
        line
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.0.body()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.0.body()).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// What a success says. Panics with the answer if it is none.
    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        let mut json = self.json();
        assert!(self.status().is_success(), "{} {json}", self.status());
        assert_eq!(json["success"], true);
        assert_eq!(json.as_object().unwrap().len(), 2, "{json}");
        json["data"].take()
    }

    /// Status and code of a refusal, whose envelope it checks.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (u16, String) {
        let json = self.json();
        assert_eq!(json["success"], false, "{json}");
        assert_eq!(json.as_object().unwrap().len(), 2, "{json}");
        assert_eq!(self.header("content-type"), "application/json");
        let error = json["error"].as_object().unwrap();
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{json}");
        let metadata = error.contains_key("metadata");
        assert_eq!(metadata, error["code"] == "VALIDATION_ERROR", "{json}");
        assert_eq!(error.len(), if metadata { 3 } else { 2 }, "{json}");
        (self.status().as_u16(), error["code"].as_str().unwrap().to_owned())
    }

    /// Status and code of a refusal in the form of RFC 6749 §5.2, which it checks.
    #[track_caller]
    pub(crate) fn oauth_refusal(&self) -> (u16, String) {
        let json = self.json();
        assert_eq!(json.as_object().unwrap().len(), 2, "{json}");
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!((self.header("cache-control"), self.header("pragma")), ("no-store", "no-cache"));
        let description = json["error_description"].as_str().unwrap();
        let permitted = |c| matches!(c, ' '..='~') && c != '"' && c != '\\';
        assert!(!description.is_empty() && description.chars().all(permitted), "{json}");
        (self.status().as_u16(), json["error"].as_str().unwrap().to_owned())
    }

    /// The fields that a `VALIDATION_ERROR` names.
    #[track_caller]
    pub(crate) fn fields(&self) -> Vec<String> {
        assert_eq!(self.refusal(), (400, "VALIDATION_ERROR".to_owned()));
        let json = self.json();
        let errors = json["error"]["metadata"]["errors"].as_array().unwrap().clone();
        assert!(!errors.is_empty());
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }

    /// Everything about it but what differs by its nature from any other answer.
    pub(crate) fn without_request_id(&self) -> (StatusCode, HeaderMap, Bytes) {
        let mut headers = self.0.headers().clone();
        headers.remove("x-request-id");
        (self.status(), headers, self.0.body().clone())
    }
}

/// Asserts that a reply is a refusal with this status and code.
#[track_caller]
pub(crate) fn assert_refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.refusal(), (status, code.to_owned()), "{}", reply.text());
}

/// Asserts that a reply is a refusal in the form of RFC 6749 §5.2, with this status and code.
#[track_caller]
pub(crate) fn assert_oauth_refused(reply: &Reply, status: u16, error: &str) {
    assert_eq!(reply.oauth_refusal(), (status, error.to_owned()), "{}", reply.text());
}

/// Which refresh token ends a token, by its claims.
pub(crate) fn refresh_id(claims: &Value) -> String {
    if let Some(made_with) = claims.get("rti") {
        return made_with.as_str().unwrap().to_owned();
    }
    let id = URL_SAFE_NO_PAD.decode(claims["jti"].as_str().unwrap()).unwrap();
    let next = u128::from_be_bytes(id.try_into().unwrap()).wrapping_add(1);
    URL_SAFE_NO_PAD.encode(next.to_be_bytes())
}

/// What a token says.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
