//! Whether the process is up, whether it can issue, and what it has counted.

use std::sync::Arc;

use axum::routing::get;
use axum::{Router, extract};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use http_body_util::Full;

use crate::error::Error;
use crate::route::Route;
use crate::state::State;

/// What `/healthz` says.
pub(crate) const UP: &str = "up";

/// What `/readyz` says if it can.
pub(crate) const READY: &str = "ready";

/// The text format of Prometheus.
pub(crate) const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The routes `/healthz` (the process is up), `/readyz` (it can issue tokens) and `/metrics`.
pub(crate) fn router() -> Router<Arc<State>> {
    let only = async || Error::MethodNotAllowed { allow: "GET, HEAD" };
    let up = async || plain("application/json", status(UP));
    let metrics = async |extract::State(state): extract::State<Arc<State>>| {
        plain(METRICS_TYPE, rendered_metrics(&state))
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

/// It serves, and says that what it knows may be out of date (`tokens.when_stale = "serve"`).
const STALE: &str = r#"{"success":true,"data":{"status":"ready","stale":true}}"#;

/// The metrics of a server that has no store yet.
pub(crate) const NOT_READY: &str = "# HELP tollgate_ready 1 if tokens can be issued here.\n\
     # TYPE tollgate_ready gauge\ntollgate_ready 0\n";

pub(crate) fn status(status: &str) -> String {
    format!(r#"{{"success":true,"data":{{"status":"{status}"}}}}"#)
}

fn rendered_metrics(state: &State) -> String {
    let installation = state.installation();
    state.metrics().render(&state.limiters().exceeded(), &[
        ("tollgate_connections", "Open connections to the API.", &state.connections().count()),
        ("tollgate_ready", "1 if tokens can be issued here.", &u8::from(state.readiness().is_ok())),
        (
            "tollgate_change_log_unread_seconds",
            "How long ago the change log was last read.",
            &installation.unread_for().as_secs(),
        ),
        (
            "tollgate_stale",
            "1 if that is longer than tokens.stale_after.",
            &u8::from(installation.is_stale()),
        ),
        (
            "tollgate_store_clock_offset_seconds",
            "How far the store's clock is ahead of this server's; 0 where they are one.",
            &installation.store_clock().offset(),
        ),
        (
            "tollgate_configuration_replaced",
            "1 if the servers of the store have agreed on another configuration: restart this one with it.",
            &u8::from(installation.membership().is_replaced(installation.store_time())),
        ),
        (
            "tollgate_rotates_keys",
            "1 if this server advances the signing keys for all that share the store.",
            &u8::from(installation.rotates_keys()),
        ),
        ("tollgate_cached_clients", "Clients in memory.", &installation.registry().len()),
        ("tollgate_revocations", "Revocations in force.", &installation.verifier().revocations().len()),
        (
            "tollgate_log_lines_dropped",
            "Log lines dropped: their reader is too slow.",
            &crate::log::dropped(),
        ),
    ])
}

pub(crate) fn plain(content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
