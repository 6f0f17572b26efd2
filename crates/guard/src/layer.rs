//! The guard as a `tower::Layer`: the layer, its service, and the future of a response.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tollgate_core::ClientId;
use tower_layer::Layer;
use tower_service::Service;

use crate::denial::{Denial, Realm};
use crate::principal::Principal;
use crate::requirement::Requirement;
use crate::verifier::Verifier;

/// Lets only requests with an acceptable access token through to the inner service.
#[derive(Clone)]
pub struct GuardLayer {
    verifier: Arc<Verifier>,
    requirement: Requirement,
    reports_client: bool,
}

impl GuardLayer {
    /// Admits every valid access token.
    pub fn new(verifier: Arc<Verifier>) -> Self {
        Self { verifier, requirement: Requirement::new(), reports_client: false }
    }

    /// Admits only tokens that meet `requirement`.
    #[must_use]
    pub fn require(mut self, requirement: Requirement) -> Self {
        self.requirement = requirement;
        self
    }

    /// Puts the [`ClientId`] of an admitted request into the response's extensions, for a layer outside that counts or
    /// logs by client. It is off by default because it costs three allocations.
    #[must_use]
    pub fn report_client(mut self) -> Self {
        self.reports_client = true;
        self
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        let realm = match self.requirement.required_audience() {
            Some(audience) => Realm::of(audience),
            None => self.verifier.realm().clone(),
        };
        let rule = Rule {
            verifier: self.verifier.clone(),
            requirement: self.requirement.clone(),
            realm,
            reports_client: self.reports_client,
        };
        Guard { inner, rule: Arc::new(rule) }
    }
}

/// The service that [`GuardLayer`] makes.
#[derive(Clone)]
pub struct Guard<S> {
    inner: S,
    rule: Arc<Rule>,
}

/// By what a guard decides. A router clones its services for each request, so it is behind one pointer.
struct Rule {
    verifier: Arc<Verifier>,
    requirement: Requirement,
    realm: Realm,
    reports_client: bool,
}

impl<S> Guard<S> {
    fn admit<B>(&self, request: &Request<B>) -> Result<Principal, Denial> {
        let Rule { verifier, requirement, .. } = &*self.rule;
        let address = request.extensions().get().copied();
        verifier.decide(request.headers(), address, requirement, verifier.now())
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
                let client = self.rule.reports_client.then_some(principal.client_id());
                request.extensions_mut().insert(principal);
                ResponseFuture { state: State::Admitted { client, inner: self.inner.call(request) } }
            }
            Err(denial) => {
                ResponseFuture { state: State::Denied { response: Some(denial.response(&self.rule.realm)) } }
            }
        }
    }
}

pin_project! {
    /// The future of [`Guard`]. The response's extensions hold the [`Denial`] of a refused request and, with
    /// [`GuardLayer::report_client`], the [`ClientId`] of an admitted one, for layers outside that count and log.
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
