//! Connections to the upstream: how they are made and kept, and what happens to a request when one breaks.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::header::UPGRADE;
use http::{Request, Response, Uri};
use http_body::Body;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::timeout;
use tower::Service;

use super::proxy::{Outward, Proxy};

/// How often a silent connection is checked.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// The time limits for an upstream.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Time for a connection, TLS included.
    pub connect: Duration,
    /// Time in which the upstream's machine must acknowledge data that was sent to it (on Linux).
    pub acknowledged: Duration,
    /// Time without progress until the answer begins.
    pub answer: Duration,
    /// Time that a connection is kept without a request.
    pub idle: Duration,
}

/// A body that can be sent. It follows from the bounds and is never implemented by hand.
pub trait Sendable: Body<Data: Send, Error: Into<BoxError>> + Send + Unpin + 'static {}

impl<B: Body<Data: Send, Error: Into<BoxError>> + Send + Unpin + 'static> Sendable for B {}

/// Sends requests, and repeats once those that may be repeated.
pub(super) struct Connections<B> {
    kept: ArcSwap<Client<Connector, B>>,
    /// A client that makes a new connection for each request: idle connections may be as dead as the one that broke.
    fresh: Client<Connector, B>,
    /// A client that makes an HTTP/1.1 connection for each request that switches to another protocol, which HTTP/2 can't.
    switching: Client<Connector, B>,
    connector: Connector,
    limits: Limits,
}

/// Why there is no answer to a request that was sent. It contains neither the URL nor a header.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SendError(legacy::Error);

/// The meaning of a [`SendError`] for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection could be made. The request was not sent.
    Connect,
    /// The connection broke. The request may have been handled.
    Broken,
    /// A connection or an acknowledgement did not come in time. The request may have been handled.
    Timeout,
}

type Connector = Timed<HttpsConnector<Outward>>;

type BoxError = Box<dyn Error + Send + Sync>;

impl<B: Sendable> Connections<B> {
    pub(super) fn new(tls: ClientConfig, limits: Limits, proxy: Option<&Proxy>) -> Self {
        let switching = connector(tls.clone(), Versions::One, &limits, proxy);
        let connector = connector(tls, Versions::All, &limits, proxy);
        Self {
            kept: ArcSwap::from_pointee(client(connector.clone(), &limits, usize::MAX)),
            fresh: client(connector.clone(), &limits, 0),
            switching: client(switching, &limits, 0),
            connector,
            limits,
        }
    }

    /// Drops the idle connections, since one to the same place has gone silent.
    pub(super) fn forget(&self) {
        self.kept.store(Arc::new(client(self.connector.clone(), &self.limits, usize::MAX)));
    }

    /// Sends a request, and once more the one that `again` makes if that does no harm.
    pub(super) async fn send(
        &self,
        request: Request<B>,
        may_arrive_twice: bool,
        again: impl FnOnce() -> Option<Request<B>>,
    ) -> Result<Response<Incoming>, SendError> {
        if request.headers().contains_key(UPGRADE) {
            return self.switching.request(request).await.map_err(SendError);
        }
        let sending = self.kept.load().request(request);
        let error = match sending.await {
            Ok(response) => return Ok(response),
            Err(error) => SendError(error),
        };
        if error.is_given_up_by_system() {
            self.forget();
        }
        let is_harmless = error.is_unsent() || (error.is_broken() && may_arrive_twice);
        let Some(again) = is_harmless.then(again).flatten() else { return Err(error) };
        self.fresh.request(again).await.map_err(SendError)
    }
}

impl SendError {
    /// Returns what the error means for the request.
    pub fn failure(&self) -> Failure {
        match (self.is_timed_out(), self.0.is_connect()) {
            (true, _) => Failure::Timeout,
            (false, true) => Failure::Connect,
            (false, false) => Failure::Broken,
        }
    }

    /// Says whether the request was never sent: there was no connection, or it closed before.
    fn is_unsent(&self) -> bool {
        if self.0.is_connect() {
            return !self.is_timed_out();
        }
        self.cause::<hyper::Error>().is_some_and(hyper::Error::is_canceled)
    }

    /// Says whether the connection broke. Otherwise the caller's body did, or the answer is not HTTP.
    fn is_broken(&self) -> bool {
        let hyper = self.cause::<hyper::Error>();
        !self.0.is_connect() && hyper.is_some_and(|error| !error.is_user() && !error.is_parse())
    }

    fn is_timed_out(&self) -> bool {
        self.cause::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::TimedOut)
    }

    /// Says whether the system gave up the connection because nothing was acknowledged. This program's own limits cause the same error
    /// when an answer takes too long, but without an error number of the system.
    fn is_given_up_by_system(&self) -> bool {
        let io = self.cause::<io::Error>();
        io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut && io.raw_os_error().is_some())
    }

    /// Returns the first of the causes that has this type.
    fn cause<E: Error + 'static>(&self) -> Option<&E> {
        let mut cause = self.0.source();
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }
}

/// The versions of HTTP that TLS may negotiate.
#[derive(Clone, Copy)]
enum Versions {
    All,
    One,
}

fn connector(tls: ClientConfig, versions: Versions, limits: &Limits, proxy: Option<&Proxy>) -> Connector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEP_ALIVE));
    #[cfg(any(target_os = "linux", target_os = "android"))]
    tcp.set_tcp_user_timeout(Some(limits.acknowledged));
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    let outward = Outward::new(tcp, proxy);
    let connector = match versions {
        Versions::All => builder.enable_all_versions().wrap_connector(outward),
        Versions::One => builder.enable_http1().wrap_connector(outward),
    };
    Timed { connector, limit: limits.connect }
}

/// Makes a client that keeps this many connections for further requests.
fn client<B: Sendable>(connector: Connector, limits: &Limits, kept: usize) -> Client<Connector, B> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(limits.idle)
        .pool_max_idle_per_host(kept)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(limits.acknowledged)
        .build(connector)
}

/// A connector with a time limit for a connection, TLS included.
#[derive(Clone)]
struct Timed<C> {
    connector: C,
    limit: Duration,
}

impl<C> Service<Uri> for Timed<C>
where
    C: Service<Uri, Error: Into<BoxError>, Future: Send + 'static>,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = timeout(self.limit, self.connector.call(uri));
        Box::pin(async move {
            let connected = connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
            connected.map_err(Into::into)
        })
    }
}
