//! Reads the rest of a request's body that a service has left, so that the connection can be used again.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT};
use http::{Request, Version};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Sleep;

use crate::closing::LINGER_BYTES;
use crate::limits::Limits;
use crate::pulse::Pulse;

/// Time for the part of a body that has already arrived: a peer that sends no other request need not wait for the answer, but what has
/// arrived may not be HTTP.
const HAS_COME: Duration = Duration::from_millis(5);

/// The body of a request as the edge passes it on.
///
/// The part that a service has not read when it answers is read by the edge, within [`Limits::rest_bytes`] and
/// [`Limits::rest`]; otherwise the answer says `Connection: close`. On HTTP/2 the answer does not wait for that.
#[derive(Debug)]
pub struct Inbound {
    body: Option<hyper::body::Incoming>,
    /// The state that takes the rest on HTTP/1.1; `None` if there is no rest.
    rest: Option<Arc<Pulse>>,
    /// How much of the rest is read on HTTP/2; `None` if there is no rest.
    rest_of_stream: Option<ReadOn>,
    /// Whether the peer waits to be asked for the body (RFC 9110 §10.1.1) and has not been.
    unasked: bool,
}

impl Inbound {
    /// Wraps the body, and determines how much of its rest is read, if that is useful.
    pub(crate) fn wrap(
        request: Request<hyper::body::Incoming>,
        pulse: &Arc<Pulse>,
        limits: &Limits,
    ) -> (Request<Self>, Option<ReadOn>) {
        let (mut rest, mut rest_of_stream, mut read_on) = (None, None, None);
        let has_body = !request.body().is_end_stream();
        let unasked = has_body && request.headers().contains_key(EXPECT);
        match request.version() {
            Version::HTTP_11 if has_body => {
                pulse.unread_body().begin();
                rest = Some(Arc::clone(pulse));
                let time = if closes(&request) { HAS_COME } else { limits.rest };
                read_on = Some(ReadOn { bytes: limits.rest_bytes as u64, time });
            }
            Version::HTTP_2 if has_body => rest_of_stream = Some(ReadOn::of_stream(limits)),
            _ => {}
        }
        (request.map(|body| Self { body: Some(body), rest, rest_of_stream, unasked }), read_on)
    }

    /// Leaves the body of a request that is not passed to a service.
    pub(crate) fn leave(request: Request<hyper::body::Incoming>, limits: &Limits) {
        if request.version() == Version::HTTP_2 {
            ReadOn::of_stream(limits).aside(request.into_body());
        }
    }
}

/// Says whether the caller announces that this is the last request of the connection (RFC 9112 §9.6).
fn closes<B>(request: &Request<B>) -> bool {
    // Hardly any request has the header: one look-up must be enough.
    request.headers().get(CONNECTION).is_some()
        && request.headers().get_all(CONNECTION).iter().any(|line| {
            let mut options = line.as_bytes().split(|byte| *byte == b',');
            options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
        })
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        this.unasked = false;
        let frame = Pin::new(&mut *body).poll_frame(cx);
        let ended = match &frame {
            Poll::Pending => false,
            Poll::Ready(Some(Ok(_))) => body.is_end_stream(),
            Poll::Ready(None | Some(Err(_))) => true,
        };
        if ended {
            this.rest_of_stream = None;
            if let Some(pulse) = this.rest.take() {
                pulse.unread_body().ended();
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        let body = self.body.take().filter(|_| !self.unasked);
        if let Some(pulse) = self.rest.take() {
            pulse.unread_body().leave(body);
        } else if let (Some(read_on), Some(body)) = (self.rest_of_stream.take(), body) {
            read_on.aside(body);
        }
    }
}

/// The limits on reading the rest of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadOn {
    bytes: u64,
    time: Duration,
}

impl ReadOn {
    /// Returns the limits on HTTP/2: those on HTTP/1.1 before the answer and after the last one together.
    fn of_stream(limits: &Limits) -> Self {
        Self { bytes: (limits.rest_bytes + LINGER_BYTES) as u64, time: limits.rest }
    }

    /// Reads the rest of a stream's body in parallel with the answer, and then ends the stream, if its peer has not.
    ///
    /// A stream that is answered and whose body is dropped is reset, which RFC 9113 §8.1 allows; but curl and other clients that
    /// still send take the reset for the answer.
    fn aside(self, body: hyper::body::Incoming) {
        // A panic resets the stream at once, and at the end of the runtime nobody is left to answer.
        if !body.is_end_stream()
            && !std::thread::panicking()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(Reading { body, left: self, timer: None });
        }
    }
}

pin_project! {
    /// The future that reads the rest of a body, and drops it.
    pub(crate) struct Reading {
        body: hyper::body::Incoming,
        left: ReadOn,
        #[pin]
        timer: Option<Sleep>,
    }
}

impl Reading {
    /// Begins to read, unless the body announces that it is too long.
    pub(crate) fn begin(body: hyper::body::Incoming, left: ReadOn) -> Option<Self> {
        (body.size_hint().lower() <= left.bytes).then_some(Self { body, left, timer: None })
    }
}

/// How the reading of a rest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The body was read to its end.
    Nothing,
    /// There is more than may be read, or it takes too long.
    More,
    /// The body ended early, or its framing is not valid.
    Broken,
}

impl Future for Reading {
    type Output = Left;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Left> {
        let mut this = self.project();
        while !this.body.is_end_stream() {
            match pin!(&mut *this.body).poll_frame(cx) {
                Poll::Ready(None) => break,
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Left::Broken),
                Poll::Ready(Some(Ok(frame))) => {
                    let length = frame.data_ref().map_or(0, Bytes::len) as u64;
                    let Some(left) = this.left.bytes.checked_sub(length) else {
                        return Poll::Ready(Left::More);
                    };
                    this.left.bytes = left;
                }
                Poll::Pending => {
                    if this.timer.is_none() {
                        this.timer.set(Some(tokio::time::sleep(this.left.time)));
                    }
                    let timer = this.timer.as_mut().as_pin_mut();
                    return timer.map_or(Poll::Pending, |timer| timer.poll(cx).map(|()| Left::More));
                }
            }
        }
        Poll::Ready(Left::Nothing)
    }
}
