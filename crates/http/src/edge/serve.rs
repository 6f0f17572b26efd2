//! The accept loop, and how it ends.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::admission::Inner;
use super::refusal::Refusal;
use super::shared::Shared;
use super::{Limits, OpenConnections, closing, connection};

/// How many connections over the limit are told so at a time. The others wait in the kernel's backlog, where they cost
/// nothing: under a flood most of what this does would be telling.
const TURNED_AWAY: usize = 64;

/// How long the loop waits when the system has no file descriptor or memory for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves connections until `shutdown` completes, then drains; returns when every connection has ended or
/// `limits.grace` has passed.
///
/// `make_service` is called once for a connection, with the address of its peer. At `limits.max_connections`
/// no more are accepted and the next wait in the kernel's backlog: they are served within moments when others
/// end, and cost nothing meanwhile, where an answer of 503 would need a handshake and a task for each just
/// when there are too many. `open` counts them for a gauge.
pub async fn serve<M, S, B>(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    limits: Arc<Limits>,
    open: OpenConnections,
    make_service: M,
    shutdown: impl Future<Output = ()>,
) -> Drained
where
    M: Fn(SocketAddr) -> S,
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let shared = Arc::new(Shared::new(limits));
    let mut edge = Edge {
        places: Places::new(shared.limits.max_connections),
        tls: tls.map(TlsAcceptor::from),
        shared: Arc::clone(&shared),
        open,
        make_service,
        connections: JoinSet::new(),
    };
    let served = async {
        edge.accept_until(&listener, shutdown).await;
        edge.take_backlog(listener);
        edge.drain().await
    };
    tokio::select! {
        drained = served => drained,
        never = shared.clock.run() => match never {},
    }
}

/// How the connections ended that were open when the edge shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that ended by themselves.
    pub completed: usize,
    /// Connections that were cut off when the grace had passed.
    pub aborted: usize,
}

struct Edge<M> {
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    open: OpenConnections,
    places: Places,
    make_service: M,
    connections: JoinSet<()>,
}

impl<M, S> Edge<M>
where
    M: Fn(SocketAddr) -> S,
    S: Inner,
{
    async fn accept_until(&mut self, listener: &TcpListener, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        let places = self.places.clone();
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                Some(ended) = self.connections.join_next() => report(ended),
                (place, stream, peer) = accept(&places, || listener.accept()) => self.admit(place, stream, peer),
            }
        }
    }

    /// Takes the connections that the kernel has established already: closing the listener would reset them.
    fn take_backlog(&mut self, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else { return };
        while let Ok(permit) = Arc::clone(&self.places.served).try_acquire_owned() {
            let Ok((stream, peer)) = listener.accept() else { return };
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            let Ok(stream) = stream else { continue };
            self.spawn(permit, stream, peer);
        }
    }

    async fn drain(mut self) -> Drained {
        while let Some(ended) = self.connections.try_join_next() {
            report(ended);
        }
        let mut drained = Drained { completed: 0, aborted: 0 };
        tracing::info!(connections = self.connections.len(), "draining");
        self.shared.drain();
        let all = async {
            while let Some(ended) = self.connections.join_next().await {
                report(ended);
                drained.completed += 1;
            }
        };
        let _ = tokio::time::timeout(self.shared.limits.grace, all).await;
        drained.aborted = self.connections.len();
        self.connections.shutdown().await;
        drained
    }

    fn admit(&mut self, place: Place, stream: TcpStream, peer: SocketAddr) {
        match place {
            Place::Served(permit) => self.spawn(permit, stream, peer),
            Place::TurnedAway(permit) if self.tls.is_none() => {
                self.connections.spawn(async move {
                    closing::refuse(stream, Refusal::TooManyConnections).await;
                    drop(permit);
                });
            }
            // To say it over TLS would take the handshake, which costs more than what it refuses.
            Place::TurnedAway(_) => {}
        }
    }

    fn spawn(&mut self, permit: OwnedSemaphorePermit, stream: TcpStream, peer: SocketAddr) {
        // Answers are small and written whole; waiting for more to send would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "connection lost before it was served");
            return;
        }
        let service = (self.make_service)(peer);
        let shared = Arc::clone(&self.shared);
        let tls = self.tls.clone();
        let opened = self.open.enter();
        self.connections.spawn(async move {
            // Both are given back when this ends, however it does.
            let _held = (permit, opened);
            match tls {
                Some(tls) => connection::serve_tls(stream, tls, service, &shared).await,
                None => connection::serve(stream, service, &shared).await,
            }
        });
    }
}

/// How many connections there may be.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) served: Arc<Semaphore>,
    pub(super) turned_away: Arc<Semaphore>,
}

/// What becomes of a connection.
#[derive(Debug)]
pub(super) enum Place {
    /// It is served.
    Served(OwnedSemaphorePermit),
    /// It is told that there are too many.
    TurnedAway(OwnedSemaphorePermit),
}

impl Places {
    pub(super) fn new(served: usize) -> Self {
        Self {
            served: Arc::new(Semaphore::new(served.min(Semaphore::MAX_PERMITS))),
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY)),
        }
    }

    /// Waits for a place, rather one where a connection is served.
    async fn free(&self) -> Place {
        let never_closed = "the semaphores are never closed";
        tokio::select! {
            biased;
            permit = Arc::clone(&self.served).acquire_owned() => Place::Served(permit.expect(never_closed)),
            permit = Arc::clone(&self.turned_away).acquire_owned() => Place::TurnedAway(permit.expect(never_closed)),
        }
    }

    /// Exchanges a place for a better one, which may have become free meanwhile.
    fn better(&self, place: Place) -> Place {
        Arc::clone(&self.served).try_acquire_owned().map_or(place, Place::Served)
    }
}

/// Waits for a free place, then for a connection; an error of `next` is never the end.
pub(super) async fn accept<T, F>(places: &Places, mut next: impl FnMut() -> F) -> (Place, T, SocketAddr)
where
    F: Future<Output = io::Result<(T, SocketAddr)>>,
{
    let place = places.free().await;
    loop {
        match next().await {
            Ok((stream, peer)) if matches!(place, Place::TurnedAway(_)) => {
                return (places.better(place), stream, peer);
            }
            Ok((stream, peer)) => return (place, stream, peer),
            Err(error) if is_of_connection(&error) => {
                tracing::debug!(%error, "connection lost before it was accepted");
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections, trying again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether the error is about one peer (accept(2)), so that the next connection may be there already.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn report(ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a request panicked and took its connection with it");
    }
}
