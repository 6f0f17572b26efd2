//! `GET /openapi.json`.

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

/// How long an answer may be kept. What is served changes with the version and the configuration only.
const KEPT: Duration = Duration::from_secs(3600);

/// The route of the document. `health` says whether health is answered next to the API.
pub(crate) fn router(state: Arc<State>, health: bool) -> Router {
    // Composed when it is first asked for, so that starting costs nothing.
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
