//! The sandbox Payment API, which the guard protects, and the page behind a `redirect_url`.

mod answer;
mod body;
mod checkout;
mod country;
mod create;
mod decision;
#[cfg(test)]
mod description;
mod email;
mod listing;
mod locale;
mod merchant;
mod money;
mod page;
mod payment_in_path;
mod reading;
mod record;
mod redirect_url;
mod request;
mod show;
mod stored_payment;
mod text;
mod view;

use std::sync::Arc;

use axum::routing::{MethodRouter, get, post};
use tollgate_core::Environment;
use tollgate_guard::{GuardLayer, Requirement, Verifier};

use crate::error::Error;
use crate::host::Host;

/// Makes the routes of the Payment API and its page, guarded by `verifier`. Only credentials of the test environment are admitted.
pub fn routes(host: &Arc<Host>, verifier: Arc<Verifier>) -> Vec<(&'static str, MethodRouter)> {
    let guard = GuardLayer::new(verifier).report_client();
    let requirement = |scope: &str| {
        Requirement::new().scope(scope.parse().expect("it is a scope")).environment(Environment::Test)
    };
    let read = guard.clone().require(requirement("payments:read"));
    let write = guard.require(requirement("payments:write"));
    let only = |allow: &'static str| async move || Error::MethodNotAllowed { allow };
    let create = post(create::post).route_layer(write).fallback(only("POST"));
    let list = get(show::list).route_layer(read.clone()).fallback(only("GET, HEAD"));
    let one = get(show::one).route_layer(read).fallback(only("GET, HEAD"));
    let page = get(checkout::get).post(checkout::post).fallback(only("GET, HEAD, POST"));
    [
        ("/api/v1/payment-requests:redirect", create),
        ("/api/v1/payment-requests", list),
        ("/api/v1/payment-requests/{id}", one),
        ("/pay/{id}", page),
    ]
    .map(|(path, methods)| (path, methods.with_state(host.clone())))
    .into()
}
