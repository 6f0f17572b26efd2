//! The I/O under hyper: tells the connection's pulse what passes, shows hyper a doubtful head by itself, and keeps
//! hyper's own error answers back.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::Framing;
use super::pulse::{Protocol, Pulse};

/// A connection's I/O as hyper sees it.
#[derive(Debug)]
pub(super) struct Tap<Io> {
    io: Io,
    /// Bytes that were read from `io` and that hyper has not seen.
    unseen: Bytes,
    pulse: Arc<Pulse>,
    framing: Option<Framing>,
    ended: bool,
}

impl<Io> Tap<Io> {
    /// Wraps `io`; `unseen` was read from it already and comes first.
    pub(super) fn new(io: Io, unseen: Bytes, pulse: Arc<Pulse>) -> Self {
        let framing = (pulse.protocol() == Protocol::Http1).then(Framing::new);
        Self { io, unseen, pulse, framing, ended: false }
    }

    /// The I/O itself, and whether its read side has ended (by the peer or by an error).
    pub(super) fn into_inner(self) -> (Io, bool) {
        (self.io, self.ended)
    }

    /// Notes bytes that are there for hyper, and says how many of them it may see now.
    ///
    /// hyper asks for bytes only when it has made requests of all the heads it has seen. So a block with two lengths is
    /// shown by itself: the requests before it have been admitted, and if it is a head, then of the request that is
    /// admitted before hyper asks again.
    fn arrived(&mut self, bytes: &[u8]) -> usize {
        let Some(framing) = &mut self.framing else { return bytes.len() };
        self.pulse.arrived();
        let (visible, two_lengths) = match framing.find(bytes) {
            None => (bytes.len(), false),
            Some(block) if block.start == 0 => (block.end, true),
            Some(block) => {
                *framing = Framing::new();
                (block.start, false)
            }
        };
        self.pulse.shows_two_lengths(two_lengths);
        visible
    }

    /// Whether what hyper writes now is not to reach the peer.
    ///
    /// No answer of the service is under way in a quiet phase, so the bytes are hyper's own answer to a head
    /// that it could not parse. It has no body; the edge writes a better one.
    fn swallows(&self) -> bool {
        self.framing.is_some() && self.pulse.is_quiet()
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

impl<Io: AsyncRead + Unpin> AsyncRead for Tap<Io> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.unseen.is_empty() {
            let bytes = this.unseen.slice(..this.unseen.len().min(buf.remaining()));
            let visible = this.arrived(&bytes);
            buf.put_slice(&bytes[..visible]);
            this.unseen.advance(visible);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut this.io).poll_read(cx, buf));
        this.ended |= read.is_err() || (buf.filled().len() == before && buf.remaining() > 0);
        read?;
        let bytes = &buf.filled()[before..];
        if !bytes.is_empty() {
            let visible = this.arrived(bytes);
            if visible < bytes.len() {
                this.unseen = Bytes::copy_from_slice(&bytes[visible..]);
                buf.set_filled(before + visible);
            }
        }
        Poll::Ready(Ok(()))
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
        if this.swallows() {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
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
            }
        }
        flushed
    }

    /// Leaves an HTTP/1.1 connection open: the edge may have to send a refusal, and closes it by itself.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.framing.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}
