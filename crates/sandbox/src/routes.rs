//! The route table of the sandbox.

use std::sync::Arc;

use axum::routing::{MethodRouter, get};

use crate::assets::{self, Assets};
use crate::error::Error;
use crate::host::Host;
use crate::payments;

/// Routes, each with its path as the router takes it.
pub type Routes = Vec<(&'static str, MethodRouter)>;

/// Makes the routes of the sandbox: the Payment API, its page, and the assets of pages. `others` are the assets of the pages that are
/// mounted beside it.
pub fn routes(host: &Arc<Host>, others: Assets) -> Routes {
    let only = async || Error::MethodNotAllowed { allow: "GET, HEAD" };
    let mut routes = payments::routes(host, host.verifier.clone());
    routes.push(("/assets/{name}", get(assets::get).fallback(only).with_state(others)));
    routes.push(("/favicon.ico", get(assets::icon).fallback(only)));
    routes
}
