//! A future that runs within a span.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::spans::RequestSpan;

pin_project! {
    /// Runs a future within a span, or as it is where there is none.
    pub struct InContext<'a, F> {
        #[pin]
        inner: F,
        span: Option<&'a RequestSpan>,
    }
}

impl<'a, F> InContext<'a, F> {
    /// What happens in `inner` happens in the span.
    pub fn new(inner: F, span: Option<&'a RequestSpan>) -> Self {
        Self { inner, span }
    }
}

impl<F: Future> Future for InContext<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _attached = this.span.map(|span| span.context().clone().attach());
        this.inner.poll(context)
    }
}
