//! Whether the process is up, whether it can issue, and what it has counted.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response};
use http_body_util::{Either, Full};

use crate::error::Error;
use crate::response::Body;
use crate::route::Route;
use crate::state::State;

/// What `/healthz` says.
pub(crate) const UP: &str = "up";

/// What `/readyz` says if it can.
pub(crate) const READY: &str = "ready";

/// The text format of Prometheus.
pub(crate) const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers `/healthz` (the process is up), `/readyz` (it can issue tokens) and `/metrics`, and nothing else.
pub(crate) fn answer(state: &State, route: Route, method: &Method) -> Response<Body> {
    if !matches!(route, Route::Health | Route::Ready | Route::Metrics) {
        return error(Error::NotFound);
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return error(Error::MethodNotAllowed { allow: "GET, HEAD" });
    }
    match route {
        Route::Metrics => plain(METRICS_TYPE, metrics(state)).map(Either::Left),
        Route::Ready => match state.readiness() {
            Ok(()) if state.installation().is_stale() => {
                plain("application/json", STALE.to_owned()).map(Either::Left)
            }
            Ok(()) => plain("application/json", status(READY)).map(Either::Left),
            Err(reason) => error(Error::NotReady(reason)),
        },
        _ => plain("application/json", status(UP)).map(Either::Left),
    }
}

/// It serves, and says that what it knows may be out of date (`tokens.when_stale = "serve"`).
const STALE: &str = r#"{"success":true,"data":{"status":"ready","stale":true}}"#;

/// The metrics of a server that has no store yet.
pub(crate) const NOT_READY: &str = "# HELP tollgate_ready 1 if tokens can be issued here.\n\
     # TYPE tollgate_ready gauge\ntollgate_ready 0\n";

pub(crate) fn status(status: &str) -> String {
    format!(r#"{{"success":true,"data":{{"status":"{status}"}}}}"#)
}

fn metrics(state: &State) -> String {
    let installation = state.installation();
    state.metrics().render(&[
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

fn error(error: Error) -> Response<Body> {
    error.response::<Full<Bytes>>().map(Either::Left)
}

pub(crate) fn plain(content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
