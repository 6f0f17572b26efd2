//! The route table of the portal.

use std::sync::Arc;

use axum::routing::{MethodRouter, get};
use http::HeaderMap;
use tollgate_sandbox::{Error, Host, Routes};

use crate::playground::Playground;
use crate::reference::Document;
use crate::start::Start;
use crate::{playground, reference};

/// Makes the routes of the portal: the start page, the reference, and a playground if there is one, which calls the sandbox of
/// `host`. They load [`ASSETS`](crate::ASSETS), which the sandbox serves with its own.
pub fn routes(host: &Arc<Host>, document: Document, playground: Option<Playground>) -> Routes {
    let mut routes = vec![start(&host.settings.public_url, playground.is_some())];
    routes.extend(reference::routes(playground.is_some(), document));
    routes.extend(playground.into_iter().flat_map(|playground| playground::routes(host.clone(), playground)));
    routes
}

/// Returns the route of the start page.
fn start(public_url: &str, has_playground: bool) -> (&'static str, MethodRouter) {
    let only = async || Error::MethodNotAllowed { allow: "GET, HEAD" };
    let start = Start { public_url: public_url.to_owned(), has_playground };
    ("/", get(async move |headers: HeaderMap| start.answer(&headers)).fallback(only))
}
