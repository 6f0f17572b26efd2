//! Where the agent forwards to, and how it gets there.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;
use tower_service::Service;
use url::Url;

use crate::Limits;
use crate::progress::Watched;
use crate::refusal::Kind;
use tollgate_client::{ConfigurationError, Origin, Replay, tls_config};

/// How often a connection without a word is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// The one place that requests are forwarded to: an origin, and what its paths begin with.
#[derive(Debug, Clone)]
pub struct Upstream {
    origin: Origin,
    scheme: Scheme,
    authority: Authority,
    base: String,
}

impl Upstream {
    /// The upstream at this URL. It must be https, unless it is on this machine.
    pub fn new(url: &str) -> Result<Self, ConfigurationError> {
        let origin = Origin::of(url)?;
        let url = Url::parse(url).map_err(|_| ConfigurationError::Url)?;
        if url.query().is_some() {
            return Err(ConfigurationError::Url);
        }
        let host = url.host_str().ok_or(ConfigurationError::Url)?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self {
            origin,
            scheme: url.scheme().parse().map_err(|_| ConfigurationError::Url)?,
            authority: authority.parse().map_err(|_| ConfigurationError::Url)?,
            base: url.path().trim_end_matches('/').to_owned(),
        })
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin.clone()
    }

    /// Where a request with this target goes. Path and query stay as they are, byte for byte.
    pub(crate) fn uri(&self, target: Uri) -> Result<Uri, Kind> {
        let mut parts = target.into_parts();
        let path = parts.path_and_query.ok_or(Kind::Target)?;
        let path = if self.base.is_empty() {
            path
        } else {
            PathAndQuery::try_from(format!("{}{path}", self.base)).map_err(|_| Kind::Target)?
        };
        parts.path_and_query = Some(path);
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        Uri::from_parts(parts).map_err(|_| Kind::Target)
    }
}

/// What requests are sent by.
pub(crate) type Sender = Client<Connector, Body>;

/// The body that is sent.
pub(crate) type Body = Replay<Watched<Incoming>>;

/// What connections are made by.
pub(crate) type Connector = Timed<HttpsConnector<HttpConnector>>;

/// The error of a request that was sent.
pub(crate) type SendError = hyper_util::client::legacy::Error;

/// How it gets there: TLS, and the bounds of a connection. It fails where TLS can't be set up.
pub(crate) fn connector(limits: &Limits) -> Result<Connector, ConfigurationError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEP_ALIVE));
    #[cfg(any(target_os = "linux", target_os = "android"))]
    tcp.set_tcp_user_timeout(Some(limits.acknowledged));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls_config()?)
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(tcp);
    Ok(Timed { connector, limit: limits.connect })
}

/// Makes a sender that keeps so many connections for further requests.
pub(crate) fn sender(connector: Connector, limits: &Limits, kept: usize) -> Sender {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(limits.idle)
        .pool_max_idle_per_host(kept)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(limits.acknowledged)
        .build(connector)
}

/// What the agent says of an error. The URL and the headers are in none of it.
pub(crate) fn kind_of(error: &SendError) -> Kind {
    let mut source = error.source();
    while let Some(error) = source {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return Kind::Timeout;
        }
        source = error.source();
    }
    if error.is_connect() { Kind::Connect } else { Kind::Upstream }
}

/// A connector that has this long for a connection, TLS included.
#[derive(Clone)]
pub(crate) struct Timed<C> {
    connector: C,
    limit: Duration,
}

type BoxError = Box<dyn Error + Send + Sync>;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(url: &str, target: &str) -> String {
        Upstream::new(url).unwrap().uri(target.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn path_and_query_stay_as_they_are_below_the_base() {
        for target in ["/", "/a/../b//c/./?q=%2f+%20&&=", "//evil.example/x", "/@evil.example:1", "/a:b?c#"] {
            let path = target.trim_end_matches('#');
            assert_eq!(
                forwarded("https://core.example.com", target),
                format!("https://core.example.com{path}")
            );
            assert_eq!(
                forwarded("http://127.0.0.1:8080/base/", target),
                format!("http://127.0.0.1:8080/base{path}")
            );
        }
        assert_eq!(forwarded("http://[::1]:1", "/x"), "http://[::1]:1/x");
    }

    #[test]
    fn an_upstream_is_https_or_on_this_machine() {
        for url in ["http://core.example.com", "https://core.example.com/?a", "https://u@a.example", "a"] {
            assert!(Upstream::new(url).is_err(), "{url}");
        }
    }
}
