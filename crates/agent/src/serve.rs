//! Accepts connections, serves them within limits, and drains them.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use metrics::Gauge;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::Limits;
use crate::endpoint::{Door, Listener, Stream};

/// How long a connection may be silent, at its start and between requests.
const SILENCE: Duration = Duration::from_secs(60);
/// How long the loop waits when the system has no file descriptor or memory for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Streams open at once on a connection of HTTP/2.
const STREAMS: u32 = 128;

/// The body of an answer: the upstream's, or the agent's own.
pub(crate) type AnswerBody = Either<Incoming, Full<Bytes>>;

/// Answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    fn handle(
        &self,
        request: Request<Incoming>,
        door: Door,
    ) -> impl Future<Output = Response<AnswerBody>> + Send;
}

/// How many connections were open when the agent was told to stop, and how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Connections that ended by themselves.
    pub completed: usize,
    /// Connections that were cut off when the grace had passed.
    pub aborted: usize,
}

/// What the listeners share.
#[derive(Clone)]
pub(crate) struct Shared {
    slots: Arc<Semaphore>,
    grace: Duration,
    http: Arc<Builder<TokioExecutor>>,
    open: Gauge,
    /// Closed when the agent is to stop.
    stop: watch::Receiver<()>,
}

impl Shared {
    pub(crate) fn new(limits: &Limits, open: Gauge, stop: watch::Receiver<()>) -> Self {
        let slots = Arc::new(Semaphore::new(limits.max_connections));
        Self { slots, grace: limits.grace, http: Arc::new(http(limits)), open, stop }
    }
}

/// Serves a listener until the agent is to stop, then lets the requests under way end.
pub(crate) async fn serve<H: Handler>(listener: Listener, handler: Arc<H>, shared: Shared) -> Drained {
    let mut connections = JoinSet::new();
    let door = listener.door();
    let mut stop = shared.stop.clone();
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            Some(ended) = connections.join_next() => report(ended),
            (slot, stream) = accept(&listener, &shared.slots) => {
                connections.spawn(connection(stream, door, handler.clone(), shared.clone(), slot));
            }
        }
    }
    drop(listener);
    drain(connections, shared.grace).await
}

async fn drain(mut connections: JoinSet<()>, grace: Duration) -> Drained {
    let mut drained = Drained::default();
    let all = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
            drained.completed += 1;
        }
    };
    // A timeout shows in the connections that are left.
    _ = timeout(grace, all).await;
    drained.aborted = connections.len();
    connections.shutdown().await;
    drained
}

/// Waits for a free connection slot, then for a connection. Further ones wait in the kernel's backlog.
async fn accept(listener: &Listener, slots: &Arc<Semaphore>) -> (OwnedSemaphorePermit, Stream) {
    let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok(Some(stream)) => return (slot, stream),
            Ok(None) => {}
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted, trying again");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the error is about one peer (accept(2)), so that the next connection may be there already.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, NotConnected};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | NotConnected
    )
}

async fn connection<H: Handler>(
    stream: Stream,
    door: Door,
    handler: Arc<H>,
    shared: Shared,
    slot: OwnedSemaphorePermit,
) {
    let mut stop = shared.stop.clone();
    let first = async {
        match &stream {
            Stream::Tcp(stream) => stream.readable().await,
            Stream::Unix(stream) => stream.readable().await,
        }
    };
    let began = tokio::select! {
        biased;
        began = timeout(SILENCE, first) => matches!(began, Ok(Ok(()))),
        () = stopped(&mut stop) => false,
    };
    if !began {
        return;
    }
    let _open = Open::new(shared.open.clone());
    match stream {
        Stream::Tcp(stream) => speak(stream, door, handler, &shared.http, stop).await,
        Stream::Unix(stream) => speak(stream, door, handler, &shared.http, stop).await,
    }
    drop(slot);
}

async fn speak<Io, H>(
    io: Io,
    door: Door,
    handler: Arc<H>,
    http: &Builder<TokioExecutor>,
    mut stop: watch::Receiver<()>,
) where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    H: Handler,
{
    let service = service_fn(move |request| {
        let handler = handler.clone();
        async move { Ok::<_, Infallible>(handler.handle(request, door).await) }
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(io), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

fn http(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .max_headers(limits.max_headers)
        .max_buf_size(limits.head_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(SILENCE / 3)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(64);
    builder
}

/// Completes when the agent is to stop, which drops the sender.
pub(crate) async fn stopped(stop: &mut watch::Receiver<()>) {
    while stop.changed().await.is_ok() {}
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a request panicked and took its connection with it");
    }
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
