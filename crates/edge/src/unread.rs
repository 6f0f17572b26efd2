//! What a service leaves of a request's body, and how it is read on so that the connection can be used again.

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

/// Time to look at what has come of a body: who sends no other request is not made to wait for the answer, but what has
/// come may be no HTTP.
const HAS_COME: Duration = Duration::from_millis(5);

/// The body of a request as the edge hands it on.
///
/// What a service has not read of it when it answers is read on by the edge, within [`Limits::rest_bytes`] and
/// [`Limits::rest`]; otherwise the answer says `Connection: close`. On HTTP/2 the answer does not wait for that.
#[derive(Debug)]
pub struct Inbound {
    body: Option<hyper::body::Incoming>,
    /// Where the rest goes on HTTP/1.1; `None` when there is none.
    rest: Option<Arc<Pulse>>,
    /// How far the rest is read on HTTP/2; `None` when there is none.
    rest_of_stream: Option<ReadOn>,
    /// Whether the peer waits to be asked for the body (RFC 9110 §10.1.1) and has not been.
    unasked: bool,
}

impl Inbound {
    /// Wraps the body, and says how far its rest is to be read, if that is of use.
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

    /// Leaves the body of a request that no service gets.
    pub(crate) fn leave(request: Request<hyper::body::Incoming>, limits: &Limits) {
        if request.version() == Version::HTTP_2 {
            ReadOn::of_stream(limits).aside(request.into_body());
        }
    }
}

/// Whether the caller says that this is the last request of the connection (RFC 9112 §9.6).
fn closes<B>(request: &Request<B>) -> bool {
    // Hardly a request has the header: one look has to be enough.
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

/// How far the rest of a body is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadOn {
    bytes: u64,
    time: Duration,
}

impl ReadOn {
    /// On HTTP/2: as much as on HTTP/1.1 before the answer and behind the last one.
    fn of_stream(limits: &Limits) -> Self {
        Self { bytes: (limits.rest_bytes + LINGER_BYTES) as u64, time: limits.rest }
    }

    /// Reads the rest of a stream's body beside the answer, and then ends the stream, if its peer has not.
    ///
    /// A stream that is answered and whose body is dropped is reset, which RFC 9113 §8.1 allows; but curl and others that
    /// still send take the reset for the answer.
    fn aside(self, body: hyper::body::Incoming) {
        // What panics resets the stream at once, and at the end of the runtime nobody is left to answer.
        if !body.is_end_stream()
            && !std::thread::panicking()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(Reading { body, left: self, timer: None });
        }
    }
}

pin_project! {
    /// Reads the rest of a body, and drops it.
    pub(crate) struct Reading {
        body: hyper::body::Incoming,
        left: ReadOn,
        #[pin]
        timer: Option<Sleep>,
    }
}

impl Reading {
    /// Begins to read, unless the body says that it is longer.
    pub(crate) fn begin(body: hyper::body::Incoming, left: ReadOn) -> Option<Self> {
        (body.size_hint().lower() <= left.bytes).then_some(Self { body, left, timer: None })
    }
}

/// How the reading of a rest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The body was read to its end.
    Nothing,
    /// There is more than is read, or it takes longer.
    More,
    /// It broke off, or its framing is not valid.
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
