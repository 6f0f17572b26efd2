//! One request, from the caller to the upstream and back.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use metrics::counter;
use tokio::time::Instant;
use tollgate_client::{
    Authorizer, Cached, CallError, IDEMPOTENCY_KEY, Replay, Sender, Spare, Unavailable, cause_of,
    tls_config_for,
};
use tollgate_edge::Inbound;
use tollgate_http::HostName;
use tollgate_http::forward::{self, Failure, ForwardError, Proxy, SendError, Watched};
use tollgate_telemetry::{RequestSpan, Traces};

use crate::admission::{self, Door, MARKER};
use crate::error::AgentError;
use crate::refusal::{AGENT_ERROR, Kind, Refusal, request_id};
use crate::telemetry::Counters;
use crate::traced;
use crate::upstream::Upstream;

/// The body of an answer: the upstream's, or the agent's own.
pub(crate) type AnswerBody = Either<Incoming, Full<Bytes>>;

/// Forwards requests to the upstream, with the token.
pub(crate) struct Forward {
    upstream: forward::Upstream<Body>,
    authorizer: Authorizer,
    counters: Counters,
    /// Whether the last request to the upstream failed, which has been logged.
    failing: AtomicBool,
    /// Names that requests may have as their host.
    pub(crate) names: Vec<HostName>,
    /// What requests are recorded in.
    pub(crate) traces: Option<Traces>,
    /// The agent has been told to stop.
    pub(crate) stopping: AtomicBool,
}

/// The body that is sent to the upstream.
type Body = Replay<Watched<Inbound>>;

impl Forward {
    pub(crate) fn new(
        upstream: Upstream,
        cached: Cached,
        limits: forward::Limits,
    ) -> Result<Self, AgentError> {
        let proxy = Proxy::of_environment(&upstream.target.origin())?;
        let tls = tls_config_for(&upstream.origin)?;
        Ok(Self {
            authorizer: Authorizer::new(cached, [upstream.origin]),
            upstream: forward::Upstream::through(proxy.as_ref(), upstream.target, tls, limits),
            counters: Counters::new(),
            failing: AtomicBool::new(false),
            names: Vec::new(),
            traces: None,
            stopping: AtomicBool::new(false),
        })
    }

    pub(crate) fn cached(&self) -> &Cached {
        self.authorizer.cached()
    }

    async fn forward(
        &self,
        mut request: Request<Inbound>,
        door: Door,
        span: Option<&RequestSpan>,
    ) -> Result<Response<Incoming>, Refusal> {
        admission::forward(&request, door, &self.names)?;
        // Only the agent decides which token is sent.
        request.headers_mut().remove(AUTHORIZATION);
        request.headers_mut().remove(MARKER);
        let mut key = None;
        let within = self.traces.as_ref().zip(span);
        let sending = Sending { upstream: &self.upstream, key: &mut key, within, sent: 0 };
        let send = |request: Request<_>| self.authorizer.send(request.map(Replay::new), sending);
        let error = match self.upstream.forward(request, send).await {
            Ok(mut response) => {
                self.note(None);
                response.headers_mut().remove(AGENT_ERROR);
                return Ok(response);
            }
            Err(error) => error,
        };
        if let ForwardError::Sending(CallError::Inner(error)) = &error {
            self.note(Some(error));
        }
        Err(refusal(&error, key))
    }

    /// Logs once that the upstream fails, and once that it answers again.
    fn note(&self, error: Option<&SendError>) {
        if self.failing.load(Ordering::Relaxed) == error.is_some() {
            return;
        }
        self.failing.store(error.is_some(), Ordering::Relaxed);
        let Some(error) = error else { return tracing::info!("the upstream answers again") };
        tracing::warn!(%error, cause = cause_of(error), "the upstream fails");
    }
}

/// Maps the error to an answer of the agent. `key` is the `Idempotency-Key` that the request was sent with.
fn refusal(error: &ForwardError<CallError<SendError>>, key: Option<HeaderValue>) -> Refusal {
    let kind = match error {
        ForwardError::Target => Kind::Target,
        ForwardError::Body => Kind::Body,
        ForwardError::SlowBody => Kind::SlowBody,
        ForwardError::Sending(CallError::Unavailable(Unavailable { retry_after, .. })) => {
            return Refusal { kind: Kind::NoToken, retry_after: Some(*retry_after), key: None };
        }
        ForwardError::Timeout => return Refusal { kind: Kind::Timeout, retry_after: None, key },
        ForwardError::Sending(CallError::Inner(error)) => {
            let kind = match error.failure() {
                Failure::Connect => Kind::Connect,
                Failure::Broken => Kind::Upstream,
                Failure::Timeout => Kind::Timeout,
            };
            return Refusal { kind, retry_after: None, key };
        }
    };
    kind.into()
}

/// Sends one request to the upstream, and repeats it if needed.
struct Sending<'a> {
    upstream: &'a forward::Upstream<Body>,
    /// The `Idempotency-Key` that the request was sent with.
    key: &'a mut Option<HeaderValue>,
    /// Where it is recorded, if it is.
    within: Option<(&'a Traces, &'a RequestSpan)>,
    /// How often it has been sent so far.
    sent: u32,
}

impl Sender<Request<Body>> for Sending<'_> {
    type Answer = Response<Incoming>;
    type Error = SendError;

    async fn send(
        &mut self,
        mut request: Request<Body>,
        spare: Option<&Spare<Request<Body>>>,
    ) -> Result<Response<Incoming>, SendError> {
        *self.key = request.headers().get(IDEMPOTENCY_KEY).cloned();
        let span = self.within.map(|(traces, within)| traces.calling(within, &mut request, self.sent));
        self.sent += 1;
        let again = || {
            let mut again = spare?.request()?;
            counter!("tollgate_agent_resent_total").increment(1);
            if let Some(span) = &span {
                span.write(again.headers_mut());
            }
            Some(again)
        };
        let answered = self.upstream.send(request, spare.is_some_and(Spare::may_arrive_twice), again).await;
        if let Some(span) = span {
            traced::end(span, &answered);
        }
        answered
    }
}

impl Forward {
    /// Answers a caller's request.
    pub(crate) async fn handle(&self, request: Request<Inbound>, door: Door) -> Response<AnswerBody> {
        let began = Instant::now();
        let request_id = request_id(request.headers(), self.cached().clock());
        let span = traced::received(self.traces.as_ref(), &request);
        let answered = self.forward(request, door, span.as_ref()).await;
        let (status, kind) = match &answered {
            Ok(response) => (Some(response.status()), None),
            Err(refusal) => (None, Some(refusal.kind)),
        };
        let took = began.elapsed();
        self.counters.answered(status, kind, took);
        tracing::debug!(
            trace_id = span.as_ref().map(|span| tracing::field::display(span.trace_id())),
            status = status.map(|status| status.as_u16()),
            kind = kind.map(Kind::label),
            ?took,
            "request"
        );
        let id = span.is_some().then(|| request_id.clone());
        let response = match answered {
            Ok(response) => response.map(Either::Left),
            Err(refusal) => refusal.response(request_id).map(own),
        };
        if let (Some(span), Some(id)) = (span, id) {
            span.answered(response.status().as_u16(), id.as_str());
        }
        response
    }
}

/// Wraps the body of an answer of the agent itself.
pub(crate) fn own(body: Bytes) -> AnswerBody {
    Either::Right(Full::from(body))
}
