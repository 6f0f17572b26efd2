//! The console: the administration as pages in a browser, for people who have signed in.
//!
//! Who visits, whether they may, and whether a form is the console's own is decided in [`visit`], once for every page. The pages
//! below it read a request, call the act in `crates/admin` as the API does, and show its result; they have no rules of their own. Every
//! act is a form that is answered by a redirect, so that all of it works without a script.

mod act;
mod asset;
mod audit;
mod charts;
mod clients;
mod form;
mod frame;
mod keys;
mod merchants;
mod overview;
mod page;
mod paths;
mod provider;
mod provider_cookie;
mod refused;
mod revocations;
mod routes;
mod secrets;
mod servers;
mod session;
mod shared;
mod shown_once;
mod sign_in;
mod timeline;
mod view;
mod visit;
mod whole;
mod why;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};
use tollgate_server::error::Error;

use self::routes::{Route, only};
pub(crate) use self::shared::Console;
use self::visit::{Outcome, Visit, page};
use crate::oidc::CALLBACK;

/// The path pattern of everything below the console's root.
pub(crate) const ALL: &str = "/console/{*path}";

/// Makes the routes of the console.
pub(crate) fn router() -> Router<Arc<Console>> {
    let of_things = [merchants::routes(), clients::routes(), secrets::routes(), keys::routes()];
    let of_what_happens = [revocations::routes(), why::routes(), audit::routes(), servers::routes()];
    let routes = [own_routes()].into_iter().chain(of_things).chain(of_what_happens);
    routes.flatten().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
}

fn own_routes() -> Vec<Route> {
    let sign_in = get(sign_in::show).post(sign_in::post);
    vec![
        ("/console", only("GET, HEAD", get(page(None, overview::show)))),
        ("/console/figures", only("GET, HEAD", get(page(None, overview::figures)))),
        (paths::SIGN_IN, only("GET, HEAD, POST", sign_in)),
        (paths::SIGN_IN_BY_PROVIDER, only("GET, HEAD", get(provider::begin))),
        (CALLBACK, only("GET, HEAD", get(provider::end))),
        ("/console/sign-out", only("POST", post(page(None, sign_in::end)))),
        ("/console/assets/{name}", only("GET, HEAD", get(asset::get))),
        (ALL, any(page(None, no_page))),
    ]
}

/// Answers requests for paths below the console's root that don't exist.
async fn no_page(_: Visit) -> Outcome {
    Err(Error::NotFound)
}
