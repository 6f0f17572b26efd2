//! The I/O below hyper: reports to the connection's pulse what passes, shows hyper only bytes with strict framing, and suppresses
//! hyper's own error answers.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::framing::{Fault, Framing, Refused};
use crate::pulse::{Protocol, Pulse};

/// The most bytes that are written in one piece: an answer with tokens, head and body. Copying them costs less than passing several
/// pieces to the system.
const JOINED: usize = 4096;

/// A connection's I/O as hyper sees it.
#[derive(Debug)]
pub(crate) struct Tap<Io> {
    io: Io,
    /// Bytes that were read from `io` and that hyper has not seen.
    unseen: Bytes,
    pulse: Arc<Pulse>,
    framing: Option<Framing>,
    /// The fault of the bytes after those that hyper was shown.
    fault: Option<Fault>,
    ended: bool,
}

impl<Io> Tap<Io> {
    /// Wraps `io`; `unseen` was already read from it and comes first.
    pub(crate) fn new(io: Io, unseen: Bytes, pulse: Arc<Pulse>) -> Self {
        let framing = (pulse.protocol() == Protocol::Http1).then(Framing::new);
        Self { io, unseen, pulse, framing, fault: None, ended: false }
    }

    /// Returns the I/O itself, whether its read side has ended (by the peer or by an error), and why the last bytes are not a
    /// request, if so.
    pub(crate) fn into_inner(self) -> (Io, bool, Option<&'static str>) {
        let refused = self.fault.and_then(|fault| match fault {
            Fault::Head(why) => Some(why),
            // The reader of the body has answered.
            Fault::Body => None,
        });
        (self.io, self.ended, refused)
    }

    /// Notes bytes for hyper, and returns how many of them it may see.
    fn arrived(&mut self, bytes: &[u8]) -> usize {
        let Some(framing) = &mut self.framing else { return bytes.len() };
        if self.pulse.has_switched() {
            self.framing = None;
            return bytes.len();
        }
        self.pulse.arrived();
        match framing.read(bytes) {
            Ok(()) => bytes.len(),
            Err(Refused { before, why }) => {
                self.fault = Some(why);
                before
            }
        }
    }

    /// Ends hyper's input after the last byte that it may see.
    ///
    /// A fault in a head waits until the requests before it are answered: hyper would otherwise drop them.
    fn refuse(&self, fault: Fault) -> Poll<io::Result<()>> {
        if matches!(fault, Fault::Head(_)) && !self.pulse.is_quiet() {
            // The flush of the last answer wakes it.
            return Poll::Pending;
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the framing is not valid HTTP/1.1")))
    }

    /// Says whether the bytes that hyper writes now must not reach the peer.
    ///
    /// No answer of the service is in progress in a quiet phase, so the bytes are hyper's own answer to a head
    /// that it could not parse. It has no body; the edge writes a better one.
    fn swallows(&self) -> bool {
        self.framing.is_some() && self.pulse.is_quiet() && !self.pulse.has_switched()
    }

    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if result.is_pending() {
            self.pulse.blocked();
        } else {
            self.pulse.unblocked();
        }
        result
    }
}

/// Writes small pieces together as one, from a buffer of the thread.
fn write_joined(
    io: Pin<&mut impl AsyncWrite>,
    cx: &mut Context<'_>,
    bufs: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(JOINED));
    }
    BUFFER.with_borrow_mut(|joined| {
        joined.clear();
        for buf in bufs {
            joined.extend_from_slice(buf);
        }
        io.poll_write(cx, joined)
    })
}

impl<Io: AsyncRead + Unpin> AsyncRead for Tap<Io> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(fault) = this.fault {
            return this.refuse(fault);
        }
        let before = buf.filled().len();
        if this.unseen.is_empty() {
            let read = ready!(Pin::new(&mut this.io).poll_read(cx, buf));
            this.ended |= read.is_err() || (buf.filled().len() == before && buf.remaining() > 0);
            read?;
        } else {
            let bytes = this.unseen.split_to(this.unseen.len().min(buf.remaining()));
            buf.put_slice(&bytes);
        }
        let bytes = &buf.filled()[before..];
        if bytes.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let visible = this.arrived(bytes);
        buf.set_filled(before + visible);
        match this.fault {
            Some(fault) if visible == 0 => this.refuse(fault),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Tap<Io> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.swallows() {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut this.io).poll_write(cx, buf);
        this.wrote(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let length = bufs.iter().map(|buf| buf.len()).sum();
        if this.swallows() {
            return Poll::Ready(Ok(length));
        }
        let io = Pin::new(&mut this.io);
        let written = if bufs.len() > 1 && length <= JOINED {
            write_joined(io, cx, bufs)
        } else {
            io.poll_write_vectored(cx, bufs)
        };
        this.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.io).poll_flush(cx);
        match &flushed {
            Poll::Pending => this.pulse.blocked(),
            Poll::Ready(_) => {
                this.pulse.unblocked();
                this.pulse.flushed();
                if this.fault.is_some() && this.pulse.is_quiet() {
                    cx.waker().wake_by_ref();
                }
            }
        }
        flushed
    }

    /// Leaves an HTTP/1.1 connection open: the edge may have to send a refusal, and closes it by itself.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.framing.is_some() && !this.pulse.has_switched() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::Limits;
    use super::super::rules::Rules;
    use super::super::shared::Shared;
    use super::*;

    /// Records how data is written: in one piece, or in several.
    #[derive(Default)]
    struct Noted(Vec<Vec<Vec<u8>>>);

    impl AsyncWrite for Noted {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            self.get_mut().0.push(vec![buf.to_vec()]);
            Poll::Ready(Ok(buf.len()))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.get_mut().0.push(bufs.iter().map(|buf| buf.to_vec()).collect());
            Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn small_pieces_are_written_as_one_and_large_ones_as_they_are() {
        let shared = Arc::new(Shared::new(Arc::new(Limits::default()), Rules::default()));
        let pulse = Arc::new(Pulse::new(shared, Protocol::Http2));
        let mut tap = Tap::new(Noted::default(), Bytes::new(), pulse);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let large = vec![b'x'; JOINED];
        for (pieces, length) in [([&b"head"[..], b"body"], 8), ([b"head", &large], 4 + JOINED)] {
            let written = Pin::new(&mut tap).poll_write_vectored(&mut cx, &pieces.map(IoSlice::new));
            assert!(matches!(written, Poll::Ready(Ok(all)) if all == length), "{written:?}");
        }
        let (noted, ..) = tap.into_inner();
        assert_eq!(noted.0, [vec![b"headbody".to_vec()], vec![b"head".to_vec(), large]]);
    }
}
