//! One request, from the caller to the upstream and back.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::TRANSFER_ENCODING;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use http_body::Body as _;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::endpoint::Door;
use crate::progress::{Awaited, Progress};
use crate::refusal::{Kind, Refusal};
use crate::resend::Resend;
use crate::serve::{AnswerBody, Handler};
use crate::telemetry::Counters;
use crate::upstream::{self, SendError, Upstream};
use crate::{Limits, admission, headers, request_id};
use tollgate_client::{
    Authorizer, Cached, CallError, ConfigurationError, IDEMPOTENCY_KEY, Replay, Sender, Spare, Unavailable,
};

/// Forwards requests to one upstream, with the token.
pub(crate) struct Forward {
    upstream: Upstream,
    authorizer: Authorizer,
    resend: Resend,
    limits: Limits,
    counters: Counters,
    /// The last request to the upstream failed, which has been said.
    failing: AtomicBool,
}

impl Forward {
    pub(crate) fn new(
        upstream: Upstream,
        cached: Cached,
        limits: Limits,
    ) -> Result<Self, ConfigurationError> {
        let authorizer = Authorizer::new(cached, [upstream.origin()]);
        let resend = Resend::new(&limits)?;
        Ok(Self {
            upstream,
            authorizer,
            resend,
            limits,
            counters: Counters::new(),
            failing: AtomicBool::new(false),
        })
    }

    pub(crate) fn cached(&self) -> &Cached {
        self.authorizer.cached()
    }

    async fn forward(&self, request: Request<Incoming>, door: Door) -> Result<Response<Incoming>, Refusal> {
        let (mut head, body) = request.into_parts();
        admission::forward(&head, door)?;
        headers::strip_request(&mut head.headers);
        head.uri = self.upstream.uri(head.uri)?;
        // Which version the upstream speaks is its connection's affair.
        head.version = Version::HTTP_11;
        frame(&head.method, &mut head.headers, &body);
        let progress = Progress::new();
        let request = Request::from_parts(head, Replay::new(progress.of(body)));
        let mut key = None;
        let sending = Sending { resend: &self.resend, key: &mut key };
        let answered = tokio::select! {
            answered = self.authorizer.send(request, sending) => answered,
            awaited = progress.stalled(self.limits.answer) => {
                if awaited == Awaited::Upstream {
                    self.resend.forget_connections();
                }
                return Err(stalled(awaited, key));
            }
        };
        match answered {
            Ok(mut response) => {
                self.note(None);
                headers::strip_response(response.headers_mut());
                *response.version_mut() = Version::HTTP_11;
                Ok(response)
            }
            Err(CallError::Unavailable(Unavailable { retry_after, .. })) => {
                Err(Refusal { kind: Kind::NoToken, retry_after: Some(retry_after), key: None })
            }
            Err(CallError::Inner(_)) if progress.is_broken() => Err(Kind::Body.into()),
            Err(CallError::Inner(error)) => {
                self.note(Some(&error));
                Err(Refusal { kind: upstream::kind_of(&error), retry_after: None, key })
            }
        }
    }

    /// Says once that the upstream fails, and that it does no more.
    fn note(&self, error: Option<&SendError>) {
        if self.failing.load(Ordering::Relaxed) == error.is_some() {
            return;
        }
        self.failing.store(error.is_some(), Ordering::Relaxed);
        let Some(error) = error else { return tracing::info!("the upstream answers again") };
        let cause = std::error::Error::source(error).map(tracing::field::display);
        tracing::warn!(%error, cause, "the upstream fails");
    }
}

/// Sends one request to the upstream.
struct Sending<'a> {
    resend: &'a Resend,
    /// The key that it was sent with.
    key: &'a mut Option<HeaderValue>,
}

impl Sender<Request<upstream::Body>> for Sending<'_> {
    type Answer = Response<Incoming>;
    type Error = SendError;

    async fn send(
        &mut self,
        request: Request<upstream::Body>,
        spare: Option<&Spare<Request<upstream::Body>>>,
    ) -> Result<Response<Incoming>, SendError> {
        *self.key = request.headers().get(IDEMPOTENCY_KEY).cloned();
        self.resend.send(request, spare).await
    }
}

impl Handler for Forward {
    async fn handle(&self, request: Request<Incoming>, door: Door) -> Response<AnswerBody> {
        let began = Instant::now();
        let request_id = request_id(request.headers(), self.cached().clock());
        let answered = self.forward(request, door).await;
        let (status, kind) = match &answered {
            Ok(response) => (Some(response.status()), None),
            Err(refusal) => (None, Some(refusal.kind)),
        };
        let took = began.elapsed();
        self.counters.answered(status, kind, took);
        tracing::debug!(
            status = status.map(|status| status.as_u16()),
            kind = kind.map(Kind::label),
            ?took,
            "request"
        );
        match answered {
            Ok(response) => response.map(Either::Left),
            Err(refusal) => refusal.response(request_id).map(own),
        }
    }
}

/// A body of the agent's own.
pub(crate) fn own(body: Bytes) -> AnswerBody {
    Either::Right(Full::from(body))
}

/// A body of unknown length is announced where hyper would take it for none.
fn frame(method: &Method, headers: &mut HeaderMap, body: &Incoming) {
    let is_unusual = matches!(*method, Method::GET | Method::HEAD);
    if is_unusual && !body.is_end_stream() && body.size_hint().exact().is_none() {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

fn stalled(awaited: Awaited, key: Option<HeaderValue>) -> Refusal {
    match awaited {
        Awaited::Caller => Kind::SlowBody.into(),
        Awaited::Upstream => Refusal { kind: Kind::Timeout, retry_after: None, key },
    }
}
