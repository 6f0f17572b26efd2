//! The guard as a `tower::Layer`: the layer, its service, and the future of a response.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tollgate_core::ClientId;
use tollgate_http::Realm;
use tower_layer::Layer;
use tower_service::Service;

use crate::denial::Denial;
use crate::principal::Principal;
use crate::requirement::Requirement;
use crate::verifier::{Decide, Decision, Verifier};

/// Lets only requests with an acceptable access token through to the inner service.
pub struct GuardLayer<D = Verifier> {
    rule: Arc<Rule<D>>,
}

impl<D: Decide> GuardLayer<D> {
    /// Makes a layer that admits every valid access token.
    pub fn new(verifier: Arc<D>) -> Self {
        Self::of(verifier, Requirement::new(), false)
    }

    /// Admits only tokens that meet `requirement`.
    #[must_use]
    pub fn require(self, requirement: Requirement) -> Self {
        Self::of(self.rule.verifier.clone(), requirement, self.rule.reports_client)
    }

    /// Puts the [`ClientId`] of an admitted request into the response's extensions, for a layer outside that counts or
    /// logs by client. It is off by default because it costs three allocations.
    #[must_use]
    pub fn report_client(self) -> Self {
        Self::of(self.rule.verifier.clone(), self.rule.requirement.clone(), true)
    }

    fn of(verifier: Arc<D>, requirement: Requirement, reports_client: bool) -> Self {
        let realm = match requirement.required_audience() {
            Some(audience) => Realm::of(audience),
            None => verifier.realm().clone(),
        };
        Self { rule: Arc::new(Rule { verifier, requirement, realm, reports_client }) }
    }
}

impl<D> Clone for GuardLayer<D> {
    fn clone(&self) -> Self {
        Self { rule: self.rule.clone() }
    }
}

impl<D: Decide, S> Layer<S> for GuardLayer<D> {
    type Service = Guard<S, D>;

    fn layer(&self, inner: S) -> Guard<S, D> {
        Guard { inner, rule: self.rule.clone() }
    }
}

/// The service that [`GuardLayer`] makes.
pub struct Guard<S, D = Verifier> {
    inner: S,
    rule: Arc<Rule<D>>,
}

impl<S: Clone, D> Clone for Guard<S, D> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), rule: self.rule.clone() }
    }
}

/// By what a guard decides. A router clones its services for each request, so this is behind one pointer.
struct Rule<D> {
    verifier: Arc<D>,
    requirement: Requirement,
    realm: Realm,
    reports_client: bool,
}

impl<D: Decide> Rule<D> {
    fn decide<B>(&self, request: &Request<B>) -> Decision<D::Later> {
        let address = request.extensions().get().copied();
        self.verifier.decide_soon(request.headers(), address, &self.requirement)
    }
}

impl<S, D, B, R> Service<Request<B>> for Guard<S, D>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    D: Decide,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S, D, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let state = match self.rule.decide(&request) {
            Decision::Made(made) => State::after(made, request, &mut self.inner, &self.rule),
            Decision::Later(decision) => {
                // The service that was ready is called, and replaced by its clone.
                let another = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, another);
                State::Asked { held: Some((request, inner, self.rule.clone())), decision }
            }
        };
        ResponseFuture { state }
    }
}

pin_project! {
    /// The future of [`Guard`]. The response's extensions hold the [`Denial`] of a refused request and, with
    /// [`GuardLayer::report_client`], the [`ClientId`] of an admitted one, for layers outside that count and log.
    pub struct ResponseFuture<S, D, B>
    where
        S: Service<Request<B>>,
        D: Decide,
    {
        #[pin]
        state: State<S, D, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, D, B>
    where
        S: Service<Request<B>>,
        D: Decide,
    {
        Admitted { client: Option<ClientId>, #[pin] inner: S::Future },
        Denied { response: Option<S::Response> },
        Asked { held: Option<(Request<B>, S, Arc<Rule<D>>)>, #[pin] decision: D::Later },
    }
}

impl<S, D, B, R> State<S, D, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    D: Decide,
    R: From<Bytes>,
{
    /// Acts on a decision: refuses the request, or calls the inner service.
    fn after(
        made: Result<Principal, Denial>,
        mut request: Request<B>,
        inner: &mut S,
        rule: &Rule<D>,
    ) -> Self {
        match made {
            Ok(principal) => {
                let client = rule.reports_client.then_some(principal.client_id());
                request.extensions_mut().insert(principal);
                Self::Admitted { client, inner: inner.call(request) }
            }
            Err(denial) => Self::Denied { response: Some(denial.response(&rule.realm)) },
        }
    }
}

impl<S, D, B, R> Future for ResponseFuture<S, D, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    D: Decide,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Admitted { client, inner } => {
                    let mut response = ready!(inner.poll(cx))?;
                    if let Some(client) = client.take() {
                        response.extensions_mut().insert(client);
                    }
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Denied { response } => {
                    let response = response.take().expect("a future is not polled after it is ready");
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Asked { held, decision } => {
                    let made = ready!(decision.poll(cx));
                    let (request, mut inner, rule) = held.take().expect("a decision is made once");
                    State::after(made, request, &mut inner, &rule)
                }
            };
            state.set(next);
        }
    }
}

#[cfg(test)]
mod tests;
