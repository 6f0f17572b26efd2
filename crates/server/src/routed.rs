//! A request that a router answers.

use std::convert::Infallible;
use std::pin::Pin;

use axum::Router;
use axum::routing::future::RouteFuture;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use http_body_util::{Either, Full};
use tollgate_core::ClientId;
use tollgate_guard::Denial;
use tollgate_http::{RequestBody, RequestId};
use tollgate_installation::{CatchPanic, catch_panic};
use tollgate_telemetry::{InContext, RequestSpan};
use tower::Service;

use crate::caller::Caller;
use crate::error::Error;
use crate::response::Body;
use crate::route::Route;
use crate::state::{Arrival, State};

/// A request on its way through a router.
pub(crate) struct Routed {
    route: Route,
    /// The header that a denial refers to.
    authorization: Option<HeaderValue>,
    /// The future of the answer. Boxed, or every token request would carry the room for it. Nothing is called before it is polled.
    answer: Pin<Box<CatchPanic<RouteFuture<Infallible>>>>,
}

impl Routed {
    /// Passes a request to a router, with the values that handlers need.
    pub(crate) fn start(
        router: &Router,
        route: Route,
        arrival: Arrival,
        id: &RequestId,
        mut request: Request<impl RequestBody>,
    ) -> Self {
        let authorization = request.headers().get(AUTHORIZATION).cloned();
        let extensions = request.extensions_mut();
        match route {
            // The guard needs the address, and reads the clock itself.
            Route::Mounted(_) => extensions.insert(arrival.from).is_some(),
            _ => extensions.insert(arrival).is_some(),
        };
        if let Route::Operators(_) = route {
            extensions.insert(id.clone());
        }
        // A router is always ready.
        let answer = Box::pin(catch_panic(router.clone().call(request)));
        Self { route, authorization, answer }
    }

    /// Waits for the answer, and notes who has sent the request. Work of the store for it belongs to the span.
    pub(crate) async fn answer(
        self,
        state: &State,
        caller: &mut Caller,
        span: Option<&RequestSpan>,
    ) -> Response<Body> {
        let response = match InContext::new(self.answer, span).await {
            Ok(Ok(response)) => response.map(Either::Right),
            Err(panicked) => {
                let realm = state.installation().verifier().realm();
                Error::from(panicked)
                    .response_as::<Full<Bytes>>(self.route.dialect(), realm)
                    .map(Either::Left)
            }
        };
        let extensions = response.extensions();
        if let Some(seen) = extensions.get::<Caller>() {
            *caller = *seen;
        }
        if let Some(client) = extensions.get::<ClientId>() {
            caller.verified = Some(*client);
        }
        if let Some(denial) = extensions.get::<Denial>() {
            caller.is_denied(self.authorization.as_ref(), denial);
        }
        response
    }
}
