//! The call of a service.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;
use tower::Service;
use tower::util::{Oneshot, ServiceExt};

pin_project! {
    /// The answer of a service. One that is always ready, as most are, is called at once: waiting for it would move the request
    /// twice more.
    #[project = CallingProj]
    pub(super) enum Calling<S: Service<R>, R> {
        Called { #[pin] future: S::Future },
        Awaited { #[pin] future: Oneshot<S, R> },
    }
}

impl<S: Service<R>, R> Calling<S, R> {
    pub(super) fn begin(mut service: S, request: R) -> Self {
        match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => Self::Called { future: service.call(request) },
            // It is asked again, by whoever can be woken.
            Poll::Ready(Err(_)) | Poll::Pending => Self::Awaited { future: service.oneshot(request) },
        }
    }
}

impl<S: Service<R>, R> Future for Calling<S, R> {
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            CallingProj::Called { future } => future.poll(cx),
            CallingProj::Awaited { future } => future.poll(cx),
        }
    }
}
