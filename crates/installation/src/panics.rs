//! Turns panics into errors, so that one request or task doesn't end others.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

/// Runs a future to its end, or to its panic.
pub fn catch_panic<F: Future>(future: F) -> CatchPanic<F> {
    CatchPanic { future }
}

pin_project! {
    /// The future of [`catch_panic`]. Written by hand, because an async function would move the future once more, and the futures
    /// of the endpoints are large.
    pub struct CatchPanic<F> {
        #[pin]
        future: F,
    }
}

/// The error of a future that has panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

impl<F: Future> Future for CatchPanic<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().future;
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(poll) => poll.map(Ok),
            // The panic's message may hold a value of the request; the hook has logged where it happened.
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}
