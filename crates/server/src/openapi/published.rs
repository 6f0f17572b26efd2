//! `GET /openapi.json`.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use sha2::{Digest, Sha256};

use super::{Surface, document};
use crate::error::Error;
use crate::route::Route;
use crate::state::State;

/// How long an answer may be kept. What is served changes with the version and the configuration only.
const KEPT: &str = "public, max-age=3600";

/// The route of the document. `health` says whether health is answered next to the API.
pub(crate) fn router(state: Arc<State>, health: bool) -> Router {
    let published = Arc::new(Published::default());
    let answer = async move |request: Request| {
        let surface = Surface::of(state.config(), health);
        published.answer(&surface, request.method(), request.headers()).map(Body::new)
    };
    Router::new().route(Route::OpenApi.path(), any(answer))
}

/// The document as it is served; composed when it is first asked for, so that starting costs nothing.
#[derive(Default)]
struct Published(OnceLock<(Bytes, HeaderValue)>);

impl Published {
    /// Answers a request for it (RFC 9110 §13.1.2).
    fn answer(&self, surface: &Surface<'_>, method: &Method, headers: &HeaderMap) -> Response<Full<Bytes>> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Error::MethodNotAllowed { allow: "GET, HEAD" }.response();
        }
        let (body, tag) = self.0.get_or_init(|| compose(surface));
        let known = headers.get_all(IF_NONE_MATCH).iter().any(|line| names(line, tag));
        let mut response = Response::new(Full::new(if known { Bytes::new() } else { body.clone() }));
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(KEPT));
        response.headers_mut().insert(ETAG, tag.clone());
        response
    }
}

fn compose(surface: &Surface<'_>) -> (Bytes, HeaderValue) {
    let body = serde_json::to_vec(&document(surface)).expect("a document serialises");
    let digest = Sha256::digest(&body);
    let half: u128 = digest.iter().take(16).fold(0, |tag, byte| tag << 8 | u128::from(*byte));
    let tag =
        HeaderValue::try_from(format!("\"{half:032x}\"")).expect("digits between quotes are visible ASCII");
    (body.into(), tag)
}

/// Whether a list of tags has this one, weak or strong, or `*` for any.
fn names(line: &HeaderValue, tag: &HeaderValue) -> bool {
    let strong = |part: &str| part.strip_prefix("W/").unwrap_or(part).as_bytes() == tag.as_bytes();
    let parts = line.to_str().unwrap_or_default().split(',').map(str::trim);
    parts.into_iter().any(|part| part == "*" || strong(part))
}
