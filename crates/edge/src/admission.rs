//! The service that hyper calls: refuses ambiguous requests and counts the others from the call to the last byte.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower::util::{Oneshot, ServiceExt};

use crate::limits::Limits;
use crate::pulse::{InFlight, Pulse};
use crate::refusal::Refusal;
use crate::rest::Rest;
use crate::rules::Requests;
use crate::shared::Shared;
use crate::unread::{Inbound, Left, ReadOn, Reading};

/// A service that the edge can serve. It follows from its bounds and is never implemented by hand.
pub(crate) trait Inner:
    tower::Service<
        Request<Inbound>,
        Response = Response<<Self as Inner>::Body>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static
{
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;
}

impl<S, B> Inner for S
where
    S: tower::Service<Request<Inbound>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Body = B;
}

/// The service for one connection.
#[derive(Debug)]
pub(crate) struct Admission<S> {
    inner: S,
    pulse: Arc<Pulse>,
    shared: Arc<Shared>,
}

impl<S> Admission<S> {
    pub(crate) fn new(inner: S, pulse: Arc<Pulse>, shared: Arc<Shared>) -> Self {
        Self { inner, pulse, shared }
    }

    fn admit(&self, request: &mut Request<Incoming>) -> Result<(), Refusal> {
        // On HTTP/1.1 hyper has limited the head.
        if request.version() >= Version::HTTP_2 && is_too_large(request, &self.shared.limits) {
            return Err(Refusal::HeadTooLarge);
        }
        if self.shared.rules.requests == Requests::Any {
            return Ok(());
        }
        let host = one_host(request)?;
        let Some(target) = origin_form(request.method(), request.uri(), request.version(), host)? else {
            return Ok(());
        };
        *request.uri_mut() = target;
        Ok(())
    }
}

impl<S: Inner> hyper::service::Service<Request<Incoming>> for Admission<S> {
    type Response = Response<Answer<S::Body>>;
    type Error = Infallible;
    type Future = Handling<S>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let in_flight = Some(InFlight::begin(Arc::clone(&self.pulse)));
        match self.admit(&mut request) {
            Ok(()) => {
                let says_close = request.version() <= Version::HTTP_11;
                let (request, read_on) = Inbound::wrap(request, &self.pulse, &self.shared.limits);
                let answering = Answering::begin(self.inner.clone(), request);
                Handling::Inner { answering, says_close, read_on, in_flight }
            }
            Err(refusal) => {
                tracing::debug!(
                    code = refusal.code(),
                    message = refusal.message(),
                    "request refused at the edge"
                );
                let mut response = refusal.response(request.version(), request.headers(), &self.shared.rules);
                if request.method() == Method::HEAD {
                    let length = HeaderValue::from(response.body().len());
                    response.headers_mut().insert(CONTENT_LENGTH, length);
                    *response.body_mut() = Bytes::new();
                }
                Inbound::leave(request, &self.shared.limits);
                Handling::Refused { response: Some(response), in_flight }
            }
        }
    }
}

/// Says whether there are too many headers or too many bytes in them, counted as in RFC 9113 §6.5.2.
fn is_too_large<B>(request: &Request<B>, limits: &Limits) -> bool {
    let target = request.uri();
    let target = target.path_and_query().map_or(0, |path| path.as_str().len())
        + target.authority().map_or(0, |authority| authority.as_str().len());
    let headers = request.headers();
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    headers.len() > limits.max_headers || target + size > limits.head_bytes
}

/// Requires exactly one well-formed `Host` (RFC 9112 §3.2), or `:authority` in its place (RFC 9113 §8.3.1).
fn one_host<B>(request: &Request<B>) -> Result<Option<&HeaderValue>, Refusal> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Refusal::Invalid("The request has more than one Host."));
    }
    if host.is_some_and(|host| !is_host(host.as_bytes())) {
        return Err(Refusal::Invalid("The Host of the request is not valid."));
    }
    let authority = (request.version() >= Version::HTTP_2).then(|| request.uri().authority()).flatten();
    // RFC 9113 §8.3.1
    if authority.is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(Refusal::Invalid("The :authority of the request names a user."));
    }
    if host.is_none() && authority.is_none() && request.version() >= Version::HTTP_11 {
        return Err(Refusal::Invalid("The request has no Host."));
    }
    Ok(host)
}

/// Says whether a text is a host with an optional port after the last colon.
fn is_host(text: &[u8]) -> bool {
    let port = text.rsplit(|byte| matches!(byte, b':' | b']')).next().unwrap_or_default();
    let has_port = port.len() < text.len() && text[text.len() - port.len() - 1] == b':';
    text.iter().all(|byte| IN_HOST[usize::from(*byte)]) && (!has_port || port.iter().all(u8::is_ascii_digit))
}

/// The bytes of a host and its port (RFC 3986 §3.2.2), without user information and lists.
const IN_HOST: [bool; 256] = {
    let mut host = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        host[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-._~%!$&'()*+;=:[]";
    let mut at = 0;
    while at < others.len() {
        host[others[at] as usize] = true;
        at += 1;
    }
    host
};

/// Requires a target that begins with `/`, and reduces an absolute one (RFC 9112 §3.2.2) to that form.
///
/// An origin server must accept the absolute form. Its host must be the one in `Host`, so that every reader of the
/// request sees the same one. `CONNECT` and `*` are refused: nothing here opens a tunnel or answers for the server as a
/// whole, and the service may rely on paths that begin with `/`.
fn origin_form(
    method: &Method,
    target: &Uri,
    version: Version,
    host: Option<&HeaderValue>,
) -> Result<Option<Uri>, Refusal> {
    if method == Method::CONNECT || !target.path().starts_with('/') {
        return Err(Refusal::Invalid("The target of the request must be a path that begins with a slash."));
    }
    let Some(authority) = target.authority() else { return Ok(None) };
    if host.is_some_and(|host| !names(authority, host)) {
        return Err(Refusal::Invalid("The Host of the request is not the host of its target."));
    }
    if version >= Version::HTTP_2 {
        return Ok(None);
    }
    let target = target.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    Ok(Some(Uri::from(target)))
}

fn names(authority: &Authority, host: &HeaderValue) -> bool {
    authority.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes())
}

pin_project! {
    /// A service that has been called, or that will be as soon as it is ready.
    #[project = AnsweringProj]
    pub(crate) enum Answering<S: Inner> {
        Called { #[pin] future: S::Future },
        Waiting { #[pin] future: Oneshot<S, Request<Inbound>> },
    }
}

impl<S: Inner> Answering<S> {
    /// Calls a service that is ready, as nearly all always are. Their futures are large, and a future that is made later would have
    /// to be copied to where it is polled.
    fn begin(mut service: S, request: Request<Inbound>) -> Self {
        match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => Self::Called { future: service.call(request) },
            Poll::Ready(Err(never)) => match never {},
            Poll::Pending => Self::Waiting { future: service.oneshot(request) },
        }
    }
}

impl<S: Inner> Future for Answering<S> {
    type Output = Result<Response<S::Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            AnsweringProj::Called { future } => future.poll(cx),
            AnsweringProj::Waiting { future } => future.poll(cx),
        }
    }
}

pin_project! {
    /// A request until its answer begins: with the service, having its body read, or refused.
    #[project = HandlingProj]
    pub(crate) enum Handling<S: Inner> {
        Inner {
            #[pin] answering: Answering<S>,
            says_close: bool,
            read_on: Option<ReadOn>,
            in_flight: Option<InFlight>,
        },
        Reading {
            #[pin] reading: Reading,
            response: Option<Response<S::Body>>,
            in_flight: Option<InFlight>,
        },
        Refused { response: Option<Response<Bytes>>, in_flight: Option<InFlight> },
    }
}

const READY: &str = "a future is not polled after it is ready";

impl<S: Inner> Future for Handling<S> {
    type Output = Result<Response<Answer<S::Body>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let HandlingProj::Inner { answering, says_close, read_on, in_flight } = self.as_mut().project() {
            let Poll::Ready(Ok(mut response)) = answering.poll(cx) else { return Poll::Pending };
            let in_flight = in_flight.take().expect(READY);
            // hyper adds the header itself only if it was told to end before the answer.
            let mut close = *says_close && in_flight.shared().is_draining();
            if let Some(read_on) = *read_on {
                match rest(&response, close, read_on, &in_flight) {
                    Ahead::Answer { last } => close = last,
                    Ahead::Read(reading) => {
                        let (response, in_flight) = (Some(response), Some(in_flight));
                        self.set(Handling::Reading { reading, response, in_flight });
                        return self.poll(cx);
                    }
                }
            }
            if close {
                say_close(&mut response);
            }
            return answer(response.map(|body| Content::Inner { body }), in_flight);
        }
        match self.project() {
            HandlingProj::Reading { reading, response, in_flight } => {
                let Poll::Ready(left) = reading.poll(cx) else { return Poll::Pending };
                let mut response = response.take().expect(READY);
                let in_flight = in_flight.take().expect(READY);
                match left {
                    Left::Nothing => {}
                    Left::More => say_close(&mut response),
                    // An answer to a completed request must not say that it failed.
                    Left::Broken if !response.status().is_client_error() => say_close(&mut response),
                    Left::Broken => {
                        let rules = &in_flight.shared().rules;
                        let refusal = Refusal::NOT_HTTP.response(Version::HTTP_11, response.headers(), rules);
                        return answer(refusal.map(|bytes| Content::Own { bytes }), in_flight);
                    }
                }
                answer(response.map(|body| Content::Inner { body }), in_flight)
            }
            HandlingProj::Refused { response, in_flight } => {
                let response = response.take().expect(READY);
                answer(response.map(|bytes| Content::Own { bytes }), in_flight.take().expect(READY))
            }
            HandlingProj::Inner { .. } => Poll::Pending,
        }
    }
}

fn answer<B>(
    mut response: Response<Content<B>>,
    mut in_flight: InFlight,
) -> Poll<Result<Response<Answer<B>>, Infallible>> {
    in_flight.waits_for_peer(true);
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        in_flight.switches(hyper::upgrade::on(&mut response));
    }
    Poll::Ready(Ok(response.map(|content| Answer { content, in_flight })))
}

fn say_close<B>(response: &mut Response<B>) {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

/// The step before the head of an answer.
enum Ahead {
    Answer { last: bool },
    Read(Reading),
}

/// Decides what to do about the rest of the body that the service has not read: hyper would just close the connection.
fn rest<B>(response: &Response<B>, last: bool, read_on: ReadOn, in_flight: &InFlight) -> Ahead {
    let status = response.status();
    match in_flight.rest_of_body() {
        Rest::Nothing => Ahead::Answer { last },
        // It isn't known yet whether the reader of the body will read it to its end, and it will be too late to announce it then.
        Rest::OutOfReach => Ahead::Answer { last: true },
        Rest::Body(_) if last || status == StatusCode::REQUEST_TIMEOUT => Ahead::Answer { last: true },
        Rest::Body(body) => Reading::begin(body, read_on).map_or(Ahead::Answer { last: true }, Ahead::Read),
    }
}

pin_project! {
    /// The body of an answer; hyper drops it when it has taken the last part.
    pub(crate) struct Answer<B> {
        #[pin]
        content: Content<B>,
        in_flight: InFlight,
    }
}

pin_project! {
    #[project = ContentProj]
    enum Content<B> {
        Inner { #[pin] body: B },
        Own { bytes: Bytes },
    }
}

impl<B: Body<Data = Bytes>> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = match this.content.project() {
            ContentProj::Inner { body } => body.poll_frame(cx),
            ContentProj::Own { bytes } if bytes.is_empty() => Poll::Ready(None),
            ContentProj::Own { bytes } => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        };
        this.in_flight.waits_for_peer(frame.is_ready());
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Inner { body } => body.is_end_stream(),
            Content::Own { bytes } => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Inner { body } => body.size_hint(),
            Content::Own { bytes } => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}
