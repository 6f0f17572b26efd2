//! Headers of proxies about the caller: `X-Forwarded-For`, and `Forwarded` (RFC 7239).
//!
//! Each proxy appends the address of its peer, so the list is read from its end, and only as far as trusted proxies wrote
//! it. The entries before that are the caller's claims, which are not even read.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::IpNet;

use crate::ClientAddress;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// How many bytes of an element are quoted in the log.
const QUOTED: usize = 100;

/// Finds the address of the caller: the peer's own or, if the peer is a trusted proxy, the last address in
/// `X-Forwarded-For` or `Forwarded` that is not a trusted proxy's. An address may have a port, brackets or quotes.
///
/// It is unknown if its element can't be read, if a header is present without an element, and if both
/// headers are present with different addresses: a proxy writes one of them, and may pass on the caller's other one.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> ClientAddress {
    let peer = peer.to_canonical();
    if !is_in(trusted, peer) {
        return peer.into();
    }
    let by = |name: HeaderName, read: fn(&[u8]) -> Option<IpAddr>| {
        headers.contains_key(&name).then(|| last_untrusted(headers, &name, read, trusted))
    };
    match (by(X_FORWARDED_FOR, hop), by(FORWARDED, forwarded_for)) {
        (None, None) => peer.into(),
        (Some(address), None) | (None, Some(address)) => address,
        (Some(one), Some(other)) if one == other => one,
        (Some(_), Some(_)) => {
            warn_once("X-Forwarded-For and Forwarded", b"(they tell different addresses)");
            ClientAddress::Unknown
        }
    }
}

fn is_in(blocks: &[IpNet], address: IpAddr) -> bool {
    blocks.iter().any(|block| block.contains(&address))
}

/// Reads the lines of a header as one list (RFC 9110 §5.3), from its end.
fn last_untrusted(
    headers: &HeaderMap,
    name: &HeaderName,
    read: fn(&[u8]) -> Option<IpAddr>,
    trusted: &[IpNet],
) -> ClientAddress {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
    let mut last = ClientAddress::Unknown;
    for element in lines.into_iter().rev().flat_map(elements) {
        let Some(address) = read(element) else {
            warn_once(name.as_str(), element);
            return ClientAddress::Unknown;
        };
        last = address.into();
        if !is_in(trusted, address) {
            break;
        }
    }
    last
}

/// Returns the elements of a list, the last one first. Empty ones mean nothing (RFC 9110 §5.6.1.2).
///
/// A comma within quotes cuts an element into pieces. No address contains one, and none of the pieces [is whole](is_whole).
fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Reads `for` from an element of `Forwarded` (RFC 7239 §4). The other parameters don't matter, but each must be
/// well-formed: if an element is not a list of parameters, none of it is believed.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    for pair in element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_at(pair.iter().position(|byte| *byte == b'=')?);
        let value = value[1..].trim_ascii();
        // Two in one element are an error; choosing one would be a guess.
        let is_again = name.trim_ascii().eq_ignore_ascii_case(b"for") && found.replace(value).is_some();
        if is_again || !is_whole(value) {
            return None;
        }
    }
    hop(without_obfuscated_port(found?))
}

/// Removes a port that a proxy hides behind a name of its own, such as `_a1` (RFC 7239 §6).
fn without_obfuscated_port(node: &[u8]) -> &[u8] {
    let inner = unquoted(node);
    let Some(colon) = inner.iter().rposition(|byte| *byte == b':') else { return node };
    let (name, port) = inner.split_at(colon);
    let is_obfuscated = port[1..].split_first().is_some_and(|(first, rest)| {
        let is_of_it = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        *first == b'_' && !rest.is_empty() && rest.iter().all(is_of_it)
    });
    let is_one_address = name.ends_with(b"]") || !name.contains(&b':');
    if is_obfuscated && is_one_address { name } else { node }
}

/// Says whether a value is complete: quoted as a whole, or not at all. A caller chooses the value of `host`, such as
/// `x, for=192.0.2.1;a=`. The pieces of that, cut at its commas and semicolons, must not be taken for parameters that the proxy wrote.
fn is_whole(value: &[u8]) -> bool {
    !unquoted(value).iter().any(|byte| matches!(byte, b'"' | b'\\'))
}

/// What stands in the quotes around all of a value, or the value if there are none.
fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}

/// Reads an address: `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:443`, each with
/// quotes or without.
fn hop(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim_ascii();
    let text = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => text,
    };
    let address = if let Ok(address) = text.parse::<IpAddr>() {
        address
    } else if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        inner.parse::<Ipv6Addr>().ok()?.into()
    } else {
        text.parse::<SocketAddr>().ok()?.ip()
    };
    Some(address.to_canonical())
}

/// Logs once per process what could not be read: the operator of the proxy must notice it, but strangers must not be
/// able to fill the log.
fn warn_once(header: &str, seen: &[u8]) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Relaxed) {
        let seen = seen[..seen.len().min(QUOTED)].escape_ascii();
        tracing::warn!(
            header,
            %seen,
            "a trusted proxy tells no address of the caller: the caller counts as unknown (said once)"
        );
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const TRUSTED: &[&str] = &["10.0.0.0/8", "fd00::/8"];

    fn address_of(peer: &str, lines: &[(&'static str, &[u8])], trusted: &[&str]) -> ClientAddress {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|block| block.parse().unwrap()).collect();
        client_address(peer.parse().unwrap(), &headers, &trusted)
    }

    fn behind_a_proxy(header: &'static str, value: &[u8]) -> ClientAddress {
        address_of("10.0.0.1", &[(header, value)], TRUSTED)
    }

    fn known(address: &str) -> ClientAddress {
        ClientAddress::Known(address.parse().unwrap())
    }

    #[test]
    fn nobody_is_believed_unless_trusted() {
        let lines: &[(_, &[u8])] = &[
            ("x-forwarded-for", b"192.0.2.1"),
            ("forwarded", b"for=192.0.2.2"),
            ("x-forwarded-for", b"\xff"),
        ];
        assert_eq!(address_of("10.0.0.1", lines, &[]), known("10.0.0.1"));
        assert_eq!(address_of("192.0.2.9", lines, TRUSTED), known("192.0.2.9"));
        assert_eq!(address_of("10.0.0.1", &[], TRUSTED), known("10.0.0.1"));
    }

    #[test]
    fn the_last_untrusted_address_is_the_callers() {
        let cases: [&[(&str, &[u8])]; 6] = [
            &[("x-forwarded-for", b"192.0.2.1")],
            &[("x-forwarded-for", b"203.0.113.7, 192.0.2.1, 10.0.0.2")],
            &[("x-forwarded-for", b"203.0.113.7"), ("x-forwarded-for", b"192.0.2.1")],
            &[("x-forwarded-for", b"203.0.113.7, 192.0.2.1"), ("x-forwarded-for", b"10.0.0.2,fd00::1")],
            &[("x-forwarded-for", b"\xff, nonsense, 192.0.2.1")],
            &[
                ("x-forwarded-for", b"192.0.2.1"),
                ("forwarded", b"for=203.0.113.7, for=192.0.2.1;proto=https"),
            ],
        ];
        for lines in cases {
            assert_eq!(address_of("10.0.0.1", lines, TRUSTED), known("192.0.2.1"), "{lines:?}");
            assert_eq!(address_of("::ffff:10.0.0.1", lines, TRUSTED), known("192.0.2.1"), "{lines:?}");
        }
        assert_eq!(behind_a_proxy("x-forwarded-for", b"10.0.0.9, 10.0.0.2"), known("10.0.0.9"));
    }

    #[test]
    fn what_a_caller_has_put_between_quotes_is_no_parameter() {
        for (value, seen) in [
            ("for=203.0.113.7;host=\"x, for=192.0.2.1;a=\"", None),
            ("for=203.0.113.7;host=\"x,for=192.0.2.1\";proto=https", None),
            ("for=203.0.113.7;host=\"x,for=192.0.2.1;a=\";proto=https", None),
            ("for=203.0.113.7;host=\"x,for=192.0.2.1;a=\\\"b\"", None),
            ("host=\"x,for=192.0.2.1;a=\";for=203.0.113.7", None),
            ("by=_p;host=\"x;for=192.0.2.1;a=\"", None),
            ("for=192.0.2.1;host=\"", None),
            ("for=192.0.2.1;host=\"x:80\";proto=\"\"", Some("192.0.2.1")),
            ("host=\"a,b\", for=192.0.2.1", Some("192.0.2.1")),
        ] {
            assert_eq!(
                behind_a_proxy("forwarded", value.as_bytes()),
                seen.map_or(ClientAddress::Unknown, known),
                "{value}"
            );
        }
    }

    #[test]
    fn an_address_may_have_a_port_brackets_or_quotes() {
        for (value, address) in [
            ("192.0.2.1:51234", "192.0.2.1"),
            ("\"192.0.2.1\"", "192.0.2.1"),
            ("\"192.0.2.1:80\"", "192.0.2.1"),
            ("192.0.2.1,", "192.0.2.1"),
            ("192.0.2.1, ,", "192.0.2.1"),
            ("\t192.0.2.1 ", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
        ] {
            assert_eq!(behind_a_proxy("x-forwarded-for", value.as_bytes()), known(address), "{value}");
            let forwarded = format!("proto=https; FOR={value}");
            assert_eq!(behind_a_proxy("forwarded", forwarded.as_bytes()), known(address), "{forwarded}");
        }
    }

    #[test]
    fn a_port_may_be_obfuscated() {
        for (value, seen) in [
            ("for=\"192.0.2.1:_port\"", Some("192.0.2.1")),
            ("for=192.0.2.1:_p-1._", Some("192.0.2.1")),
            ("for=\"[2001:db8::1]:_a\"", Some("2001:db8::1")),
            ("for=\"192.0.2.1:_\"", None),
            ("for=\"192.0.2.1:_a b\"", None),
            ("for=\"192.0.2.1:80:_a\"", None),
            ("for=\"2001:db8::1:_a\"", None),
            ("for=\"_hidden:_a\"", None),
            ("for=\":_a\"", None),
        ] {
            let seen = seen.map_or(ClientAddress::Unknown, known);
            assert_eq!(behind_a_proxy("forwarded", value.as_bytes()), seen, "{value}");
        }
        assert_eq!(behind_a_proxy("x-forwarded-for", b"192.0.2.1:_port"), ClientAddress::Unknown);
    }

    #[test]
    fn what_can_not_be_read_is_nobody_and_never_the_proxy() {
        for value in [
            b"".as_slice(),
            b" , ,",
            b"\xff",
            b"192.0.2.1, \xff",
            b"unknown",
            b"_hidden",
            b"192.0.2",
            b"192.0.2.1:",
            b"192.0.2.1:port",
            b"192.0.2.1:65536",
            b"192.0.2.01",
            b"0x7f.1",
            b"[192.0.2.1]",
            b"[2001:db8::1",
            b"2001:db8::1]",
            b"fe80::1%eth0",
            b"\"192.0.2.1",
            b"192.0.2.1\"",
            b"\"192.0.2.1, 10.0.0.1\"",
            b"192.0.2.1 192.0.2.2",
            b"localhost",
            "١٩٢.0.2.1".as_bytes(),
        ] {
            for (header, value) in
                [("x-forwarded-for", value.to_vec()), ("forwarded", [b"for=", value].concat())]
            {
                let shown = value.escape_ascii().to_string();
                assert_eq!(behind_a_proxy(header, &value), ClientAddress::Unknown, "{header}: {shown}");
            }
        }
        for forwarded in [
            "proto=https",
            "for",
            "for=",
            "192.0.2.1",
            "for=192.0.2.1;for=192.0.2.2",
            "xfor=192.0.2.1",
            "for;for=192.0.2.1",
            "for=192.0.2.1;\u{e9}",
        ] {
            assert_eq!(
                behind_a_proxy("forwarded", forwarded.as_bytes()),
                ClientAddress::Unknown,
                "{forwarded}"
            );
        }
    }

    #[test]
    fn of_two_headers_that_tell_different_addresses_neither_is_believed() {
        let lines: &[(_, &[u8])] = &[("x-forwarded-for", b"192.0.2.1"), ("forwarded", b"for=192.0.2.2")];
        assert_eq!(address_of("10.0.0.1", lines, TRUSTED), ClientAddress::Unknown);
    }

    proptest! {
        #[test]
        fn no_header_makes_the_caller_the_proxy(
            value in prop::collection::vec(any::<u8>().prop_filter("no line", |byte| {
                HeaderValue::from_bytes(&[*byte]).is_ok()
            }), 0..60),
        ) {
            for header in ["x-forwarded-for", "forwarded"] {
                // Unless the header states it, which only trusted proxies and callers behind them can do.
                prop_assume!(!String::from_utf8_lossy(&value).contains("10."));
                prop_assert_ne!(behind_a_proxy(header, &value), known("10.0.0.1"));
            }
        }
    }
}
