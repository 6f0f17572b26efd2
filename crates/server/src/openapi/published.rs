//! Serves the API description at `GET /openapi.json`.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use http::Method;

use super::{Surface, document};
use crate::document::Document;
use crate::error::Error;
use crate::route::Route;
use crate::state::State;

/// How long an answer may be cached. The document changes only with the version and the configuration.
const KEPT: Duration = Duration::from_secs(3600);

/// Makes the route of the document. `health` says whether health is served next to the API.
pub(crate) fn router(state: Arc<State>, health: bool) -> Router {
    // Made when it is first requested, so that starting costs nothing.
    let published = Arc::new(OnceLock::new());
    let answer = async move |request: Request| {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Error::MethodNotAllowed { allow: "GET, HEAD" }.response();
        }
        let published = published.get_or_init(|| compose(&Surface::of(state.config(), health)));
        published.answer(request.headers(), KEPT).map(Body::new)
    };
    Router::new().route(Route::OpenApi.path(), any(answer))
}

fn compose(surface: &Surface<'_>) -> Document {
    Document::new(serde_json::to_vec(&document(surface)).expect("a document serialises")).compressed()
}
