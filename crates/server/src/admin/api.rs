//! `/admin/v1`: the acts of administration over HTTP, for operators' clients.
//!
//! What is asked for, by whom, and whether they may is decided in [`call`], once for every route. The handlers below read a
//! request, call the act in `server/admin`, and show what it returns.

mod call;
mod clients;
mod cursor;
mod keys;
mod listing;
mod merchants;
mod once;
pub(crate) mod paths;
mod revocations;
mod secrets;
mod values;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, delete, get, patch, post};

use self::call::endpoint;
use super::Act;
use crate::error::Error;
use crate::state::State;

/// The routes of the administration.
pub(crate) fn router() -> Router<Arc<State>> {
    let routes = [merchant_routes(), client_routes(), secret_routes(), key_routes()];
    routes.into_iter().flatten().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
}

type Route = (&'static str, MethodRouter<Arc<State>>);

/// Refuses every other method.
fn only(allow: &'static str, methods: MethodRouter<Arc<State>>) -> MethodRouter<Arc<State>> {
    methods.fallback(async move || Error::MethodNotAllowed { allow })
}

fn merchant_routes() -> Vec<Route> {
    let list = get(endpoint(Act::ListMerchants, merchants::list));
    let create = post(endpoint(Act::CreateMerchant, merchants::post));
    let show = get(endpoint(Act::ShowMerchant, merchants::show));
    let rename = patch(endpoint(Act::RenameMerchant, merchants::patch));
    let remove = delete(endpoint(Act::DeleteMerchant, merchants::delete));
    let disable = post(endpoint(Act::DisableMerchant, merchants::disable));
    let enable = post(endpoint(Act::EnableMerchant, merchants::enable));
    vec![
        (paths::MERCHANTS, only("GET, HEAD, POST", list.merge(create))),
        (paths::MERCHANT, only("GET, HEAD, PATCH, DELETE", show.merge(rename).merge(remove))),
        (paths::DISABLE_MERCHANT, only("POST", disable)),
        (paths::ENABLE_MERCHANT, only("POST", enable)),
    ]
}

fn client_routes() -> Vec<Route> {
    let list = get(endpoint(Act::ListClients, clients::list));
    let create = post(endpoint(Act::CreateClient, clients::post));
    let show = get(endpoint(Act::ShowClient, clients::show));
    let update = patch(endpoint(Act::UpdateClient, clients::patch));
    let remove = delete(endpoint(Act::DeleteClient, clients::delete));
    let disable = post(endpoint(Act::DisableClient, clients::disable));
    let enable = post(endpoint(Act::EnableClient, clients::enable));
    vec![
        (paths::CLIENTS, only("GET, HEAD, POST", list.merge(create))),
        (paths::CLIENT, only("GET, HEAD, PATCH, DELETE", show.merge(update).merge(remove))),
        (paths::DISABLE_CLIENT, only("POST", disable)),
        (paths::ENABLE_CLIENT, only("POST", enable)),
    ]
}

fn secret_routes() -> Vec<Route> {
    let list = get(endpoint(Act::ListSecrets, secrets::list));
    let create = post(endpoint(Act::CreateSecret, secrets::post));
    let revoke = post(endpoint(Act::RevokeSecret, secrets::revoke));
    vec![
        (paths::SECRETS, only("GET, HEAD, POST", list.merge(create))),
        (paths::REVOKE_SECRET, only("POST", revoke)),
    ]
}

fn key_routes() -> Vec<Route> {
    let list = get(endpoint(Act::ListKeys, keys::list));
    let create = post(endpoint(Act::CreateKey, keys::post));
    let rotate = post(endpoint(Act::RotateKeys, keys::rotate));
    let compromised = post(endpoint(Act::ReplaceCompromisedKeys, keys::compromised));
    let revocations = get(endpoint(Act::ListRevocations, revocations::list));
    let revoke = post(endpoint(Act::RevokeTokens, revocations::post));
    vec![
        (paths::KEYS, only("GET, HEAD, POST", list.merge(create))),
        (paths::ROTATE_KEYS, only("POST", rotate)),
        (paths::COMPROMISED_KEYS, only("POST", compromised)),
        (paths::REVOCATIONS, only("GET, HEAD, POST", revocations.merge(revoke))),
    ]
}
