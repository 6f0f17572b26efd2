//! The authority's endpoints: they issue, renew, introspect and revoke tokens, and describe themselves.
//!
//! Callers speak to them in two dialects ([`Dialect`](tollgate_http::refusal::Dialect)): below `/api/v1` in the envelope of
//! the Payment API, below `/oauth2` as every OAuth library knows it. Both authenticate clients by [`authenticated`] and grant tokens by [`grant`].

pub(crate) mod authenticated;
mod error;
pub(crate) mod grant;
mod introspect;
mod introspected_token;
pub(crate) mod metadata;
pub(crate) mod parameters;
pub(crate) mod refresh;
pub(crate) mod request;
mod revocations;
mod revoke;
pub(crate) mod token;

use std::sync::Arc;

use axum::extract::{self, Extension, Request};
use axum::routing::{MethodRouter, any};
use axum::{Router, body::Body};
use tollgate_config::Config;

use crate::caller::Caller;
use crate::error::Error;
use crate::response::Answer;
use crate::route::Route;
use crate::state::{Arrival, State};

/// Makes the routes that OAuth libraries know. The two below `/api/v1` are called without a router.
pub(crate) fn router(config: &Config) -> Router<Arc<State>> {
    let metadata = || {
        endpoint(async |state, _, request| {
            (metadata::describe(state.config(), &request.into_parts().0), Caller::default())
        })
    };
    let router = Router::new()
        .route(
            Route::StandardToken.path(),
            endpoint(async |state, arrival, request| {
                let mut caller = Caller::default();
                (token::post_form(&state, arrival, request, &mut caller).await, caller)
            }),
        )
        .route(
            Route::Introspect.path(),
            endpoint(async |state, arrival, request| {
                let mut caller = Caller::default();
                (introspect::post(&state, arrival, request, &mut caller).await, caller)
            }),
        )
        .route(
            Route::Revoke.path(),
            endpoint(async |state, arrival, request| {
                let mut caller = Caller::default();
                (revoke::post(&state, arrival, request, &mut caller).await, caller)
            }),
        )
        .route(
            Route::Revocations.path(),
            endpoint(async |state, arrival, request| {
                let mut caller = Caller::default();
                (revocations::get(&state, arrival, &request.into_parts().0, &mut caller).await, caller)
            }),
        )
        .route(
            Route::KeySet.path(),
            endpoint(async |state, arrival, request| {
                (metadata::keys(&state, arrival.now, &request.into_parts().0), Caller::default())
            }),
        );
    let described = |router: Router<_>, path: &str| {
        router
            .route(path, metadata())
            .route(&format!("{path}/"), metadata())
            .route(&format!("{path}/{{*path}}"), metadata())
    };
    let router = described(router, Route::ServerMetadata.path());
    let router = described(router, Route::OpenIdConfiguration.path());
    // OpenID Connect Discovery 1.0 §4: after the path of the issuer.
    match metadata::path_of(&config.public_url) {
        "" => router,
        path => router.route(&format!("{path}{}", Route::OpenIdConfiguration.path()), metadata()),
    }
}

/// Makes a route from a handler, which checks the method itself: requests from browsers must be refused first.
fn endpoint<F, A>(handle: F) -> MethodRouter<Arc<State>>
where
    F: Fn(Arc<State>, Arrival, Request) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = (Result<Answer, Error>, Caller)> + Send + 'static,
{
    any(|extract::State(state), Extension(arrival), request| async move {
        let (outcome, caller) = handle(state, arrival, request).await;
        let mut response = match outcome {
            Ok(response) => response.map(Body::new),
            Err(error) => error.oauth_response().map(|body: bytes::Bytes| Body::from(body)),
        };
        response.extensions_mut().insert(caller);
        response
    })
}
