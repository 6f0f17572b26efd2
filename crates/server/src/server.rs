//! The server: from a request to its answer.
//!
//! The two endpoints that carry the load are matched by their path and called; everything else goes through a router.
//! Around both, once: the request id, the headers that every answer has, one line in the log, the counters, and a
//! panic that answers 500.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::Router;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Request, Response};
use http_body::Body as _;
use http_body_util::{Either, Full};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tollgate_core::{ClientId, TokenError};
use tollgate_guard::{ClientAddress, Denial};
use tollgate_http::edge::{OpenConnections, RequestBody};
use tollgate_http::{RequestId, X_REQUEST_ID, client_address};
use tower::ServiceExt;

use crate::authority::{Issued, refresh, token};
use crate::config::Config;
use crate::error::{Error, Refusal};
use crate::installation::{Installation, NotReady};
use crate::metrics::{Grant, Metrics};
use crate::playground::Playground;
use crate::reference::Reference;
use crate::registry::Registered;
use crate::route::Route;
use crate::throttle::Throttle;
use crate::{health, log, openapi, pages, payments, playground, standards};

/// The body of an answer: whole for the authority's own, as it comes for everything else.
pub type Body = Either<Full<Bytes>, axum::body::Body>;

/// A running server: answers requests, however they arrive.
pub struct Server {
    installation: Arc<Installation>,
    throttle: Throttle,
    metrics: Metrics,
    dummy_client: Arc<Registered>,
    draining: AtomicBool,
    /// Where each request has a line.
    requests: OnceLock<log::Requests>,
    /// The connections to the API.
    connections: OpenConnections,
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
        let throttle = Throttle::new(installation.config().limits.auth_failures, Instant::now());
        let has_playground = pages.has_routes();
        let pages = pages::router().merge(pages);
        let router = if installation.config().sandbox {
            pages.merge(payments::router(installation.clone(), installation.verifier().clone()))
        } else {
            pages
        };
        Self {
            throttle,
            metrics: Metrics::new(),
            dummy_client: Arc::new(Registered::dummy()),
            draining: AtomicBool::new(false),
            requests: OnceLock::new(),
            connections: OpenConnections::default(),
            health,
            router: router.fallback(async || Error::NotFound),
            description: openapi::Published::default(),
            reference: Reference::new(has_playground),
            installation,
        }
    }

    pub(crate) fn installation(&self) -> &Arc<Installation> {
        &self.installation
    }

    pub(crate) fn config(&self) -> &Config {
        self.installation.config()
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.throttle
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn answers_health(&self) -> bool {
        self.health
    }

    pub(crate) fn connections(&self) -> &OpenConnections {
        &self.connections
    }

    /// The client that an unknown one is compared with.
    pub(crate) fn dummy_client(&self) -> &Arc<Registered> {
        &self.dummy_client
    }

    /// From now on each request has a line in this log, unless the configuration wants none. Only the first log counts.
    pub fn log_requests(&self, log: log::Requests) {
        if self.config().log.requests {
            let _ = self.requests.set(log);
        }
    }

    /// From now on the server calls itself not ready, so that no new work is sent to it.
    pub fn start_draining(&self) {
        self.draining.store(true, Relaxed);
    }

    /// Says whether tokens can be issued here and new work may be sent.
    pub fn readiness(&self) -> Result<(), NotReady> {
        if self.draining.load(Relaxed) { Err(NotReady::Draining) } else { self.installation.readiness() }
    }

    /// Answers a request that came from `peer`.
    pub async fn handle(&self, peer: IpAddr, request: Request<impl RequestBody>) -> Response<Body> {
        let start = Instant::now();
        let now = self.installation.now();
        let id = RequestId::of(request.headers(), now.millis());
        let from = client_address(peer, request.headers(), &self.config().trusted_proxies);
        let route = Route::of(request.uri().path());
        let method = request.method().clone();
        let answered = match route {
            Route::Token => self
                .granted(Grant::ClientCredentials, catch_panic(token::post(self, from, now, request)).await),
            Route::Refresh => {
                self.granted(Grant::RefreshToken, catch_panic(refresh::post(self, from, now, request)).await)
            }
            Route::Health | Route::Ready | Route::Metrics if self.health => {
                (health::answer(self, route, &method), None)
            }
            Route::OpenApi => {
                (self.description.answer(self, &method, request.headers()).map(Either::Left), None)
            }
            Route::Reference => (self.reference.answer(self, &method).map(Either::Left), None),
            // Boxed, or every token request would carry the room for them.
            route if route.is_of_the_standards() => {
                Box::pin(standards::answer(self, route, from, now, request)).await
            }
            _ => Box::pin(self.route(from, request)).await,
        };
        let (mut response, client) = answered;
        if method == Method::HEAD {
            response = without_body(response);
        }
        let refusal = self.count_refusal(&response);
        let took = start.elapsed();
        self.metrics.request(route, response.status(), took);
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
                self.metrics.issued(grant);
                (response.map(Either::Left), Some(client))
            }
            Ok(Err(error)) | Err(error) => {
                let realm = self.installation.verifier().realm();
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
        self.metrics.refused(refusal.code);
        if let Some(why) = refusal.token {
            self.metrics.token_refused(why);
            if why == TokenError::Signature {
                // Another server may have issued it with a key that is not known here yet.
                self.installation.expect_news();
            }
        }
        Some(refusal.reason)
    }
}

/// The answer to `HEAD` says how long the body would be (RFC 9110 §9.3.2). Over HTTP/2 one that is there would be sent.
pub(crate) fn without_body(mut response: Response<Body>) -> Response<Body> {
    if let Some(length) = response.body().size_hint().exact() {
        // The router may have done so already.
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    response.map(|_| Either::Left(Full::default()))
}

/// Runs a future to its end, or to its panic.
pub(crate) fn catch_panic<F: Future>(future: F) -> CatchPanic<F> {
    CatchPanic { future }
}

pin_project! {
    /// The future of [`catch_panic`]. Written out, because an async function would move the future once more, and those
    /// of the endpoints are large.
    pub(crate) struct CatchPanic<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().future;
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(poll) => poll.map(Ok),
            // The panic's message may hold a value of the request; the hook has logged where it happened.
            Err(_) => Poll::Ready(Err(Error::Internal("a handler panicked".to_owned()))),
        }
    }
}
