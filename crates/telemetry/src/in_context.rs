//! A future that runs within a span.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::spans::{RequestSpan, current};

pin_project! {
    /// Runs a future within a span, or unchanged if there is none.
    pub struct InContext<F> {
        #[pin]
        inner: F,
        context: Option<opentelemetry::Context>,
    }
}

impl<F> InContext<F> {
    /// Runs `inner` within this span.
    pub fn new(inner: F, span: Option<&RequestSpan>) -> Self {
        Self { inner, context: span.map(|span| span.context().clone()) }
    }

    /// Runs `inner`, on whatever task, within the span in which this is called.
    pub fn inherited(inner: F) -> Self {
        Self { inner, context: current() }
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _attached = this.context.clone().map(opentelemetry::Context::attach);
        this.inner.poll(context)
    }
}
