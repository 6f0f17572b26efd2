//! `GET /`: where a person who was given nothing but the base URL finds the rest.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use tollgate_http::pages::{Policy, headers, wants_html};
use tollgate_sandbox::Error;

/// The page: what this is, and where things are.
#[derive(Template, Clone)]
#[template(path = "start.html")]
pub(crate) struct Start {
    /// The base URL that callers use.
    pub(crate) public_url: String,
    /// Whether it leads to the playground.
    pub(crate) has_playground: bool,
}

impl Start {
    /// Answers a person. To a program this is no path of the API.
    pub(crate) fn answer(&self, asked: &HeaderMap) -> Response {
        if !wants_html(asked) {
            return Error::NotFound.into_response();
        }
        let html = self.render().expect("a template writes into a string, which never fails");
        (headers(Policy::default()), html).into_response()
    }
}
