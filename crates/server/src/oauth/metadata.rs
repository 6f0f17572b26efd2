//! What an OAuth client finds out by itself: `GET /.well-known/oauth-authorization-server` (RFC 8414) and
//! `GET /oauth2/jwks` (RFC 7517).

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response};
use http_body_util::Full;
use serde::Serialize;

use crate::error::Error;
use crate::response::Answered;
use crate::route::Route;

/// Describes the authority whose issuer is `public_url`: what is really served, and nothing else.
///
/// The description is found at the place that RFC 8414 §3.1 derives from the issuer, and without the issuer's path as
/// well: that is what a proxy in front asks for when it takes its prefix off.
pub(super) fn describe(public_url: &str, method: &Method, path: &str) -> Result<Answered, Error> {
    let of_the_issuer = path.strip_prefix(Route::ServerMetadata.path()).unwrap_or(path);
    if !of_the_issuer.is_empty() && of_the_issuer != path_of(public_url) {
        return Err(Error::NotFound);
    }
    let body = serde_json::to_vec(&Metadata::of(public_url)).expect("texts serialise");
    answer(method, body, KEPT)
}

/// How long the description may be kept.
const KEPT: &str = "public, max-age=3600";

/// How long the key set may be kept: for a shorter time, so that a first public key would be known before it signs.
const KEYS_KEPT: &str = "public, max-age=300";

/// The path of an absolute URL: empty, or with a slash in front.
fn path_of(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + "://".len());
    url[authority..].find('/').map_or("", |at| &url[authority + at..])
}

/// Publishes the keys that others can verify with. There are none: the keys of HS256 sign as well, and never leave.
pub(super) fn keys(method: &Method) -> Result<Answered, Error> {
    answer(method, br#"{"keys":[]}"#.to_vec(), KEYS_KEPT)
}

/// RFC 8414 §2. No response type is there because no endpoint for authorization by a person is.
#[derive(Serialize)]
struct Metadata<'a> {
    issuer: &'a str,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: [&'a str; 2],
    grant_types_supported: [&'a str; 2],
    response_types_supported: [&'a str; 0],
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: [&'a str; 2],
    revocation_endpoint: String,
    revocation_endpoint_auth_methods_supported: [&'a str; 2],
    jwks_uri: String,
}

impl<'a> Metadata<'a> {
    fn of(public_url: &'a str) -> Self {
        let at = |route: Route| format!("{public_url}{}", route.path());
        Self {
            issuer: public_url,
            token_endpoint: at(Route::StandardToken),
            token_endpoint_auth_methods_supported: AUTH_METHODS,
            grant_types_supported: ["client_credentials", "refresh_token"],
            response_types_supported: [],
            introspection_endpoint: at(Route::Introspect),
            introspection_endpoint_auth_methods_supported: AUTH_METHODS,
            revocation_endpoint: at(Route::Revoke),
            revocation_endpoint_auth_methods_supported: AUTH_METHODS,
            jwks_uri: at(Route::KeySet),
        }
    }
}

const AUTH_METHODS: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// An answer for everybody, which may be kept.
fn answer(method: &Method, body: Vec<u8>, keep: &'static str) -> Result<Answered, Error> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed { allow: "GET, HEAD" });
    }
    let mut response = Response::new(Full::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    Ok(Answered::to_anybody(response))
}
