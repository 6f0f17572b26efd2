//! The answer to requests for unknown paths.

use askama::Template;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use http::HeaderMap;
use tollgate_http::pages::{Policy, headers, wants_html};
use tollgate_sandbox::Error;

#[derive(Template)]
#[template(path = "unknown.html")]
struct Unknown;

/// Answers requests for unknown paths with 404: with a page for a browser, and in the envelope for others.
pub fn unknown() -> MethodRouter {
    any(async |headers: HeaderMap| answer(&headers))
}

fn answer(asked: &HeaderMap) -> Response {
    let mut refused = Error::NotFound.into_response();
    if wants_html(asked) {
        let html = Unknown.render().expect("a template writes into a string, which never fails");
        // The refusal is counted and logged like any other.
        *refused.headers_mut() = headers(Policy::default());
        *refused.body_mut() = html.into();
    }
    refused
}
