//! Serves connections by the edge.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use metrics::Gauge;
use tokio::sync::watch;
use tollgate_edge::{Drained, Edge, Inbound, Requests};
use tower::service_fn;

use crate::admin::Admin;
use crate::endpoint::{Door, Listener, Socket};
use crate::forward::{AnswerBody, Forward};
use crate::limits::Limits;
use crate::refusal::AGENT_ERROR;

/// How long a connection may be silent, at its start, in a head and between requests.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a caller may read nothing of an answer: it may process a stream as it comes.
const STALL: Duration = Duration::from_secs(15 * 60);

/// How many connections over the limit are told so at a time; the others wait until one of those ends.
const MAX_REFUSED: usize = 64;

/// Who answers the requests of a listener. It is one type for all of them, so that what speaks HTTP is compiled once.
#[derive(Clone)]
pub(crate) enum Answering {
    /// The proxy.
    Callers(Arc<Forward>),
    /// Health and metrics.
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

/// What serves connections, within the limits. Clones share the connection slots.
pub(crate) fn edge(limits: &Limits) -> Edge {
    let limits = tollgate_edge::Limits {
        max_connections: limits.max_connections,
        max_refused: MAX_REFUSED,
        first_byte: SILENCE,
        head: SILENCE,
        idle: SILENCE,
        write_stall: STALL,
        grace: limits.grace,
        head_bytes: limits.head_bytes,
        max_headers: limits.max_headers,
        ..tollgate_edge::Limits::default()
    };
    // Hosts and targets are checked by admission, and the framing is written anew for the upstream.
    Edge::new(limits)
        .hand_on(Requests::Any)
        .end_with_caller()
        .mark(AGENT_ERROR, HeaderValue::from_static("http"))
}

/// Serves a listener until the agent is to stop, then lets the requests in flight end.
pub(crate) async fn serve(
    edge: Edge,
    listener: Listener,
    answering: Answering,
    open: Gauge,
    stop: watch::Receiver<()>,
) -> Drained {
    let door = listener.door();
    let service = move || {
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
    match listener.into_socket() {
        Socket::Tcp(listener, _) => edge.serve(listener, |_| service(), stopped(stop)).await,
        Socket::Unix(socket) => edge.serve(socket, |()| service(), stopped(stop)).await,
    }
}

/// Completes when the agent is to stop, which drops the sender.
async fn stopped(mut stop: watch::Receiver<()>) {
    while stop.changed().await.is_ok() {}
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
