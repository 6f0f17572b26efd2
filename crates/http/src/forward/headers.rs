//! Headers that end with a connection (RFC 9110 §7.6.1).

use http::header::{
    CONNECTION, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Returns the protocol that a request wants to switch to, if it is WebSocket (RFC 6455 §4.1); an offer of another protocol is not passed
/// on.
pub(super) fn upgrade(method: &Method, headers: &HeaderMap) -> Option<HeaderValue> {
    let mut offers = headers.get_all(UPGRADE).iter();
    let offer = offers.next().filter(|offer| offer.as_bytes().eq_ignore_ascii_case(b"websocket"))?;
    let mut named = headers.get_all(CONNECTION).iter().flat_map(names);
    let is_meant = named.any(|name| name.eq_ignore_ascii_case(b"upgrade"));
    (*method == Method::GET && is_meant && offers.next().is_none()).then(|| offer.clone())
}

/// Adds the headers by which a connection switches to a protocol.
pub(super) fn say_upgrade(headers: &mut HeaderMap, upgrade: Option<&HeaderValue>) {
    if let Some(upgrade) = upgrade {
        headers.append(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, upgrade.clone());
    }
}

/// Removes the headers that end with the caller's connection, and the host, since the upstream has its own.
pub(super) fn strip_request(headers: &mut HeaderMap) {
    let wants_trailers = headers
        .get_all(TE)
        .iter()
        .any(|value| names(value).any(|name| name.eq_ignore_ascii_case(b"trailers")));
    strip_hop_by_hop(headers);
    for name in [PROXY_AUTHORIZATION, HOST, EXPECT] {
        headers.remove(name);
    }
    if wants_trailers {
        // Trailers are passed on, so this applies to the next connection, too (RFC 9110 §10.1.4).
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
}

/// Removes the headers that end with the upstream's connection.
pub(super) fn strip_response(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
    headers.remove(PROXY_AUTHENTICATE);
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(names)
            // A text that is not a header's name removes nothing.
            .filter_map(|name| HeaderName::from_bytes(name).ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
}

/// Returns the names in a list.
fn names(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    const HOP_BY_HOP: [(&str, &str); 9] = [
        ("connection", "Close, X-Hop"),
        ("connection", "x-other-hop ,"),
        ("x-hop", "1"),
        ("x-other-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("te", "gzip"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
    ];

    #[test]
    fn a_request_loses_what_ends_here() {
        let kept = [("x-kept", "1"), ("trailer", "x-sum"), ("cookie", "a"), ("authorization", "Bearer mine")];
        let own = [("proxy-authorization", "Basic a"), ("host", "localhost"), ("expect", "100-continue")];
        let mut found = headers(&[&HOP_BY_HOP[..], &own, &kept].concat());
        strip_request(&mut found);
        assert_eq!(found, headers(&kept));
    }

    #[test]
    fn an_odd_byte_hides_no_name() {
        let mut found = headers(&[("x-hop", "1"), ("x-kept", "1")]);
        found.insert("connection", HeaderValue::from_bytes(b"\xff, X-Hop").unwrap());
        strip_response(&mut found);
        assert_eq!(found, headers(&[("x-kept", "1")]));
    }

    #[test]
    fn a_caller_that_takes_trailers_gets_them() {
        let mut found = headers(&[("te", "gzip, Trailers"), ("connection", "TE")]);
        strip_request(&mut found);
        assert_eq!(found, headers(&[("te", "trailers"), ("connection", "te")]));
    }

    #[test]
    fn a_response_loses_what_ends_here() {
        let kept = [("x-kept", "1"), ("set-cookie", "a"), ("www-authenticate", "Bearer"), ("location", "/")];
        let own = [("proxy-authenticate", "Basic")];
        let mut found = headers(&[&HOP_BY_HOP[..], &own, &kept].concat());
        strip_response(&mut found);
        assert_eq!(found, headers(&kept));
    }
}
