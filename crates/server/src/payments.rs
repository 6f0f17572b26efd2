//! The sandbox Payment API: what the guard stands in front of, and the page behind a `redirect_url`.

pub(crate) mod body;
mod checkout;
pub(crate) mod country;
mod create;
pub(crate) mod decision;
mod email;
pub(crate) mod kept;
pub(crate) mod listing;
pub(crate) mod locale;
pub(crate) mod money;
mod named;
pub(crate) mod page;
mod record;
pub(crate) mod redirect_url;
mod show;
mod stored;
pub(crate) mod text;
pub(crate) mod view;

use std::sync::Arc;

use tollgate_http::Problem;

use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tollgate_core::{Environment, MerchantId, PaymentRequestId};
use tollgate_guard::{GuardLayer, Principal, Requirement, Verifier};
use tollgate_store::Status;

use crate::config::Config;
use crate::error::Error;
use crate::installation::Installation;

/// The routes of the sandbox, guarded by `verifier`. Only credentials of the test environment are admitted.
pub(crate) fn routes(
    installation: &Arc<Installation>,
    verifier: Arc<Verifier>,
) -> Vec<(&'static str, MethodRouter)> {
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
    .map(|(path, methods)| (path, methods.with_state(installation.clone())))
    .into()
}

/// Where the page of a payment request is.
fn redirect_url(config: &Config, id: PaymentRequestId) -> String {
    format!("{}/pay/{id}", config.public_url)
}

/// What is done for a merchant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Create,
    Read,
}

/// The merchant that a request is about: a merchant's token is for that merchant alone, an operator's must say.
async fn whose(
    installation: &Installation,
    principal: &Principal,
    requested: Option<MerchantId>,
    purpose: Purpose,
) -> Result<MerchantId, Error> {
    match (principal.merchant_id(), requested) {
        (Some(own), None) => Ok(own),
        (Some(own), Some(requested)) if own == requested => Ok(own),
        (Some(_), Some(_)) => Err(Error::MerchantNotFound),
        (None, None) => {
            let message = "is required: the token is an operator's, which acts for every merchant";
            Err(Problem::new("merchant_id", message).into())
        }
        (None, Some(requested)) => {
            let merchant = installation.store().merchant(requested).await?.ok_or(Error::MerchantNotFound)?;
            // A disabled merchant's own tokens are refused: nobody pays it on an operator's word either.
            if purpose == Purpose::Create && merchant.status == Status::Disabled {
                return Err(Error::MerchantNotFound);
            }
            Ok(merchant.id)
        }
    }
}

/// The body of a success, in the envelope.
fn success(data: &impl Serialize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        success: bool,
        data: &'a T,
    }
    serde_json::to_vec(&Envelope { success: true, data }).expect("what is shown serialises")
}

fn answer(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(axum::body::Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
