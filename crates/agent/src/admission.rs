//! Checks which requests are forwarded, before anything is sent.

use std::net::SocketAddr;

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, EXPECT, HOST, ORIGIN, UPGRADE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version};
use tollgate_http::{HostName, has_own_host};

use crate::refusal::Kind;

/// The header that a program sends over TCP. A page in a browser would need a CORS preflight for it.
pub(crate) const MARKER: HeaderName = HeaderName::from_static("x-tollgate-agent");

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The address that a request came in by, which any program of any user and any page in a browser can reach; `None` for a socket in the
/// file system, where the kernel has named the user.
pub(crate) type Door = Option<SocketAddr>;

/// Checks a request for the upstream.
pub(crate) fn forward<B>(request: &Request<B>, door: Door, names: &[HostName]) -> Result<(), Kind> {
    about(request, door, names)?;
    trace(request.method())?;
    marker(request.headers(), door)?;
    upgrade(request.headers())?;
    expectation(request.headers())
}

/// Checks a request for the agent itself.
pub(crate) fn about<B>(request: &Request<B>, door: Door, names: &[HostName]) -> Result<(), Kind> {
    target(request)?;
    host(request, door, names)?;
    browser(request)
}

/// Requires a path as target (RFC 9112 §3.2.1). HTTP/2 has only paths, except for CONNECT, and names the host separately.
fn target<B>(request: &Request<B>) -> Result<(), Kind> {
    let is_origin_form = request.version() == Version::HTTP_2 || request.uri().authority().is_none();
    let path = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
    let is_path = is_origin_form && path.starts_with('/') && *request.method() != Method::CONNECT;
    if is_path { Ok(()) } else { Err(Kind::Target) }
}

/// Refuses TRACE, whose answer would contain the token (RFC 9110 §9.3.8).
fn trace(method: &Method) -> Result<(), Kind> {
    if *method == Method::TRACE { Err(Kind::Method) } else { Ok(()) }
}

/// Requires the agent's own address or one of these names as the one host, against DNS rebinding. A socket in the file system has no
/// name that could be another's.
fn host<B>(request: &Request<B>, door: Door, names: &[HostName]) -> Result<(), Kind> {
    let is_one = request.headers().get_all(HOST).iter().nth(1).is_none();
    let is_ours = door.is_none_or(|address| has_own_host(request, address, names));
    if is_one && is_ours { Ok(()) } else { Err(Kind::Host) }
}

/// Refuses requests and preflights of pages in browsers.
fn browser<B>(request: &Request<B>) -> Result<(), Kind> {
    let headers = request.headers();
    let is_preflight =
        *request.method() == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let is_page = headers.contains_key(ORIGIN) || headers.contains_key(SEC_FETCH_SITE);
    if is_preflight || is_page { Err(Kind::Browser) } else { Ok(()) }
}

fn marker(headers: &HeaderMap, door: Door) -> Result<(), Kind> {
    let mut values = headers.get_all(MARKER).iter();
    let is_marked = values.next().is_some_and(|value| value == "1") && values.next().is_none();
    if is_marked || door.is_none() { Ok(()) } else { Err(Kind::Marker) }
}

/// Refuses an upgrade to another protocol than WebSocket, which is passed on. An offer of HTTP/2, as Java sends it, is ignored
/// (RFC 9110 §7.8).
fn upgrade(headers: &HeaderMap) -> Result<(), Kind> {
    let is = |value: &HeaderValue, name: &[u8]| value.as_bytes().eq_ignore_ascii_case(name);
    let offers: Vec<&HeaderValue> = headers.get_all(UPGRADE).iter().collect();
    let is_websocket = matches!(offers[..], [offer] if is(offer, b"websocket"));
    let is_ignored = offers.iter().all(|offer| is(offer, b"h2c"));
    if is_websocket || is_ignored { Ok(()) } else { Err(Kind::Upgrade) }
}

/// Refuses expectations other than `100-continue` (RFC 9110 §10.1.1).
fn expectation(headers: &HeaderMap) -> Result<(), Kind> {
    let mut values = headers.get_all(EXPECT).iter();
    let is_known = values.all(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if is_known { Ok(()) } else { Err(Kind::Expectation) }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};

    use super::*;

    const TCP: Door = Some(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 7070)));

    fn check(door: Door, method: &str, target: &str, headers: &[(&str, &str)]) -> Result<(), Kind> {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        forward(&request.body(()).unwrap(), door, &[])
    }

    /// Checks a valid request over TCP with these additional headers.
    fn tcp(method: &str, target: &str, headers: &[(&str, &str)]) -> Result<(), Kind> {
        let fine = [("host", "127.0.0.1:7070"), ("x-tollgate-agent", "1")];
        check(TCP, method, target, &[&fine, headers].concat())
    }

    #[test]
    fn over_tcp_the_header_is_said_exactly_once() {
        let host = ("host", "localhost:7070");
        let said = |values: &[&str]| {
            let markers = values.iter().map(|value| ("x-tollgate-agent", *value));
            check(TCP, "GET", "/", &[host].into_iter().chain(markers).collect::<Vec<_>>())
        };
        assert_eq!(said(&["1"]), Ok(()));
        for refused in [&[][..], &["1", "1"], &["1", "0"], &["2"], &[""], &["1, 1"], &["1 1"]] {
            assert_eq!(said(refused), Err(Kind::Marker), "{refused:?}");
        }
    }

    #[test]
    fn over_tcp_the_host_is_the_agents_own() {
        let with = |host: &str| check(TCP, "GET", "/", &[("host", host), ("x-tollgate-agent", "1")]);
        assert_eq!(with("localhost:7070"), Ok(()));
        assert_eq!(with("evil.example:7070"), Err(Kind::Host));
        assert_eq!(check(TCP, "GET", "/", &[("x-tollgate-agent", "1")]), Err(Kind::Host));
        assert_eq!(tcp("GET", "/", &[("host", "127.0.0.1:7070")]), Err(Kind::Host));
    }

    #[test]
    fn trace_is_refused() {
        assert_eq!(tcp("TRACE", "/", &[]), Err(Kind::Method));
    }

    #[test]
    fn over_the_socket_neither_is_asked_for() {
        assert_eq!(check(None, "GET", "/", &[]), Ok(()));
        assert_eq!(check(None, "GET", "/", &[("host", "core.example.com")]), Ok(()));
        assert_eq!(check(None, "GET", "/", &[("host", "a"), ("host", "b")]), Err(Kind::Host));
    }

    #[test]
    fn a_browser_is_refused_by_either_door() {
        for door in [TCP, None] {
            let fine = [("host", "127.0.0.1:7070"), ("x-tollgate-agent", "1")];
            let with = |method, header| check(door, method, "/", &[&fine[..], &[header]].concat());
            for header in [("origin", "null"), ("sec-fetch-site", "none"), ("origin", "http://localhost")] {
                assert_eq!(with("POST", header), Err(Kind::Browser), "{header:?}");
            }
            let preflight = ("access-control-request-method", "POST");
            assert_eq!(with("OPTIONS", preflight), Err(Kind::Browser));
            // Node's fetch sends it.
            assert_eq!(with("GET", ("sec-fetch-mode", "cors")), Ok(()));
        }
    }

    #[test]
    fn only_a_path_is_a_target() {
        for target in ["/", "/a/../b//c?d=%2F", "//evil.example/", "/:a@b"] {
            assert_eq!(tcp("GET", target, &[]), Ok(()), "{target}");
        }
        for target in ["http://evil.example/", "http://127.0.0.1:7070/", "evil.example:443", "*"] {
            assert_eq!(tcp("GET", target, &[]), Err(Kind::Target), "{target}");
        }
        assert_eq!(tcp("CONNECT", "127.0.0.1:7070", &[]), Err(Kind::Target));
    }

    #[test]
    fn no_upgrade_but_websocket_and_an_offer_of_http_2_is_let_pass() {
        assert_eq!(tcp("GET", "/", &[("upgrade", "WebSocket")]), Ok(()));
        assert_eq!(tcp("GET", "/", &[("upgrade", "tls/1.3")]), Err(Kind::Upgrade));
        assert_eq!(
            tcp("GET", "/", &[("upgrade", "websocket"), ("upgrade", "websocket")]),
            Err(Kind::Upgrade)
        );
        assert_eq!(tcp("GET", "/", &[("upgrade", "h2c"), ("upgrade", "websocket")]), Err(Kind::Upgrade));
        assert_eq!(tcp("GET", "/", &[("upgrade", "h2c")]), Ok(()));
    }

    #[test]
    fn only_one_expectation_is_known() {
        assert_eq!(tcp("POST", "/", &[("expect", "100-Continue")]), Ok(()));
        assert_eq!(tcp("POST", "/", &[("expect", "payment")]), Err(Kind::Expectation));
    }
}
