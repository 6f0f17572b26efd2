//! A proxy between here and the upstream, which makes a tunnel for TLS (RFC 9110 §9.3.6).

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::{BoxError, Service};

/// A proxy that makes a tunnel to the upstream.
#[derive(Debug, Clone)]
pub struct Proxy {
    uri: Uri,
    authorization: Option<HeaderValue>,
}

/// The error for a proxy whose protocol is not supported, such as TLS or SOCKS.
#[derive(Debug, thiserror::Error)]
#[error("the proxy must be one of http://, as others are not supported here")]
pub struct UnsupportedProxy;

impl Proxy {
    /// The proxy that the environment names for requests to this URI (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`). There is none to this
    /// machine, nor for requests without TLS, which it would read.
    pub fn of_environment(target: &Uri) -> Result<Option<Self>, UnsupportedProxy> {
        Self::by(&Matcher::from_env(), target)
    }

    fn by(matcher: &Matcher, target: &Uri) -> Result<Option<Self>, UnsupportedProxy> {
        let host = target.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host.parse::<IpAddr>().map_or(host == "localhost", |address| address.is_loopback());
        let may_be = target.scheme_str() == Some("https") && !is_here;
        let Some(found) = may_be.then(|| matcher.intercept(target)).flatten() else { return Ok(None) };
        if found.uri().scheme_str() != Some("http") {
            return Err(UnsupportedProxy);
        }
        Ok(Some(Self { uri: found.uri().clone(), authorization: found.basic_auth().cloned() }))
    }
}

/// Connects to the upstream, or to the proxy and through it.
#[derive(Clone)]
pub(super) enum Outward {
    Direct(HttpConnector),
    Proxied(Tunnel<HttpConnector>),
}

impl Outward {
    pub(super) fn new(tcp: HttpConnector, proxy: Option<&Proxy>) -> Self {
        let Some(proxy) = proxy else { return Self::Direct(tcp) };
        let tunnel = Tunnel::new(proxy.uri.clone(), tcp);
        Self::Proxied(match &proxy.authorization {
            Some(authorization) => tunnel.with_auth(authorization.clone()),
            None => tunnel,
        })
    }
}

impl Service<Uri> for Outward {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<TcpStream>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Direct(tcp) => tcp.poll_ready(cx).map_err(Into::into),
            Self::Proxied(tunnel) => tunnel.poll_ready(cx).map_err(Into::into),
        }
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        match self {
            Self::Direct(tcp) => {
                let connecting = tcp.call(uri);
                Box::pin(async move { connecting.await.map_err(Into::into) })
            }
            Self::Proxied(tunnel) => {
                let connecting = tunnel.call(uri);
                Box::pin(async move { connecting.await.map_err(Into::into) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(matcher: &Matcher, target: &str) -> Option<Proxy> {
        Proxy::by(matcher, &target.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_proxy_is_for_tls_to_hosts_that_are_not_excepted() {
        let matcher =
            Matcher::builder().all("http://user:word@127.0.0.1:3128").no("inner.example,10.0.0.0/8").build();
        let found = proxy(&matcher, "https://core.example.com").unwrap();
        assert_eq!(found.uri.authority().unwrap().port_u16(), Some(3128));
        assert_eq!(found.authorization.unwrap(), "Basic dXNlcjp3b3Jk");
        for direct in [
            "http://core.example.com",
            "https://inner.example",
            "https://10.1.2.3",
            "https://127.0.0.9:8080",
            "https://[::1]:8080",
            "https://localhost",
        ] {
            assert!(proxy(&matcher, direct).is_none(), "{direct}");
        }
        assert!(proxy(&Matcher::builder().build(), "https://core.example.com").is_none());
    }

    #[test]
    fn a_proxy_of_another_kind_is_refused() {
        for other in ["https://127.0.0.1:3128", "socks5://127.0.0.1:1080"] {
            let matcher = Matcher::builder().all(other).build();
            assert!(Proxy::by(&matcher, &"https://core.example.com".parse().unwrap()).is_err(), "{other}");
        }
    }
}
