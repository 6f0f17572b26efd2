//! The calls of a visitor: to this server, in the same way as every caller's requests.

use std::sync::Arc;

use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::json;
use tollgate_core::Timestamp;
use tollgate_guard::{ClientAddress, Verifier};
use tollgate_sandbox::{Error, Host, payments};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt as _};
use zeroize::Zeroizing;

use super::credentials::Credentials;
use super::inspect::{Inspect, Verdict};
use super::request_checks::Refused;

pub(super) const TOKEN: &str = "/api/v1/oauth2/token";
pub(super) const REFRESH: &str = "/api/v1/oauth2/refresh";
pub(super) const REVOKE: &str = "/oauth2/revoke";
pub(super) const CREATE: &str = "/api/v1/payment-requests:redirect";
/// The path of a list with one item, so that the answer is short.
pub(super) const LIST: &str = "/api/v1/payment-requests?limit=1";

/// A request with its answer.
pub(super) struct Exchange {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) sent: HeaderMap,
    pub(super) sent_body: Bytes,
    pub(super) response: Response<Bytes>,
    /// What `tollgate inspect` would have said of the token at that time.
    pub(super) verdict: Option<Verdict>,
}

/// The service that makes calls.
pub type Calls = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, BoxError>;

/// Makes calls for a visitor.
#[derive(Clone)]
pub(super) struct Caller {
    service: Calls,
    inspect: Arc<dyn Inspect>,
    host: Arc<Host>,
    from: ClientAddress,
}

impl Caller {
    /// Makes a caller at an address.
    pub(super) fn at(
        from: ClientAddress,
        service: Calls,
        inspect: Arc<dyn Inspect>,
        host: Arc<Host>,
    ) -> Self {
        Self { service, inspect, host, from }
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// Sends a request in the same way as every caller's requests.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Exchange, Refused> {
        let (head, body) = request.into_parts();
        let mut sent = Request::from_parts(head.clone(), body.clone());
        sent.extensions_mut().insert(self.from);
        let response = self.service.clone().oneshot(sent).await;
        let response = response.map_err(|error| Error::Internal(error.to_string()))?;
        Exchange::of(head, body, response, &*self.inspect, &self.host.verifier).await
    }

    /// Sends a request to the guard and the sandbox behind it, with a clock that stands at `then`.
    pub(super) async fn send_at(
        &self,
        request: Request<Bytes>,
        then: Timestamp,
    ) -> Result<Exchange, Refused> {
        let verifier = Arc::new(self.host.verifier.standing_at(then));
        let (head, body) = request.into_parts();
        let mut sent = Request::from_parts(head.clone(), axum::body::Body::from(body.clone()));
        sent.extensions_mut().insert(self.from);
        let routes = payments::routes(&self.host, verifier.clone()).into_iter();
        let router = routes.fold(Router::new(), |router, (path, methods)| router.route(path, methods));
        let Ok(response) = router.oneshot(sent).await;
        let (answer, answered) = response.into_parts();
        let answered =
            answered.collect().await.map_err(|_| Error::Internal("an answer broke off".to_owned()))?;
        let response = Response::from_parts(answer, answered.to_bytes());
        Exchange::of(head, body, response, &*self.inspect, &verifier).await
    }
}

impl Exchange {
    async fn of(
        head: http::request::Parts,
        sent_body: Bytes,
        response: Response<Bytes>,
        inspect: &dyn Inspect,
        verifier: &Verifier,
    ) -> Result<Self, Refused> {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let bearer =
            head.headers.get(AUTHORIZATION).and_then(|line| line.to_str().ok()?.strip_prefix("Bearer "));
        let verdict = match bearer {
            Some(token) => Some(inspect.inspect(verifier, token, verifier.now()).await?),
            None => None,
        };
        Ok(Self { method: head.method, target, sent: head.headers, sent_body, response, verdict })
    }

    /// Returns why no token was granted, in the words of the answer. Missing form fields count as an unknown client.
    pub(super) fn refusal(&self) -> String {
        let answer: serde_json::Value = serde_json::from_slice(self.response.body()).unwrap_or_default();
        match answer["error"]["message"].as_str() {
            Some(message) if self.response.status() != StatusCode::BAD_REQUEST => message.to_owned(),
            _ => "The client is unknown, or its secret is wrong or no longer valid.".to_owned(),
        }
    }

    /// Returns a text in the `data` of the answer.
    pub(super) fn granted(&self, member: &str) -> Option<Zeroizing<String>> {
        let answer: serde_json::Value = serde_json::from_slice(self.response.body()).ok()?;
        Some(Zeroizing::new(answer["data"][member].as_str()?.to_owned()))
    }
}

/// Makes a request for tokens.
pub(super) fn token(client_id: &str, client_secret: &str) -> Request<Bytes> {
    let body = json!({
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
    });
    json_to(TOKEN, body.to_string())
}

/// Makes a request for another access token.
pub(super) fn refresh(refresh_token: &str) -> Request<Bytes> {
    json_to(REFRESH, json!({ "refresh_token": refresh_token }).to_string())
}

/// Makes a request to revoke a token (RFC 7009), with the client in the header.
pub(super) fn revoke(credentials: &Credentials, token: &str) -> Request<Bytes> {
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
    let mut request = to(Method::POST, REVOKE, "application/x-www-form-urlencoded", body);
    // The parts are form-encoded before they are put together (RFC 6749 §2.3.1).
    let secret: String = form_urlencoded::byte_serialize(credentials.client_secret.as_bytes()).collect();
    let pair = Zeroizing::new(format!("{}:{}", credentials.client_id, *Zeroizing::new(secret)));
    authorize(&mut request, &format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    request
}

/// Makes a request for the list of payment requests, with or without a token.
pub(super) fn list(token: Option<&str>) -> Request<Bytes> {
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = LIST.parse().expect("this is a path");
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(token) = token {
        authorize(&mut request, &format!("Bearer {token}"));
    }
    request
}

/// Makes a request to create a payment.
pub(super) fn create(token: &str, key: &str, body: &str) -> Request<Bytes> {
    let mut request = json_to(CREATE, body.to_owned());
    let key = HeaderValue::try_from(key).expect("our keys are visible ASCII");
    request.headers_mut().insert("idempotency-key", key);
    authorize(&mut request, &format!("Bearer {token}"));
    request
}

fn json_to(path: &str, body: String) -> Request<Bytes> {
    to(Method::POST, path, "application/json", body)
}

fn to(method: Method, path: &str, media: &'static str, body: String) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from_owner(Zeroizing::new(body.into_bytes())));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().expect("this is a path");
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    request
}

fn authorize(request: &mut Request<Bytes>, line: &str) {
    let mut value = HeaderValue::try_from(line).expect("tokens and base64 are visible ASCII");
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
}
