//! The layer, the service it makes, and the future of that.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tollgate_core::{Claims, ClientId, Environment, is_allowed};
use tower_layer::Layer;
use tower_service::Service;

use crate::{ClientAddress, Denial, Principal, Verifier, bearer};

/// Lets only requests with an acceptable access token through to the inner service.
#[derive(Clone)]
pub struct GuardLayer {
    verifier: Arc<Verifier>,
    requirement: Requirement,
    reports_client: bool,
}

#[derive(Clone, Copy, Default)]
struct Requirement {
    scope: Option<&'static str>,
    environment: Option<Environment>,
}

impl GuardLayer {
    /// Admits whoever has a valid access token.
    pub fn new(verifier: Arc<Verifier>) -> Self {
        Self { verifier, requirement: Requirement::default(), reports_client: false }
    }

    /// Admits only tokens with this scope; others are answered 403.
    #[must_use]
    pub fn require_scope(mut self, scope: &'static str) -> Self {
        self.requirement.scope = Some(scope);
        self
    }

    /// Admits only tokens of this environment; others are answered 401.
    #[must_use]
    pub fn require_environment(mut self, environment: Environment) -> Self {
        self.requirement.environment = Some(environment);
        self
    }

    /// Puts the [`ClientId`] of who was admitted into the response's extensions, for a layer outside that counts or
    /// logs by client. It costs three allocations, so it is asked for.
    #[must_use]
    pub fn report_client(mut self) -> Self {
        self.reports_client = true;
        self
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard {
            inner,
            verifier: self.verifier.clone(),
            requirement: self.requirement,
            reports_client: self.reports_client,
        }
    }
}

/// The service that [`GuardLayer`] makes.
#[derive(Clone)]
pub struct Guard<S> {
    inner: S,
    verifier: Arc<Verifier>,
    requirement: Requirement,
    reports_client: bool,
}

impl<S> Guard<S> {
    fn admit<B>(&self, request: &Request<B>) -> Result<Principal, Denial> {
        let token = bearer::token(request.headers())?;
        let address = request.extensions().get();
        self.verifier.admit(token, self.verifier.now(), |claims| self.requirement.check(claims, address))
    }
}

impl Requirement {
    fn check(self, claims: &Claims<'_>, address: Option<&ClientAddress>) -> Result<(), Denial> {
        if self.environment.is_some_and(|environment| environment != claims.environment) {
            return Err(Denial::Environment);
        }
        if let Some(list) = claims.addresses {
            let address = address.and_then(|address| address.known());
            address.filter(|address| is_allowed(list, *address)).ok_or(Denial::Address)?;
        }
        match self.scope {
            Some(scope) if !claims.allows(scope) => Err(Denial::InsufficientScope(scope)),
            _ => Ok(()),
        }
    }
}

impl<S, B, R> Service<Request<B>> for Guard<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.admit(&request) {
            Ok(principal) => {
                let client = self.reports_client.then_some(principal.client_id);
                request.extensions_mut().insert(principal);
                ResponseFuture { state: State::Admitted { client, inner: self.inner.call(request) } }
            }
            Err(denial) => ResponseFuture {
                state: State::Denied { response: Some(denial.response(self.verifier.realm())) },
            },
        }
    }
}

pin_project! {
    /// The future of [`Guard`]. The response's extensions say why nobody was admitted (a [`Denial`]) and, where
    /// [`GuardLayer::report_client`] asks for it, who was (a [`ClientId`]), for layers outside that count and log.
    pub struct ResponseFuture<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R> {
        Admitted { client: Option<ClientId>, #[pin] inner: F },
        Denied { response: Option<Response<R>> },
    }
}

impl<F, R, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Admitted { client, inner } => {
                let mut response = ready!(inner.poll(cx))?;
                if let Some(client) = client.take() {
                    response.extensions_mut().insert(client);
                }
                Poll::Ready(Ok(response))
            }
            StateProjection::Denied { response } => {
                Poll::Ready(Ok(response.take().expect("a future is not polled after it is ready")))
            }
        }
    }
}

#[cfg(test)]
mod tests;
