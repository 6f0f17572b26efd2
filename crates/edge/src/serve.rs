//! The accept loop, and how it ends.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body::Body;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tollgate_http::{Held, Sources};

use crate::admission::Inner;
use crate::limits::{Limits, OpenConnections};
use crate::listener::{Listener, Socket};
use crate::refusal::Refusal;
use crate::rules::{Requests, Rules};
use crate::shared::Shared;
use crate::slots::{Slot, Slots};
use crate::unread::Inbound;
use crate::{closing, connection};

/// How long the loop waits if the system has no file descriptor or memory for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves connections; see [the crate](crate) for an example.
///
/// Clones share the connection slots, so that several listeners share one limit.
#[derive(Clone, Debug)]
pub struct Edge {
    limits: Arc<Limits>,
    tls: Option<Arc<rustls::ServerConfig>>,
    rules: Rules,
    slots: Slots,
    open: OpenConnections,
    sources: Option<Arc<Sources>>,
    changes: Option<watch::Receiver<Limits>>,
    leaves_queue: bool,
}

impl Edge {
    /// Makes an edge without TLS, within `limits`.
    pub fn new(limits: Limits) -> Self {
        let slots = Slots::new(&limits);
        let (rules, open) = (Rules::default(), OpenConnections::default());
        let limits = Arc::new(limits);
        Self { limits, tls: None, rules, slots, open, sources: None, changes: None, leaves_queue: false }
    }

    /// Sets whether, at the end, connections in the listener's queue are left to other processes that have it: a supervisor, and the
    /// process that it starts next. Otherwise they are served, since they would be reset.
    #[must_use]
    pub fn leave_queue(mut self, leaves_queue: bool) -> Self {
        self.leaves_queue = leaves_queue;
        self
    }

    /// Takes these limits whenever they change. Open connections keep theirs; the number of connections changes at once.
    #[must_use]
    pub fn follow(mut self, limits: watch::Receiver<Limits>) -> Self {
        self.changes = Some(limits);
        self
    }

    /// Serves with TLS, if a configuration is given.
    #[must_use]
    pub fn tls(mut self, config: Option<Arc<rustls::ServerConfig>>) -> Self {
        self.tls = config;
        self
    }

    /// Counts the open connections in `open`, for a gauge.
    #[must_use]
    pub fn count_in(mut self, open: OpenConnections) -> Self {
        self.open = open;
        self
    }

    /// Limits the connections of each source.
    #[must_use]
    pub fn limit_sources(mut self, sources: Arc<Sources>) -> Self {
        self.sources = Some(sources);
        self
    }

    /// Chooses the requests that are passed on.
    #[must_use]
    pub fn hand_on(mut self, requests: Requests) -> Self {
        self.rules.requests = requests;
        self
    }

    /// Drops a request when its caller ends the connection, for a service that makes others work for it. Otherwise the
    /// service completes it, and a caller that has only ended its sending side gets the answer.
    #[must_use]
    pub fn end_with_caller(mut self) -> Self {
        self.rules.ends_with_caller = true;
        self
    }

    /// Adds a header to each of the edge's own answers, by which callers tell them from answers of the service.
    #[must_use]
    pub fn mark(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.rules.marks.insert(name, value);
        self
    }

    /// Serves connections until `shutdown` completes, then drains: for at most [`Limits::settle`] it goes on, and each answer is
    /// the last of its connection; then it stops listening. Returns when every connection has ended or [`Limits::grace`] has
    /// passed.
    ///
    /// `make_service` is called once for each connection, with its peer. Beyond [`Limits::max_connections`] some connections
    /// are refused and the others wait in the kernel's backlog, where they cost nothing and are served within moments
    /// when others end.
    pub async fn serve<L, M, S, B>(
        self,
        listener: L,
        make_service: M,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Drained
    where
        L: Listener,
        M: Fn(L::Peer) -> S,
        S: tower::Service<Request<Inbound>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let shared = Arc::new(Shared::new(self.limits, self.rules));
        let mut serving = Serving {
            shared: Arc::clone(&shared),
            tls: self.tls.map(TlsAcceptor::from),
            open: self.open,
            changes: self.changes,
            slots: self.slots,
            sources: self.sources,
            make_service,
            connections: JoinSet::new(),
            completed: 0,
        };
        let served = async {
            serving.accept_until(&listener, pin!(shutdown)).await;
            let end = serving.begin_drain();
            serving.settle(&listener).await;
            if self.leaves_queue {
                drop(listener);
            } else {
                serving.take_established(listener);
            }
            serving.drain(end).await
        };
        tokio::select! {
            drained = served => drained,
            never = shared.clock.run() => match never {},
        }
    }
}

/// How the connections ended that were open when the edge shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that ended by themselves.
    pub completed: usize,
    /// Connections that were cut off after the grace time.
    pub aborted: usize,
}

struct Serving<M> {
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    open: OpenConnections,
    changes: Option<watch::Receiver<Limits>>,
    slots: Slots,
    sources: Option<Arc<Sources>>,
    make_service: M,
    connections: JoinSet<()>,
    /// Connections that have ended by themselves since the drain began.
    completed: usize,
}

impl<M> Serving<M> {
    async fn accept_until<L, S>(&mut self, listener: &L, mut end: Pin<&mut (dyn Future<Output = ()> + Send)>)
    where
        L: Listener,
        M: Fn(L::Peer) -> S,
        S: Inner,
    {
        let slots = self.slots.clone();
        let mut changes = self.changes.take();
        while !self.has_settled() {
            tokio::select! {
                biased;
                () = &mut end => return,
                limits = next(&mut changes) => self.change(limits),
                Some(ended) = self.connections.join_next() => self.note(ended),
                (slot, io, peer) = accept(&slots, || listener.accept()) => match slot {
                    Slot::Serve(permit) => self.serve_source::<L, S>(permit, io, peer),
                    Slot::Refuse(permit) => self.refuse(permit, io, Refusal::TooManyConnections),
                },
            }
        }
    }

    fn change(&mut self, limits: Limits) {
        self.slots.resize(limits.max_connections);
        self.shared = Arc::new(self.shared.within(limits));
    }

    /// Serves the connections that were established before the listener is closed, if there are slots for them.
    fn take_established<L, S>(&mut self, listener: L)
    where
        L: Listener,
        M: Fn(L::Peer) -> S,
        S: Inner,
    {
        let mut established = listener.into_established();
        while let Some(permit) = self.slots.free_now() {
            let Some((io, peer)) = established.next() else { return };
            self.spawn::<L, S>(permit, None, io, peer);
        }
    }

    /// Serves a connection, unless its source has too many.
    fn serve_source<L, S>(&mut self, permit: OwnedSemaphorePermit, io: Socket, peer: L::Peer)
    where
        L: Listener,
        M: Fn(L::Peer) -> S,
        S: Inner,
    {
        let Some((sources, address)) = self.sources.as_ref().zip(L::address(&peer)) else {
            return self.spawn::<L, S>(permit, None, io, peer);
        };
        if let Some(held) = sources.admit(address, Instant::now()) {
            return self.spawn::<L, S>(permit, Some(held), io, peer);
        }
        // The others are closed silently, which costs as little as possible.
        if let Some(permit) = self.slots.refuse_now() {
            self.refuse(permit, io, Refusal::TooManyOfSource);
        }
    }

    /// Tells every connection to end. Returns when the last must have ended.
    fn begin_drain(&mut self) -> Instant {
        while let Some(ended) = self.connections.try_join_next() {
            report(ended);
        }
        tracing::info!(connections = self.connections.len(), "draining");
        self.shared.drain();
        Instant::now() + self.shared.limits.grace
    }

    /// Goes on while a request may be on its way on a connection that has none.
    async fn settle<L, S>(&mut self, listener: &L)
    where
        L: Listener,
        M: Fn(L::Peer) -> S,
        S: Inner,
    {
        let settled = pin!(tokio::time::sleep(self.shared.settle()));
        self.accept_until(listener, settled).await;
    }

    /// Says whether the edge shuts down and no connection is left.
    fn has_settled(&self) -> bool {
        self.connections.is_empty() && self.shared.is_draining()
    }

    async fn drain(mut self, end: Instant) -> Drained {
        let all = async {
            while let Some(ended) = self.connections.join_next().await {
                self.note(ended);
            }
        };
        let _ = tokio::time::timeout_at(end, all).await;
        let drained = Drained { completed: self.completed, aborted: self.connections.len() };
        self.connections.shutdown().await;
        drained
    }

    fn note(&mut self, ended: Result<(), JoinError>) {
        report(ended);
        self.completed += usize::from(self.shared.is_draining());
    }

    fn refuse(&mut self, permit: OwnedSemaphorePermit, io: Socket, refusal: Refusal) {
        // To refuse it over TLS would take the handshake, which costs more than the request that it refuses.
        if self.tls.is_some() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        self.connections.spawn(async move {
            closing::refuse(io, refusal, &shared.rules).await;
            drop(permit);
        });
    }

    fn spawn<L, S>(&mut self, permit: OwnedSemaphorePermit, held: Option<Held>, io: Socket, peer: L::Peer)
    where
        L: Listener,
        M: Fn(L::Peer) -> S,
        S: Inner,
    {
        let service = (self.make_service)(peer);
        let shared = Arc::clone(&self.shared);
        let tls = self.tls.clone();
        let opened = self.open.enter();
        self.connections.spawn(async move {
            // All are returned when this ends, whatever the reason.
            let _held = (permit, held, opened);
            match tls {
                Some(tls) => connection::serve_tls(io, tls, service, &shared).await,
                None => connection::serve(io, service, &shared).await,
            }
        });
    }
}

/// Waits for new limits, or for ever if nobody changes them.
async fn next(changes: &mut Option<watch::Receiver<Limits>>) -> Limits {
    if let Some(following) = changes
        && following.changed().await.is_ok()
    {
        return following.borrow_and_update().clone();
    }
    std::future::pending().await
}

/// Waits for a free slot, then for a connection; an error of `next` is never final.
pub(crate) async fn accept<Io, Peer, F>(slots: &Slots, mut next: impl FnMut() -> F) -> (Slot, Io, Peer)
where
    F: Future<Output = io::Result<(Io, Peer)>>,
{
    let slot = slots.free().await;
    loop {
        match next().await {
            Ok((io, peer)) => return (slots.better(slot), io, peer),
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

/// Says whether the error is about one peer (accept(2)), so that the next connection may be there already.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, NotConnected};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | NotConnected
    )
}

fn report(ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a request panicked and took its connection with it");
    }
}
