//! The server: from a request to its answer.
//!
//! The two endpoints that carry the load are matched by their path and called; everything else goes through a router.
//! Around both, once: the request id, the headers that every answer has, one line in the log, the counters, and a
//! panic that answers 500.

use std::borrow::Cow;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use bytes::Bytes;
use http::header::{AUTHORIZATION, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Either, Full};
use tokio::time::Instant;
use tollgate_config::{Database, LogSource};
use tollgate_core::wire::Code;
use tollgate_core::{MerchantId, TokenError};
use tollgate_guard::{ClientAddress, Denial};
use tollgate_http::refusal::Reason;
use tollgate_http::{RequestBody, X_REQUEST_ID, client_address};
use tollgate_installation::{Installation, NotReady, Panicked, catch_panic};
use tollgate_log::{Request as LoggedRequest, Requests};
use tollgate_store::StoreError;
use tollgate_telemetry::{Counts, RequestSpan, TraceIdText, Traces};
use tower::{BoxError, Service};

use crate::authz::asks::Asks;
use crate::authz::{self, RouteTable};
use crate::begun::Begun;
use crate::caller::Caller;
use crate::error::Error;
use crate::exposition::Format;
use crate::mounted::{Beside, Mounted};
use crate::oauth::{self, refresh, token};
use crate::refusals::Refusal;
use crate::response::{Answer, Body, without_body};
use crate::route::{Route, Routes};
use crate::routed::Routed;
use crate::spans::Recording;
use crate::state::{Arrival, State};
use crate::why::Why;
use crate::{health, limits, openapi};

/// Calls to a server by a part that is mounted in it. A request carries the address of the original caller as [`ClientAddress`].
#[derive(Clone)]
pub struct Loopback(Weak<Server>);

impl Loopback {
    /// Counts a payment request that a merchant creates; `Err` is how long until the next one is allowed.
    pub fn count_create(&self, merchant: MerchantId) -> Result<(), Duration> {
        let server = self.0.upgrade().ok_or(Duration::from_secs(1))?;
        server.state.limiters().creates.take(merchant, Instant::now())
    }
}

impl Service<Request<Bytes>> for Loopback {
    type Response = Response<Bytes>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let server = self.0.upgrade();
        Box::pin(async move {
            let server = server.ok_or("the server is gone")?;
            let from = request.extensions().get().copied().ok_or("a call carries no address")?;
            let (head, body) = server.handle_from(None, from, request.map(Full::new)).await.into_parts();
            Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
        })
    }
}

/// A running server: answers requests, however they arrive.
pub struct Server {
    state: Arc<State>,
    /// The log of requests, with a line for each.
    requests: OnceLock<Requests>,
    /// The requirements of the routes behind proxies.
    authz: RouteTable,
    /// The routes except the two that carry the load.
    router: Router,
    /// The routes on the listener of the administration.
    admin: Router,
    /// The tasks of mounted parts, until they are started.
    tasks: Mutex<Vec<Beside>>,
}

impl Server {
    /// Makes a server for an installation, with what is mounted beside it. `health` says whether `/healthz`, `/readyz`, `/metrics`
    /// and the administration are also answered next to the API.
    pub fn new(
        installation: Arc<Installation>,
        health: bool,
        mount: impl FnOnce(Loopback) -> Mounted,
    ) -> Arc<Self> {
        Arc::new_cyclic(|server| Self::with(installation, health, mount(Loopback(server.clone()))))
    }

    fn with(installation: Arc<Installation>, health: bool, mounted: Mounted) -> Self {
        let Mounted { routes: mounted, unknown, operators } = mounted;
        let config = installation.config();
        let paths = mounted.iter().map(|(path, _)| *path);
        let routes = Routes::with(paths, operators.paths, config.authz.enabled, health);
        let edge_limits = limits::changing(config);
        let state = Arc::new(State::new(installation, routes, edge_limits));
        let not_found = async || Error::NotFound;
        let administration = health::router().with_state(state.clone()).merge((operators.router)(&state));
        let beside = if health { administration.clone() } else { Router::new() };
        let own = oauth::router(state.config()).with_state(state.clone()).merge(beside);
        let unknown = unknown.unwrap_or_else(|| any(not_found));
        let own = own.merge(openapi::router(state.clone(), health)).fallback_service(unknown);
        let router = mounted.into_iter().fold(own, |router, (path, methods)| router.route(path, methods));
        let authz = RouteTable::new(&state.config().authz.routes);
        let admin = administration.fallback(not_found);
        Self { state, requests: OnceLock::new(), authz, router, admin, tasks: Mutex::new(operators.tasks) }
    }

    pub(crate) fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Returns the paths that are told apart, as templates: the authority's own, and those that are mounted beside it.
    pub fn paths(&self) -> Vec<&'static str> {
        let routes = self.state.metrics().routes();
        let authz = self.state.config().authz.enabled;
        let is_served = |route: &Route| match route {
            Route::Unknown => false,
            Route::Operators(_) => routes.are_operators_beside(),
            route => authz || route.asks().is_none(),
        };
        routes.all().filter(is_served).map(|route| routes.path(route)).collect()
    }

    /// Logs each request from now on, unless the configuration turns that off. Only the first call has an effect.
    pub fn log_requests(&self, log: Requests) {
        let _ = self.requests.set(log);
    }

    /// Records requests in these traces from now on, and shows in `/metrics` how many were sent. Only the first call has an effect.
    pub fn record(&self, traces: Option<Traces>, counts: Arc<Counts>) {
        let system = match self.state.config().database.url {
            Database::Sqlite(_) => "sqlite",
            Database::Postgres(_) => "postgresql",
        };
        let recording = Recording::new(traces, counts);
        recording.watch(self.state.installation().store().measures(), system);
        self.state.record(recording);
    }

    /// Returns the text of `/metrics`, in Prometheus's format.
    pub fn metrics(&self) -> String {
        health::metrics(&self.state, Format::Prometheus)
    }

    /// Takes the tasks of mounted parts, which are started once.
    pub(crate) fn take_tasks(&self) -> Vec<Beside> {
        std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns up to `limit` refusals of this server by client and reason, the most frequent first.
    pub fn refusals(&self, limit: usize) -> Vec<Refusal> {
        let now = self.state.installation().now();
        self.state.refusals().most(limit, now, self.state.config().audit.keep_sources)
    }

    /// Writes uses of secrets to the store, as a task does once a minute.
    ///
    /// # Errors
    ///
    /// The store's, if it does not take them: they go on waiting.
    pub async fn flush_uses(&self) -> Result<(), StoreError> {
        self.state.uses().flush(self.state.installation().store()).await
    }

    /// Sets the expiry of the served certificate, in seconds since 1970, for the metrics.
    pub fn certificate_expires(&self, seconds: i64) {
        self.state.set_certificate_expiry(seconds);
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
    pub fn handle<'a, B: RequestBody + 'a>(
        &'a self,
        peer: IpAddr,
        request: Request<B>,
    ) -> impl Future<Output = Response<Body>> + use<'a, B> {
        let from = client_address(peer, request.headers(), &self.state.settings().trusted_proxies);
        self.handle_from(Some(peer), from, request)
    }

    /// Answers a request of the caller at `from`.
    async fn handle_from(
        &self,
        peer: Option<IpAddr>,
        from: ClientAddress,
        request: Request<impl RequestBody>,
    ) -> Response<Body> {
        let mut begun = Begun::of(&self.state, request.method(), request.headers());
        let arrival = Arrival { from, now: begun.now, at: begun.start, peer };
        let route = self.state.metrics().routes().of(request.uri().path());
        begun.record(&self.state, route, peer, &request);
        let mut caller = Caller::default();
        let response = match route {
            Route::Token => {
                self.answer(catch_panic(token::post(&self.state, arrival, request, &mut caller)).await)
            }
            Route::Refresh => {
                self.answer(catch_panic(refresh::post(&self.state, arrival, request, &mut caller)).await)
            }
            Route::Authz | Route::AuthzNginx | Route::AuthzEnvoy => {
                let response = self.authorize(route, arrival, &request, &mut caller);
                // Neither branch needs the request to the end: every token request would carry the room for it.
                drop(request);
                response
            }
            _ => {
                let routed = Routed::start(&self.router, route, arrival, &begun.id, request);
                routed.answer(&self.state, &mut caller, begun.span.as_deref()).await
            }
        };
        self.end(begun, route, arrival, response, &caller)
    }

    /// Answers a request from `peer` on the listener of the administration.
    pub(crate) async fn handle_admin(
        &self,
        peer: IpAddr,
        request: Request<impl RequestBody>,
    ) -> Response<Body> {
        let from = client_address(peer, request.headers(), &self.state.settings().trusted_proxies);
        let mut begun = Begun::of(&self.state, request.method(), request.headers());
        let arrival = Arrival { from, now: begun.now, at: begun.start, peer: Some(peer) };
        let route = self.state.metrics().routes().of_operators(request.uri().path());
        begun.record(&self.state, route, Some(peer), &request);
        let mut caller = Caller::default();
        let routed = Routed::start(&self.admin, route, arrival, &begun.id, request);
        let response = routed.answer(&self.state, &mut caller, begun.span.as_deref()).await;
        self.end(begun, route, arrival, response, &caller)
    }

    /// Completes every answer: counts it, writes a line to the log, and adds the headers that all answers have.
    fn end(
        &self,
        begun: Begun,
        route: Route,
        arrival: Arrival,
        mut response: Response<Body>,
        caller: &Caller,
    ) -> Response<Body> {
        let Begun { start, now, id, method, span } = begun;
        if method == Method::HEAD {
            response = without_body(response);
        }
        let refusal = self.count_refusal(&response, caller, arrival);
        let took = start.elapsed();
        self.state.metrics().request(route, response.status(), took);
        let trace_id = span.as_deref().map(RequestSpan::trace_id);
        if let Some(span) = span {
            span.answered(response.status().as_u16(), id.as_str());
        }
        let settings = self.state.settings();
        let is_source_told = match settings.log.source {
            LogSource::All => true,
            LogSource::Refused => refusal.is_some(),
            LogSource::Off => false,
        };
        let told = LoggedRequest {
            at: now.after(took),
            id: id.as_str(),
            trace_id: trace_id.as_ref().map(TraceIdText::as_str),
            method: method.as_str(),
            route: self.state.metrics().routes().path(route),
            status: response.status().as_u16(),
            micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            sender: caller.logged(),
            source: arrival.from.known().filter(|_| is_source_told),
            reason: refusal.as_deref(),
        };
        if let Some(reason) = told.reason {
            self.state.refused().note(&told, caller, reason);
        }
        if let Some(log) = self.requests.get().filter(|_| settings.log.requests) {
            log.write(&told);
        }
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(X_REQUEST_ID, id.into_header());
        response
    }

    /// Returns the answer of an endpoint that is called without a router.
    fn answer(&self, outcome: Result<Result<Answer, Error>, Panicked>) -> Response<Body> {
        match outcome.unwrap_or_else(|panicked| Err(panicked.into())) {
            Ok(response) => response.map(Either::Left),
            Err(error) => {
                let realm = self.state.installation().verifier().realm();
                error.response_in::<Full<Bytes>>(realm).map(Either::Left)
            }
        }
    }

    /// Returns the answer to a proxy that asks before it forwards.
    fn authorize<B>(
        &self,
        route: Route,
        arrival: Arrival,
        request: &Request<B>,
        caller: &mut Caller,
    ) -> Response<Body> {
        let asks = route.asks().unwrap_or(Asks::Plainly);
        let response = authz::answer(&self.state, &self.authz, asks, arrival, request, caller);
        if let Some(denial) = response.extensions().get::<Denial>() {
            caller.is_denied(request.headers().get(AUTHORIZATION), denial);
        }
        response.map(Either::Left)
    }

    /// Counts a refusal, and returns its reason.
    fn count_refusal<'a>(
        &self,
        response: &'a Response<Body>,
        caller: &Caller,
        arrival: Arrival,
    ) -> Option<Cow<'a, str>> {
        let extensions = response.extensions();
        let (code, why, token) = match (extensions.get::<Denial>(), extensions.get::<Reason>()) {
            (Some(denial), _) => (Some(denial.code()), denial.to_string().into(), token_error(denial)),
            (None, Some(Reason { code, text })) => {
                let code = Code::ALL.into_iter().find(|known| known.as_str() == *code);
                (code, text.as_str().into(), extensions.get::<TokenError>().copied())
            }
            (None, None) => return None,
        };
        if let Some(code) = code {
            self.state.metrics().refused(code);
        }
        let reason = extensions.get::<Denial>().and_then(Why::of_denial).or(extensions.get::<Why>().copied());
        if let Some(reason) = reason {
            self.state.metrics().refused_for(reason);
            self.state.refusals().note(caller.known(), reason, arrival.from, arrival.now);
        }
        if let Some(error) = token {
            self.state.metrics().token_refused(error);
            if error == TokenError::Signature {
                // Another server may have issued it with a key that is not known here yet.
                self.state.installation().expect_news();
            }
        }
        Some(why)
    }
}

/// Returns why a token was refused, if that is why the request was denied.
fn token_error(denial: &Denial) -> Option<TokenError> {
    match denial {
        Denial::InvalidToken(why) => Some(*why),
        Denial::NoToken
        | Denial::Inactive
        | Denial::Environment
        | Denial::InsufficientScope(_)
        | Denial::Address
        | Denial::Stale => None,
    }
}
