//! Serves connections by the edge.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use http::{HeaderValue, Request, Response};
use metrics::Gauge;
use tollgate_edge::{Drained, Edge, EndpointListener, Inbound, Limits, Requests};
use tower::service_fn;

use crate::admin::Admin;
use crate::admission::Door;
use crate::forward::{AnswerBody, Forward};
use crate::refusal::AGENT_ERROR;

/// Who answers the requests of some listeners. It is one type for all, so that what speaks HTTP is compiled once.
#[derive(Clone)]
pub(crate) enum Answering {
    /// Forwards the requests of callers.
    Callers(Arc<Forward>),
    /// Answers requests for health and metrics.
    Watchers(Arc<Admin>),
}

impl Answering {
    async fn answer(&self, request: Request<Inbound>, door: Door) -> Response<AnswerBody> {
        match self {
            Self::Callers(forward) => forward.handle(request, door).await,
            Self::Watchers(admin) => admin.handle(&request, door),
        }
    }
}

/// Serves listeners within the limits until the agent is to stop, then lets the requests in flight end. `open` shows the number of
/// connections.
pub(crate) async fn serve(
    limits: Limits,
    listeners: Vec<EndpointListener>,
    answering: Answering,
    open: Gauge,
    stop: Pin<Box<dyn Future<Output = ()> + Send + '_>>,
) -> Drained {
    // Hosts and targets are checked by admission, and the framing is written anew for the upstream.
    let edge = Edge::new(limits)
        .hand_on(Requests::Any)
        .end_with_caller()
        .mark(AGENT_ERROR, HeaderValue::from_static("http"));
    let make_service = |door| {
        let (answering, open) = (answering.clone(), Arc::new(Open::new(open.clone())));
        service_fn(move |request| {
            let (answering, open) = (answering.clone(), open.clone());
            async move {
                let answer = answering.answer(request, door).await;
                drop(open);
                Ok::<_, Infallible>(answer)
            }
        })
    };
    // It is large, and there are two.
    Box::pin(edge.serve(listeners, make_service, stop)).await
}

/// Counts an open connection in the gauge until it is dropped.
struct Open(Gauge);

impl Open {
    fn new(gauge: Gauge) -> Self {
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
