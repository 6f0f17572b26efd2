//! `GET /`: the start page, for a person who was given only the base URL.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use tollgate_http::pages::{Policy, headers, wants_html};
use tollgate_sandbox::Error;

/// The start page: what this server is, with links.
#[derive(Template, Clone)]
#[template(path = "start.html")]
pub(crate) struct Start {
    /// The base URL that callers use.
    pub(crate) public_url: String,
    /// Whether the page links to the playground.
    pub(crate) has_playground: bool,
}

impl Start {
    /// Answers a person's browser. For programs, the API has no such path.
    pub(crate) fn answer(&self, asked: &HeaderMap) -> Response {
        if !wants_html(asked) {
            return Error::NotFound.into_response();
        }
        let html = self.render().expect("a template writes into a string, which never fails");
        (headers(Policy::default()), html).into_response()
    }
}
