//! The authorizer as a layer of `tower`.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Authorizer, CallError, Replay, Sender, Spare};

/// Sends requests through the inner service with the token of an [`Authorizer`].
///
/// The inner service gets bodies as [`Replay`]. If it needs another type, as a channel of tonic does, map it in
/// between: `.layer(authorizer).map_request(|request: Request<_>| request.map(tonic::body::Body::new))`.
#[derive(Clone)]
pub struct Authorize<S> {
    inner: S,
    authorizer: Authorizer,
}

impl<S> Layer<S> for Authorizer {
    type Service = Authorize<S>;

    fn layer(&self, inner: S) -> Authorize<S> {
        Authorize { inner, authorizer: self.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for Authorize<S>
where
    S: Service<Request<Replay<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    R: Send + 'static,
{
    type Response = Response<R>;
    type Error = CallError<S::Error>;
    type Future = ResponseFuture<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(CallError::Inner)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The clone may not be ready, so the ready service is taken and replaced by it.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        let (authorizer, request) = (self.authorizer.clone(), request.map(Replay::new));
        ResponseFuture(Box::pin(async move { authorizer.send(request, Inner(ready)).await }))
    }
}

/// The future of [`Authorize`].
#[must_use = "a future does nothing unless it is polled"]
pub struct ResponseFuture<R, E>(Pin<Box<dyn Future<Output = Answer<R, E>> + Send>>);

type Answer<R, E> = Result<Response<R>, CallError<E>>;

impl<R, E> Future for ResponseFuture<R, E> {
    type Output = Answer<R, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

/// Sends requests by the inner service, once it is ready.
struct Inner<S>(S);

impl<S, B, R> Sender<Request<Replay<B>>> for Inner<S>
where
    S: Service<Request<Replay<B>>, Response = Response<R>, Future: Send> + Send,
    B: Body + Send,
{
    type Answer = Response<R>;
    type Error = S::Error;

    async fn send(
        &mut self,
        request: Request<Replay<B>>,
        _: Option<&Spare<Request<Replay<B>>>>,
    ) -> Result<Response<R>, S::Error> {
        poll_fn(|cx| self.0.poll_ready(cx)).await?;
        self.0.call(request).await
    }
}
