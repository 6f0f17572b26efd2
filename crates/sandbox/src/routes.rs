//! The route table of the sandbox.

use std::sync::Arc;

use axum::routing::{MethodRouter, get};
use http::HeaderMap;

use crate::assets;
use crate::error::Error;
use crate::host::Host;
use crate::pages::asset;
use crate::pages::start::Start;
use crate::playground::Playground;
use crate::reference::Document;
use crate::{payments, playground, reference};

/// Paths as the router reads them, and what answers there.
pub type Routes = Vec<(&'static str, MethodRouter)>;

/// The routes of the sandbox: the Payment API, its page, the reference, and a playground if there is one.
pub fn routes(host: &Arc<Host>, document: Document, playground: Option<Playground>) -> Routes {
    let mut routes = payments::routes(host, host.verifier().clone());
    routes.extend(pages(&host.settings().public_url, playground.is_some()));
    routes.extend(reference::routes(playground.is_some(), document));
    routes.extend(playground.into_iter().flat_map(|playground| playground::routes(host.clone(), playground)));
    routes
}

/// The routes of the page that a person finds first, and of what all pages load.
fn pages(public_url: &str, has_playground: bool) -> Vec<(&'static str, MethodRouter)> {
    let only = async || Error::MethodNotAllowed { allow: "GET, HEAD" };
    let start = Start { public_url: public_url.to_owned(), has_playground };
    let show = async move |headers: HeaderMap| start.answer(&headers);
    vec![
        ("/", get(show).fallback(only)),
        ("/assets/{name}", get(assets::get).fallback(only).with_state(asset::ALL)),
        ("/favicon.ico", get(assets::icon).fallback(only)),
    ]
}
