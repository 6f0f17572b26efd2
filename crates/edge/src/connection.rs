//! One connection, from its first byte to its last.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use crate::admission::{Admission, Inner};
use crate::pulse::{Phase, Protocol, Pulse};
use crate::refusal::Refusal;
use crate::rules::Rules;
use crate::shared::Shared;
use crate::tap::Tap;
use crate::watch::{Connection, Ending, watch};
use crate::{closing, switched};

/// A connection with or without TLS. It is one type for the same reason as [`Socket`](crate::listener::Socket).
type Stream<Io> = Either<Io, Box<TlsStream<Io>>>;

type Http1<S, Io> = http1::Connection<TokioIo<Tap<Stream<Io>>>, Admission<S>>;
type Http2<S, Io> = http2::Connection<TokioIo<Tap<Stream<Io>>>, Admission<S>, TokioExecutor>;

/// The first bytes of an HTTP/2 connection (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The size of the first read, in bytes: enough for an ordinary head.
const FIRST_READ: usize = 1024;
/// The size of hyper's read and write buffer of an HTTP/1.1 connection, in bytes: enough for the largest body in few pieces.
const BUFFER: usize = 64 * 1024;
/// The window of an HTTP/2 stream in bytes, and the limit on its buffered answer: enough for the largest body.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The window of an HTTP/2 connection in bytes: the most that its peer can make this process hold.
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// Serves a connection without TLS, where the first bytes determine the version of HTTP.
pub(crate) async fn serve<Io, S>(mut io: Io, service: S, shared: &Arc<Shared>)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Inner,
{
    let mut first = BytesMut::with_capacity(FIRST_READ);
    let begun = tokio::select! {
        biased;
        read = io.read_buf(&mut first) => matches!(read, Ok(1..)),
        () = shared.silence() => false,
    };
    if !begun {
        return;
    }
    let whole = async {
        while first.len() < PREFACE.len() && PREFACE.starts_with(&first) {
            if !matches!(io.read_buf(&mut first).await, Ok(1..)) {
                break;
            }
        }
    };
    if tokio::time::timeout(shared.limits.head, whole).await.is_err() {
        return closing::refuse(io, Refusal::HeadTooSlow, &shared.rules).await;
    }
    let protocol = if first.starts_with(PREFACE) { Protocol::Http2 } else { Protocol::Http1 };
    speak(Either::Left(io), first.freeze(), protocol, service, shared).await;
}

/// Serves a connection with TLS, where the handshake determines the version (RFC 7301).
pub(crate) async fn serve_tls<Io, S>(io: Io, tls: TlsAcceptor, service: S, shared: &Arc<Shared>)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Inner,
{
    let handshake = tokio::select! {
        biased;
        handshake = tls.accept(io) => handshake,
        () = shared.silence() => return,
    };
    let io = match handshake {
        Ok(io) => Box::new(io),
        Err(error) => return tracing::debug!(%error, "TLS handshake failed"),
    };
    let protocol =
        if io.get_ref().1.alpn_protocol() == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 };
    speak(Either::Right(io), Bytes::new(), protocol, service, shared).await;
}

async fn speak<Io, S>(io: Stream<Io>, first: Bytes, protocol: Protocol, service: S, shared: &Arc<Shared>)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Inner,
{
    let pulse = Arc::new(Pulse::new(Arc::clone(shared), protocol));
    let tap = TokioIo::new(Tap::new(io, first, Arc::clone(&pulse)));
    let service = Admission::new(service, Arc::clone(&pulse), Arc::clone(shared));
    match protocol {
        Protocol::Http1 => {
            let mut connection = http1(shared).serve_connection(tap, service);
            let ending = watch(Pin::new(&mut connection), &pulse, shared).await;
            let parts = connection.into_parts();
            let (io, ended, refused) = parts.io.into_inner().into_inner();
            if let (Ending::Served(Ok(())), Some(other_side)) = (&ending, pulse.other_side()) {
                return switched::join(io, parts.read_buf, other_side).await;
            }
            match refused {
                Some(why) if pulse.is_quiet() => {
                    closing::refuse(io, Refusal::Invalid(why), &shared.rules).await;
                }
                _ => close(io, ended, ending, &pulse, &shared.rules).await,
            }
        }
        Protocol::Http2 => {
            let connection = pin!(http2(shared).serve_connection(tap, service));
            let ending = watch(connection, &pulse, shared).await;
            tracing::trace!(?ending, "HTTP/2 connection ended");
        }
    }
}

/// Sends the pending refusal, if there is one, on an HTTP/1.1 connection that hyper has finished with, and ends it.
async fn close<Io>(io: Io, ended: bool, ending: Ending, pulse: &Pulse, rules: &Rules)
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    tracing::trace!(?ending, "HTTP/1.1 connection ended");
    match ending {
        Ending::HeadTooSlow => closing::refuse(io, Refusal::HeadTooSlow, rules).await,
        Ending::Served(Err(error)) if pulse.is_quiet() && error.is_parse_too_large() => {
            closing::refuse(io, Refusal::HeadTooLarge, rules).await;
        }
        Ending::Served(Err(error)) if pulse.is_quiet() && error.is_parse() => {
            closing::refuse(io, Refusal::NOT_HTTP, rules).await;
        }
        // The peer ended its side within a head; it may still read.
        Ending::Served(Err(error)) if pulse.phase() == Phase::Head && error.is_incomplete_message() => {
            closing::refuse(io, Refusal::NOT_HTTP, rules).await;
        }
        Ending::Served(_) if !ended => closing::linger(io).await,
        Ending::Served(_) | Ending::Unresponsive => {}
    }
}

fn http1(shared: &Shared) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // hyper's timer also runs between requests, and costs each of them one: the pulse is watched instead.
        .header_read_timeout(None)
        // A peer that ends its side after the request still gets the answer, and leaving doesn't drop the
        // handler.
        .half_close(!shared.rules.ends_with_caller)
        .max_headers(shared.limits.max_headers)
        .max_header_size(shared.limits.head_bytes)
        .max_buf_size(BUFFER);
    builder
}

fn http2(shared: &Shared) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(shared.limits.max_streams)
        // Twice the limit that admission applies: h2 answers a list over this one itself, without the
        // envelope.
        .max_header_list_size(u32::try_from(2 * shared.limits.head_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(STREAM_WINDOW as usize)
        // Notices a peer that has disappeared silently.
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        // Limits against rapid reset (CVE-2023-44487) and MadeYouReset (CVE-2025-8671).
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(64);
    builder
}

impl<S: Inner, Io: AsyncRead + AsyncWrite + Unpin> Connection for Http1<S, Io> {
    fn graceful_shutdown(self: Pin<&mut Self>) {
        Http1::graceful_shutdown(self);
    }
}

impl<S: Inner, Io: AsyncRead + AsyncWrite + Unpin + 'static> Connection for Http2<S, Io> {
    fn graceful_shutdown(self: Pin<&mut Self>) {
        Http2::graceful_shutdown(self);
    }
}
