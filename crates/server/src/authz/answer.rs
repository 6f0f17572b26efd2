//! The answers to a proxy.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use tollgate_core::wire::Code;
use tollgate_guard::{Denial, Principal};
use tollgate_http::Realm;
use tollgate_http::refusal::{Dialect, Reason, Refusal};

use super::asks::Asks;
use super::refused::Refused;

const CLIENT_ID: HeaderName = HeaderName::from_static("x-tollgate-client-id");
const MERCHANT_ID: HeaderName = HeaderName::from_static("x-tollgate-merchant-id");
const SCOPE: HeaderName = HeaderName::from_static("x-tollgate-scope");
const ENV: HeaderName = HeaderName::from_static("x-tollgate-env");
const TOKEN_ID: HeaderName = HeaderName::from_static("x-tollgate-token-id");
const STATUS: HeaderName = HeaderName::from_static("x-tollgate-status");
const ERROR: HeaderName = HeaderName::from_static("x-tollgate-error");

/// The value of a header for an absent merchant or scope: a proxy that copies an empty value may drop the header, and
/// let the caller's through.
const NONE: HeaderValue = HeaderValue::from_static("-");

/// Answers that the request may be forwarded, and who sends it.
pub(super) fn admitted(principal: &Principal) -> Response<Full<Bytes>> {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CLIENT_ID, value(&principal.client_id().encode()));
    let merchant = principal.merchant_id().map(|merchant| value(&merchant.encode()));
    headers.insert(MERCHANT_ID, merchant.unwrap_or(NONE));
    let scope = principal.scope().as_str().as_bytes();
    headers.insert(SCOPE, if scope.is_empty() { NONE } else { value(scope) });
    headers.insert(ENV, HeaderValue::from_static(principal.environment().as_str()));
    headers.insert(TOKEN_ID, value(&principal.token_id().encode()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut response = Response::new(Full::default());
    *response.headers_mut() = headers;
    response
}

fn value(text: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(text).expect("ids and scopes are printable ASCII")
}

/// Answers that the request must not be forwarded.
pub(super) fn refused(asks: Asks, refused: Refused, realm: &Realm) -> Response<Full<Bytes>> {
    let response: Response<Full<Bytes>> = match refused {
        Refused::Denied { denial, audience } => {
            denial.response(audience.as_deref().map(Realm::of).as_ref().unwrap_or(realm))
        }
        Refused::Unclear(error) => error.response_in(realm),
        Refused::NoRoute => no_route(),
    };
    match asks {
        Asks::Plainly | Asks::AsEnvoy => response,
        Asks::AsNginx => for_nginx(response),
    }
}

/// Answers that no route of the table matches. The operator is told why.
fn no_route() -> Response<Full<Bytes>> {
    let code = Code::Forbidden;
    let message = "This route is not open.";
    let mut response =
        Refusal::new(Dialect::Envelope, StatusCode::FORBIDDEN, code.as_str(), message).response();
    let text = "authz.routes has no such route".to_owned();
    response.extensions_mut().insert(Reason { code: code.as_str(), text });
    response
}

/// Adapts a refusal to nginx, which takes every status but 2xx, 401 and 403 for an error of its own: other statuses become 403, and headers
/// have the original status and code.
fn for_nginx(response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let (mut head, _) = response.into_parts();
    let code = code_of(&head.extensions);
    if let Some(code) = code {
        head.headers.insert(ERROR, HeaderValue::from_static(code.as_str()));
    }
    head.headers.insert(STATUS, HeaderValue::from(head.status.as_u16()));
    head.headers.remove(CONTENT_TYPE);
    head.headers.remove(CONTENT_LENGTH);
    if head.status != StatusCode::UNAUTHORIZED {
        head.status = StatusCode::FORBIDDEN;
    }
    debug_assert!(head.status != StatusCode::UNAUTHORIZED || head.headers.contains_key(WWW_AUTHENTICATE));
    Response::from_parts(head, Full::default())
}

fn code_of(extensions: &http::Extensions) -> Option<Code> {
    let denied = extensions.get::<Denial>().map(Denial::code);
    let named = || {
        let reason = extensions.get::<Reason>()?;
        Code::ALL.into_iter().find(|code| code.as_str() == reason.code)
    };
    denied.or_else(named)
}
