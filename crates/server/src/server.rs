//! The server: from a request to its answer.
//!
//! The two endpoints that carry the load are matched by their path and called; everything else goes through a router.
//! Around both, once: the request id, the headers that every answer has, one line in the log, the counters, and a
//! panic that answers 500.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use bytes::Bytes;
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{Either, Full};
use tokio::time::Instant;
use tollgate_core::{ClientId, TokenError};
use tollgate_guard::{ClientAddress, Denial};
use tollgate_http::edge::RequestBody;
use tollgate_http::{RequestId, X_REQUEST_ID, client_address};
use tower::ServiceExt;

use crate::error::{Error, Refusal};
use crate::installation::Installation;
use crate::metrics::Grant;
use crate::oauth::answer::Issued;
use crate::oauth::{refresh, token};
use crate::openapi::Surface;
use crate::panics::catch_panic;
use crate::playground::Playground;
use crate::readiness::NotReady;
use crate::reference::Reference;
use crate::response::{Body, without_body};
use crate::route::Route;
use crate::state::State;
use crate::{health, log, oauth, openapi, pages, payments, playground};

/// A running server: answers requests, however they arrive.
pub struct Server {
    state: State,
    /// Where each request has a line.
    requests: OnceLock<log::Requests>,
    /// Whether what the administration's listener answers is also answered here, next to the API.
    health: bool,
    /// Everything but the two endpoints of the authority.
    router: Router,
    description: openapi::Published,
    reference: Reference,
}

impl Server {
    /// Serves an installation. `health` says whether `/healthz`, `/readyz` and `/metrics` are also answered next to
    /// the API.
    pub fn new(installation: Arc<Installation>, health: bool) -> Arc<Self> {
        Arc::new(Self::with(installation, health, Router::new()))
    }

    /// The same with a playground, where the configuration has the sandbox on.
    pub fn with_playground(
        installation: Arc<Installation>,
        health: bool,
        playground: Playground,
    ) -> Arc<Self> {
        Arc::new_cyclic(|server| {
            let sandbox = installation.config().sandbox;
            let pages = if sandbox { playground::router(server.clone(), playground) } else { Router::new() };
            Self::with(installation, health, pages)
        })
    }

    fn with(installation: Arc<Installation>, health: bool, pages: Router) -> Self {
        let has_playground = pages.has_routes();
        let pages = pages::router().merge(pages);
        let router = if installation.config().sandbox {
            pages.merge(payments::router(installation.clone(), installation.verifier().clone()))
        } else {
            pages
        };
        Self {
            state: State::new(installation),
            requests: OnceLock::new(),
            health,
            router: router.fallback(async || Error::NotFound),
            description: openapi::Published::default(),
            reference: Reference::new(has_playground),
        }
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// From now on each request has a line in this log, unless the configuration wants none. Only the first log counts.
    pub fn log_requests(&self, log: log::Requests) {
        if self.state.config().log.requests {
            let _ = self.requests.set(log);
        }
    }

    /// Makes the server not ready, so that no new work is sent to it.
    pub fn start_draining(&self) {
        self.state.start_draining();
    }

    /// Says whether tokens can be issued here and new work may be sent.
    pub fn readiness(&self) -> Result<(), NotReady> {
        self.state.readiness()
    }

    /// Answers a request that came from `peer`.
    pub async fn handle(&self, peer: IpAddr, request: Request<impl RequestBody>) -> Response<Body> {
        let start = Instant::now();
        let now = self.state.installation().now();
        let id = RequestId::of(request.headers(), now.millis());
        let from = client_address(peer, request.headers(), &self.state.config().trusted_proxies);
        let route = Route::of(request.uri().path());
        let method = request.method().clone();
        let answered = match route {
            Route::Token => self.granted(
                Grant::ClientCredentials,
                catch_panic(token::post(&self.state, from, now, request)).await,
            ),
            Route::Refresh => self.granted(
                Grant::RefreshToken,
                catch_panic(refresh::post(&self.state, from, now, request)).await,
            ),
            Route::Health | Route::Ready | Route::Metrics if self.health => {
                (health::answer(&self.state, route, &method), None)
            }
            Route::OpenApi => (
                self.description
                    .answer(&Surface::of(&self.state, self.health), &method, request.headers())
                    .map(Either::Left),
                None,
            ),
            Route::Reference => (
                self.reference.answer(&Surface::of(&self.state, self.health), &method).map(Either::Left),
                None,
            ),
            // Boxed, or every token request would carry the room for them.
            route if route.is_of_the_standards() => {
                Box::pin(oauth::answer(&self.state, route, from, now, request)).await
            }
            _ => Box::pin(self.route(from, request)).await,
        };
        let (mut response, client) = answered;
        if method == Method::HEAD {
            response = without_body(response);
        }
        let refusal = self.count_refusal(&response);
        let took = start.elapsed();
        self.state.metrics().request(route, response.status(), took);
        if let Some(log) = self.requests.get() {
            log.write(&log::Request {
                at: now.after(took),
                id: id.as_str(),
                method: method.as_str(),
                route: route.as_str(),
                status: response.status().as_u16(),
                micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                client,
                reason: refusal.as_deref(),
            });
        }
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(X_REQUEST_ID, id.into_header());
        response
    }

    /// Answers what an endpoint of the authority has come to.
    fn granted(
        &self,
        grant: Grant,
        outcome: Result<Result<Issued, Error>, Error>,
    ) -> (Response<Body>, Option<ClientId>) {
        match outcome {
            Ok(Ok(Issued { response, client })) => {
                self.state.metrics().issued(grant);
                (response.map(Either::Left), Some(client))
            }
            Ok(Err(error)) | Err(error) => {
                let realm = self.state.installation().verifier().realm();
                (error.response_in::<Full<Bytes>>(realm).map(Either::Left), None)
            }
        }
    }

    /// Calls whatever else the router finds.
    async fn route(
        &self,
        from: IpAddr,
        request: Request<impl RequestBody>,
    ) -> (Response<Body>, Option<ClientId>) {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ClientAddress(from));
        let response = match catch_panic(self.router.clone().oneshot(request)).await {
            Ok(Ok(response)) => response.map(Either::Right),
            Err(error) => error.response::<Full<Bytes>>().map(Either::Left),
        };
        let client = response.extensions().get::<ClientId>().copied();
        (response, client)
    }

    fn count_refusal(&self, response: &Response<Body>) -> Option<String> {
        let extensions = response.extensions();
        let denial = extensions.get::<Denial>().map(Refusal::from);
        let refusal = denial.or_else(|| extensions.get::<Refusal>().cloned())?;
        self.state.metrics().refused(refusal.code);
        if let Some(why) = refusal.token {
            self.state.metrics().token_refused(why);
            if why == TokenError::Signature {
                // Another server may have issued it with a key that is not known here yet.
                self.state.installation().expect_news();
            }
        }
        Some(refusal.reason)
    }
}
