//! The layer for `tower`, the service it makes, and the future of that.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Authorizer, Replay, Unavailable};

/// The service that an [`Authorizer`] makes of another, as a layer.
///
/// The inner service gets its bodies as [`Replay`]. Where it wants a type of its own, as a channel of tonic does, map it
/// in between: `.layer(authorizer).map_request(|request: Request<_>| request.map(tonic::body::Body::new))`.
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

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum CallError<E> {
    /// There is no token for it. It was not sent.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The inner service's error.
    #[error("{0}")]
    Inner(E),
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
        // The clone is not ready, so it takes the place of the one that is.
        let clone = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, clone);
        ResponseFuture(Box::pin(call(self.authorizer.clone(), ready, request)))
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

async fn call<S, B, R>(authorizer: Authorizer, mut inner: S, request: Request<B>) -> Answer<R, S::Error>
where
    S: Service<Request<Replay<B>>, Response = Response<R>>,
    B: Body,
{
    let (mut head, body) = request.into_parts();
    let attempt = authorizer.authorize(&head.method, &head.uri, &mut head.headers).await?;
    let Some(attempt) = attempt else {
        let request = Request::from_parts(head, Replay::once(body));
        return inner.call(request).await.map_err(CallError::Inner);
    };
    let (body, rewind) = Replay::new(body);
    let mut again = head.clone();
    let first = inner.call(Request::from_parts(head, body)).await.map_err(CallError::Inner)?;
    let replayable = rewind.is_possible();
    let newer = authorizer.answered(attempt, first.status(), first.headers(), replayable).await;
    // While another token was waited for, more of the body may have been read.
    let Some((newer, body)) = newer.and_then(|newer| Some((newer, rewind.rewind()?))) else {
        return Ok(first);
    };
    drop(first);
    again.headers.insert(AUTHORIZATION, newer.header().clone());
    poll_fn(|cx| inner.poll_ready(cx)).await.map_err(CallError::Inner)?;
    let second = inner.call(Request::from_parts(again, body)).await.map_err(CallError::Inner)?;
    authorizer.refused_again(&newer, second.status(), second.headers());
    Ok(second)
}
