//! Creating something over HTTP, once for each idempotency key.

use axum::response::Response;
use http::{HeaderValue, StatusCode};
use tollgate_admin::creation::{self, New, Request, RequestClock};
use tollgate_core::MerchantId;
use tollgate_http::{IDEMPOTENT_REPLAYED, IdempotencyKey};
use tollgate_server::error::Error;
use tollgate_store::IdempotencyScope;

use super::call::{Call, Outcome};
use super::view;

/// Returns the idempotency key of a call, if it has one, with the scope in which it is unique.
pub(super) fn scope(call: &Call, route: &'static str) -> Result<Option<IdempotencyScope>, Error> {
    let key = IdempotencyKey::of(call.headers())?;
    let operator = call.operator();
    Ok(key.map(|key| IdempotencyScope {
        // An operator's client acts for no merchant. Its keys are its own: another operator's keys must not show what it created.
        merchant_id: MerchantId::from_bytes(*operator.client_id().as_bytes()),
        environment: operator.environment(),
        route,
        key: key.into(),
    }))
}

/// Returns the error for a request that could not be read. If its key is taken, it is another request than the one that took it.
pub(super) async fn refuse(call: &Call, scope: Option<&IdempotencyScope>, error: Error) -> Error {
    let Some(scope) = scope else { return error };
    match creation::is_taken(&call.administration(), scope, clock(call)).await {
        Ok(true) => Error::Admin(tollgate_admin::AdminError::KeyReused),
        Ok(false) => error,
        Err(error) => error.into(),
    }
}

/// Creates something, or repeats the answer to an earlier call with the same key. `body` is the request's body;
/// `shown` makes the answer's body.
pub(super) async fn create<N: New>(
    call: &Call,
    scope: Option<IdempotencyScope>,
    body: &[u8],
    new: &N,
    shown: impl Fn(&N::Created) -> Vec<u8> + Sync,
) -> Outcome {
    let admin = call.administration();
    let Some(scope) = scope else {
        let created = creation::create(&admin, new, call.actor()).await?;
        return Ok(view::answer(StatusCode::CREATED, shown(&created)));
    };
    let content = [call.path().as_bytes(), b"\n", body].concat();
    let request = Request { scope, content, clock: clock(call) };
    let shown = |created: &N::Created| (StatusCode::CREATED.as_u16(), shown(created));
    let given = creation::create_once(&admin, new, request, shown, call.actor()).await?;
    let mut response = answer(given.status, given.body);
    if given.replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn answer(status: u16, body: Vec<u8>) -> Response {
    view::answer(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body)
}

fn clock(call: &Call) -> RequestClock {
    let installation = call.state().installation();
    RequestClock { steady_now: installation.steady_now(), passed: installation.passed() }
}
