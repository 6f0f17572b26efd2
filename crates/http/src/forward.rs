//! Forwards requests to an upstream (RFC 9110 §7.6).
//!
//! Method, path, query, headers, body and trailers go as they are, in both directions, except for what ends with a
//! connection. A connection that switches to WebSocket is joined with the upstream's by the edge. Whoever forwards gets the request once more before it is sent, to add what the upstream wants:
//!
//! ```no_run
//! use http::{Request, Response};
//! use hyper::body::Incoming;
//! use tollgate_http::forward::{ForwardError, SendError, Upstream, Watched};
//!
//! async fn forward(
//!     upstream: &Upstream<Watched<Incoming>>,
//!     request: Request<Incoming>,
//! ) -> Result<Response<Incoming>, ForwardError<SendError>> {
//!     upstream.forward(request, |request| upstream.send(request, false, || None)).await
//! }
//! ```

use std::time::Duration;

use http::header::TRANSFER_ENCODING;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body;
use hyper::body::Incoming;
use rustls::ClientConfig;

mod connections;
mod headers;
mod progress;
mod proxy;

use connections::Connections;
pub use connections::{Failure, Limits, SendError, Sendable};
pub use progress::Watched;
use progress::{Awaited, Progress};
pub use proxy::{Proxy, UnsupportedProxy};

/// The target that requests are forwarded to: an origin, and a prefix of its paths.
#[derive(Debug, Clone)]
pub struct Target {
    scheme: Scheme,
    authority: Authority,
    base: String,
}

impl Target {
    /// Makes a target from a URI with scheme and authority and without a query; `None` for any other URI.
    pub fn new(uri: &Uri) -> Option<Self> {
        if uri.query().is_some() {
            return None;
        }
        let base = uri.path().trim_end_matches('/').to_owned();
        Some(Self { scheme: uri.scheme()?.clone(), authority: uri.authority()?.clone(), base })
    }

    /// Returns the origin, as a URI.
    pub fn origin(&self) -> Uri {
        let builder = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone());
        builder.path_and_query("/").build().expect("scheme, authority and path make a URI")
    }

    /// Returns the URI to which a request is forwarded. Its path and query stay as they are, byte for byte. Returns `None` for a
    /// request without a path, and for one whose path leads above the prefix.
    fn uri(&self, requested: Uri) -> Option<Uri> {
        let mut parts = requested.into_parts();
        let path = parts.path_and_query?;
        let path = if self.base.is_empty() {
            path
        } else if leads_above(path.path()) {
            return None;
        } else {
            PathAndQuery::try_from(format!("{}{path}", self.base)).ok()?
        };
        parts.path_and_query = Some(path);
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        Uri::from_parts(parts).ok()
    }
}

/// Says whether a path leads above its beginning, once its dot segments are removed (RFC 3986 §5.2.4). It is read as the upstream
/// may read it: with encoded dots, and with encoded slashes and backslashes as separators.
fn leads_above(path: &str) -> bool {
    let path = path
        .to_ascii_lowercase()
        .replace("%2f", "/")
        .replace("%5c", "/")
        .replace('\\', "/")
        .replace("%2e", ".");
    let mut depth = 0_i32;
    // For some servers, the text after a semicolon is a parameter of the segment.
    path.split('/').skip(1).map(|segment| segment.split(';').next().unwrap_or_default()).any(|segment| {
        depth += match segment {
            ".." => -1,
            // Some servers treat several slashes as one.
            "." | "" => 0,
            _ => 1,
        };
        depth < 0
    })
}

/// The upstream that requests are forwarded to, and the connections to it. `B` is the body that is sent.
pub struct Upstream<B> {
    target: Target,
    connections: Connections<B>,
    answer: Duration,
}

/// Why a forwarded request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError<E> {
    /// The request has no path. It was not sent.
    #[error("the target of the request must be a path")]
    Target,
    /// The caller's body ended early.
    #[error("the body of the request broke off")]
    Body,
    /// The caller's body stopped coming.
    #[error("the body of the request did not arrive in time")]
    SlowBody,
    /// The upstream did not answer in time. The request may have been handled.
    #[error("the upstream did not answer in time")]
    Timeout,
    /// The error of the code that sends the request.
    #[error(transparent)]
    Sending(E),
}

impl<B: Sendable> Upstream<B> {
    /// Prepares connections to a target.
    pub fn new(target: Target, tls: ClientConfig, limits: Limits) -> Self {
        Self::through(None, target, tls, limits)
    }

    /// Prepares connections to a target through a proxy, if there is one.
    pub fn through(proxy: Option<&Proxy>, target: Target, tls: ClientConfig, limits: Limits) -> Self {
        Self { target, answer: limits.answer, connections: Connections::new(tls, limits, proxy) }
    }

    /// Forwards a request. `send` gets it in the form for the upstream, and sends it by [`send`](Self::send).
    ///
    /// The upstream may take as long as the request's body makes progress, and then [`Limits::answer`].
    pub async fn forward<I, E, F>(
        &self,
        request: Request<I>,
        send: impl FnOnce(Request<Watched<I>>) -> F,
    ) -> Result<Response<Incoming>, ForwardError<E>>
    where
        I: Body,
        F: Future<Output = Result<Response<Incoming>, E>>,
    {
        let (mut head, body) = request.into_parts();
        head.uri = self.target.uri(head.uri).ok_or(ForwardError::Target)?;
        // The connection determines which version the upstream uses.
        head.version = Version::HTTP_11;
        let upgrade = headers::upgrade(&head.method, &head.headers);
        headers::strip_request(&mut head.headers);
        headers::say_upgrade(&mut head.headers, upgrade.as_ref());
        announce_body(&head.method, &mut head.headers, &body);
        let progress = Progress::new();
        let request = Request::from_parts(head, progress.of(body));
        let sent = tokio::select! {
            sent = send(request) => sent,
            awaited = progress.stalled(self.answer) => return Err(self.stalled(awaited)),
        };
        match sent {
            Ok(mut response) => {
                let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                headers::strip_response(response.headers_mut());
                headers::say_upgrade(response.headers_mut(), upgrade.as_ref().filter(|_| switches));
                *response.version_mut() = Version::HTTP_11;
                Ok(response)
            }
            Err(_) if progress.is_broken() => Err(ForwardError::Body),
            Err(error) => Err(ForwardError::Sending(error)),
        }
    }

    /// Sends a request. If its connection breaks before an answer, it sends the request that `again` makes, once, if that does
    /// no harm: the first was certainly not sent, or `may_arrive_twice`.
    pub async fn send(
        &self,
        request: Request<B>,
        may_arrive_twice: bool,
        again: impl FnOnce() -> Option<Request<B>>,
    ) -> Result<Response<Incoming>, SendError> {
        self.connections.send(request, may_arrive_twice, again).await
    }

    fn stalled<E>(&self, awaited: Awaited) -> ForwardError<E> {
        match awaited {
            Awaited::Caller => ForwardError::SlowBody,
            Awaited::Upstream => {
                self.connections.forget();
                ForwardError::Timeout
            }
        }
    }
}

/// Announces a body of unknown length if hyper would send none.
fn announce_body(method: &Method, headers: &mut HeaderMap, body: &impl Body) {
    let is_unusual = matches!(*method, Method::GET | Method::HEAD);
    if is_unusual && !body.is_end_stream() && body.size_hint().exact().is_none() {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_what_paths_begin_with() {
        let target = Target::new(&"https://core.example.com/base".parse().unwrap()).unwrap();
        let uri = |path: &str| target.uri(path.parse().unwrap()).map(|uri| uri.to_string());
        for below in ["/", "/a/../b", "/a/b/../../c", "/..a", "/a/...", "/a?x=/../..", "/%2e", "//a/../b"] {
            assert_eq!(uri(below), Some(format!("https://core.example.com/base{below}")), "{below}");
        }
        for above in [
            "/..",
            "/../x",
            "/a/../../x",
            "/%2e%2E/x",
            "/.%2e/x",
            "/a%2f..%2f..%2fx",
            "/..%5cx",
            "//../x",
            "/..;a/x",
        ] {
            assert_eq!(uri(above), None, "{above}");
        }
        let everything = Target::new(&"https://core.example.com".parse().unwrap()).unwrap();
        assert!(everything.uri("/../x".parse().unwrap()).is_some(), "there is nothing above");
    }

    fn forwarded(target: &str, requested: &str) -> Option<String> {
        let target = Target::new(&target.parse().unwrap())?;
        target.uri(requested.parse().unwrap()).map(|uri| uri.to_string())
    }

    #[test]
    fn path_and_query_stay_as_they_are_below_the_base() {
        for target in ["/", "/a/../b//c/./?q=%2f+%20&&=", "//evil.example/x", "/@evil.example:1", "/a:b?c#"] {
            let path = target.trim_end_matches('#');
            let found = forwarded("https://core.example.com", target);
            assert_eq!(found, Some(format!("https://core.example.com{path}")));
            let found = forwarded("http://127.0.0.1:8080/base/", target);
            assert_eq!(found, Some(format!("http://127.0.0.1:8080/base{path}")));
        }
        assert_eq!(forwarded("http://[::1]:1", "/x").as_deref(), Some("http://[::1]:1/x"));
    }

    #[test]
    fn a_target_names_scheme_and_host_and_no_query() {
        for target in ["/relative", "core.example.com", "https://core.example.com/?a"] {
            assert_eq!(forwarded(target, "/"), None, "{target}");
        }
    }
}
