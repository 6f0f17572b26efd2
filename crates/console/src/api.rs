//! `/admin/v1`: the acts of administration over HTTP, for operators' clients.
//!
//! Who calls, what they ask for, and whether they may is decided in [`call`], once for every route. The handlers below read a
//! request, call the act in `crates/admin`, and show the result.

mod audit;
mod call;
pub(crate) mod clients;
mod cursor;
mod keys;
mod listing;
mod merchants;
mod once;
pub(crate) mod paths;
mod revocations;
mod secrets;
mod stats;
mod values;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, delete, get, patch, post};
use tollgate_admin::Operation;
use tollgate_server::State;
use tollgate_server::error::Error;

use self::call::endpoint;

/// Makes the routes of the administration.
pub(crate) fn router() -> Router<Arc<State>> {
    let routes = [merchant_routes(), client_routes(), secret_routes(), key_routes()];
    routes.into_iter().flatten().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
}

type Route = (&'static str, MethodRouter<Arc<State>>);

/// Refuses every method that the route doesn't have.
fn only(allow: &'static str, methods: MethodRouter<Arc<State>>) -> MethodRouter<Arc<State>> {
    methods.fallback(async move || Error::MethodNotAllowed { allow })
}

fn merchant_routes() -> Vec<Route> {
    let list = get(endpoint(Operation::ListMerchants, merchants::list));
    let create = post(endpoint(Operation::CreateMerchant, merchants::post));
    let show = get(endpoint(Operation::ShowMerchant, merchants::show));
    let rename = patch(endpoint(Operation::RenameMerchant, merchants::patch));
    let remove = delete(endpoint(Operation::DeleteMerchant, merchants::delete));
    let disable = post(endpoint(Operation::DisableMerchant, merchants::disable));
    let enable = post(endpoint(Operation::EnableMerchant, merchants::enable));
    vec![
        (paths::MERCHANTS, only("GET, HEAD, POST", list.merge(create))),
        (paths::MERCHANT, only("GET, HEAD, PATCH, DELETE", show.merge(rename).merge(remove))),
        (paths::DISABLE_MERCHANT, only("POST", disable)),
        (paths::ENABLE_MERCHANT, only("POST", enable)),
    ]
}

fn client_routes() -> Vec<Route> {
    let list = get(endpoint(Operation::ListClients, clients::list));
    let create = post(endpoint(Operation::CreateClient, clients::post));
    let show = get(endpoint(Operation::ShowClient, clients::show));
    let update = patch(endpoint(Operation::UpdateClient, clients::patch));
    let remove = delete(endpoint(Operation::DeleteClient, clients::delete));
    let disable = post(endpoint(Operation::DisableClient, clients::disable));
    let enable = post(endpoint(Operation::EnableClient, clients::enable));
    vec![
        (paths::CLIENTS, only("GET, HEAD, POST", list.merge(create))),
        (paths::CLIENT, only("GET, HEAD, PATCH, DELETE", show.merge(update).merge(remove))),
        (paths::DISABLE_CLIENT, only("POST", disable)),
        (paths::ENABLE_CLIENT, only("POST", enable)),
    ]
}

fn secret_routes() -> Vec<Route> {
    let list = get(endpoint(Operation::ListSecrets, secrets::list));
    let create = post(endpoint(Operation::CreateSecret, secrets::post));
    let revoke = post(endpoint(Operation::RevokeSecret, secrets::revoke));
    vec![
        (paths::SECRETS, only("GET, HEAD, POST", list.merge(create))),
        (paths::REVOKE_SECRET, only("POST", revoke)),
    ]
}

fn key_routes() -> Vec<Route> {
    let list = get(endpoint(Operation::ListKeys, keys::list));
    let create = post(endpoint(Operation::CreateKey, keys::post));
    let rotate = post(endpoint(Operation::RotateKeys, keys::rotate));
    let compromised = post(endpoint(Operation::ReplaceCompromisedKeys, keys::compromised));
    let revocations = get(endpoint(Operation::ListRevocations, revocations::list));
    let revoke = post(endpoint(Operation::RevokeTokens, revocations::post));
    vec![
        (paths::KEYS, only("GET, HEAD, POST", list.merge(create))),
        (paths::ROTATE_KEYS, only("POST", rotate)),
        (paths::COMPROMISED_KEYS, only("POST", compromised)),
        (paths::REVOCATIONS, only("GET, HEAD, POST", revocations.merge(revoke))),
        (paths::STATS, only("GET, HEAD", get(endpoint(Operation::ShowStats, stats::show)))),
        (paths::AUDIT, only("GET, HEAD", get(endpoint(Operation::ListRecords, audit::list)))),
    ]
}
