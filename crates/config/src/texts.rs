//! Parses the text of a value: the result is the value, or what was expected instead.

use std::{net::IpAddr, time::Duration};

use http::Uri;
use ipnet::IpNet;

use super::values::parse_duration;

/// A parser's answer: the value, or what was expected instead.
pub(super) type Parsed<T> = Result<T, &'static str>;

const TOO_LONG: &str = "at most 3650d";
const PUBLIC_URL: &str = "an absolute http or https URL without user, query, fragment and slash at the end (https://core.example.com)";
/// The longest duration, ten years: no lifetime is meant to be longer, and sums with a point in time stay far from overflow.
pub const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

pub(super) fn optional<T>(text: &str, parse: impl Fn(&str) -> Parsed<T>) -> Parsed<Option<T>> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

/// Parses a duration of at most 3650 days, so that the time after it can be written.
pub fn duration(text: &str) -> Parsed<Duration> {
    let duration = parse_duration(text)?;
    if duration <= LONGEST { Ok(duration) } else { Err(TOO_LONG) }
}

/// Parses a lifetime, in whole seconds because it becomes a claim.
pub(super) fn whole_seconds(text: &str) -> Parsed<Duration> {
    in_whole_seconds(duration(text)?)
}

pub(super) fn in_whole_seconds(duration: Duration) -> Parsed<Duration> {
    match duration {
        Duration::ZERO => Err("more than 0s"),
        duration if duration.subsec_nanos() != 0 => Err("whole seconds"),
        duration => Ok(duration),
    }
}

/// Splits references that are separated by commas. A comma that isn't followed by a reference is part of a path.
pub(super) fn references(text: &str) -> impl Iterator<Item = &str> {
    let begins = |rest: &str| ["file:", "env:"].iter().any(|scheme| rest.trim_start().starts_with(scheme));
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let comma = text.match_indices(',').map(|(at, _)| at).find(|at| begins(&text[at + 1..]));
        rest = comma.map(|at| &text[at + 1..]);
        Some(text[..comma.unwrap_or(text.len())].trim())
    })
}

/// Parses a CIDR block, or a single address. IPv4 that is mapped into IPv6 becomes IPv4, as the addresses of callers do that are compared
/// with it.
pub fn network(text: &str) -> Option<IpNet> {
    const MAPPED: u8 = 96;
    let network = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    let mapped = |network: IpNet| {
        let (IpAddr::V4(address), IpNet::V6(_)) = (network.addr().to_canonical(), network) else {
            return None;
        };
        IpNet::new(address.into(), network.prefix_len().checked_sub(MAPPED)?).ok()
    };
    Some(mapped(network).unwrap_or(network))
}

/// Parses an absolute URL. Its scheme is lowercase in the result (RFC 3986 §3.1): the URL becomes a claim, and is compared.
pub fn public_url(text: &str) -> Parsed<String> {
    let uri: Uri = text.parse().map_err(|_| PUBLIC_URL)?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_host = uri.host().is_some_and(|host| !host.is_empty());
    // The URL becomes a claim and is compared byte by byte, so it must contain nothing that needs escaping, in JSON or in HTML.
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/[]%".contains(&byte));
    match text.split_once(':') {
        Some((scheme, rest)) if is_http && has_host && is_plain && !text.ends_with('/') => {
            Ok(format!("{}:{rest}", scheme.to_ascii_lowercase()))
        }
        _ => Err(PUBLIC_URL),
    }
}

/// Says whether nobody on the way to a URL can read along.
pub fn is_private(url: &str) -> bool {
    url.parse::<Uri>()
        .is_ok_and(|uri| uri.scheme_str() == Some("https") || uri.host().is_some_and(is_loopback_host))
}

/// Says whether an address belongs to this machine only.
pub(super) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Says whether a host is this machine.
pub fn is_loopback_host(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.trim_start_matches('[').trim_end_matches(']').parse().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv4_is_the_same_when_it_is_written_as_ipv6() {
        for (text, expected) in [
            ("192.0.2.0/24", Some("192.0.2.0/24")),
            ("192.0.2.7", Some("192.0.2.7/32")),
            ("::ffff:192.0.2.7", Some("192.0.2.7/32")),
            ("::ffff:192.0.2.0/120", Some("192.0.2.0/24")),
            ("::ffff:0:0/96", Some("0.0.0.0/0")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("::1", Some("::1/128")),
            ("::/0", Some("::/0")),
            ("192.0.2.0/33", None),
            ("everything", None),
        ] {
            assert_eq!(network(text).map(|network| network.to_string()).as_deref(), expected, "{text}");
        }
    }
}
