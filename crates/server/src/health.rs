//! The routes for health, readiness and metrics.

use std::sync::Arc;

use axum::routing::get;
use axum::{Router, extract};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::Full;

use crate::error::Error;
use crate::exposition::{Exposition, Format};
use crate::gauges;
use crate::route::Route;
use crate::state::State;

/// The status in the answer of `/healthz`.
pub(crate) const UP: &str = "up";

/// The status in the answer of `/readyz` if the server is ready.
pub(crate) const READY: &str = "ready";

/// Makes the routes `/healthz` (the process is up), `/readyz` (it can issue tokens) and `/metrics`.
pub(crate) fn router() -> Router<Arc<State>> {
    let only = async || Error::MethodNotAllowed { allow: "GET, HEAD" };
    let up = async || plain("application/json", status(UP));
    let metrics = async |extract::State(state): extract::State<Arc<State>>, headers: HeaderMap| {
        let format = Format::accepted(&headers);
        plain(format.content_type(), metrics(&state, format))
    };
    Router::new()
        .route(Route::Health.path(), get(up).fallback(only))
        .route(Route::Ready.path(), get(ready).fallback(only))
        .route(Route::Metrics.path(), get(metrics).fallback(only))
}

async fn ready(extract::State(state): extract::State<Arc<State>>) -> Result<Response<Full<Bytes>>, Error> {
    state.readiness().map_err(Error::NotReady)?;
    let ready = if state.installation().is_stale() { STALE.to_owned() } else { status(READY) };
    Ok(plain("application/json", ready))
}

/// The answer of a server that serves although its data may be out of date (`tokens.when_stale = "serve"`).
const STALE: &str = r#"{"success":true,"data":{"status":"ready","stale":true}}"#;

/// The metrics of a server that has no store yet.
pub(crate) const NOT_READY: &str = "# HELP tollgate_ready 1 if tokens can be issued here.\n\
     # TYPE tollgate_ready gauge\ntollgate_ready 0\n";

pub(crate) fn status(status: &str) -> String {
    format!(r#"{{"success":true,"data":{{"status":"{status}"}}}}"#)
}

/// Writes all metrics.
pub(crate) fn metrics(state: &State, format: Format) -> String {
    let mut out = Exposition::new(format);
    state.metrics().write(&state.limiters().exceeded(), &mut out);
    gauges::write(state, &mut out);
    out.end()
}

pub(crate) fn plain(content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
