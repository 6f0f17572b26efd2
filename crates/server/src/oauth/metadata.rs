//! The documents by which OAuth clients configure themselves: `GET /.well-known/oauth-authorization-server` (RFC 8414) and
//! `GET /oauth2/jwks` (RFC 7517).

use std::time::Duration;

use http::Method;
use http::request::Parts;
use serde::Serialize;
use tollgate_admin::key_times::KEY_SET_KEPT;
use tollgate_config::Config;
use tollgate_core::{Jwk, Timestamp};

use crate::document::Document;
use crate::error::Error;
use crate::response::Answer;
use crate::route::Route;
use crate::state::State;

/// Describes the authority whose issuer is `public_url`: only what is really served.
///
/// The description is found at the place that RFC 8414 §3.1 derives from the issuer, and without the issuer's path as
/// well: a proxy in front that removes its prefix asks for that.
///
/// Clients of OpenID Connect ask for the same document under another name, and after the issuer's path (Discovery 1.0
/// §4).
pub(super) fn describe(config: &Config, head: &Parts) -> Result<Answer, Error> {
    let path = head.uri.path();
    let public_url = &*config.public_url;
    let of_the_issuer = [Route::ServerMetadata, Route::OpenIdConfiguration]
        .into_iter()
        .find_map(|route| path.strip_prefix(route.path()).or_else(|| path.strip_suffix(route.path())))
        .unwrap_or(path);
    if !of_the_issuer.is_empty() && of_the_issuer != path_of(public_url) {
        return Err(Error::NotFound);
    }
    answer(head, &Metadata::of(config), KEPT)
}

/// How long the description may be cached.
const KEPT: Duration = Duration::from_secs(3600);

/// Returns the path of an absolute URL: empty, or starting with a slash.
pub(super) fn path_of(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + "://".len());
    url[authority..].find('/').map_or("", |at| &url[authority + at..])
}

/// Publishes the keys that others can verify with (RFC 7517 §5): keys that sign, that will sign, and that have
/// signed tokens which are still valid. Keys of HS256 are secret, and are never published.
pub(super) fn keys(state: &State, now: Timestamp, head: &Parts) -> Result<Answer, Error> {
    let keyring = state.installation().verifier().keyring();
    let mut keys: Vec<_> = keyring.public_keys(now).map(|(id, key)| Jwk::of(key, id.to_string())).collect();
    keys.sort_by(|a, b| a.kid.cmp(&b.kid));
    // A new key signs only after everybody who has cached the set for this long can know it.
    answer(head, &KeySet { keys }, KEY_SET_KEPT)
}

#[derive(Serialize)]
struct KeySet {
    keys: Vec<Jwk<'static>>,
}

/// The members of RFC 8414 §2. There are no response types, because there is no authorization endpoint.
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
    /// The algorithms of access tokens, by the name that clients look for.
    id_token_signing_alg_values_supported: Vec<&'static str>,
    subject_types_supported: [&'a str; 1],
}

impl<'a> Metadata<'a> {
    fn of(config: &'a Config) -> Self {
        let public_url = &*config.public_url;
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
            id_token_signing_alg_values_supported: config.access_token_algorithms(),
            subject_types_supported: ["public"],
        }
    }
}

const AUTH_METHODS: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// Returns a public document, which may be cached.
fn answer(head: &Parts, document: &impl Serialize, kept: Duration) -> Result<Answer, Error> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        return Err(Error::MethodNotAllowed { allow: "GET, HEAD" });
    }
    let document = Document::new(serde_json::to_vec(document).expect("texts serialise"));
    Ok(document.answer(&head.headers, kept))
}
