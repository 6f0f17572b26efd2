//! Whether a request is for the server that it has come to, by the host that it names.

use std::net::SocketAddr;
use std::str::FromStr;

use http::header::HOST;
use http::{HeaderValue, Request};

/// Whether a request names the server that listens on `address` and nothing else: by that address, by a name of loopback, or by one of
/// `names`. Another name may resolve to this address, which is how a page in a browser reaches what it may not (DNS rebinding).
pub fn has_own_host<B>(request: &Request<B>, address: SocketAddr, names: &[HostName]) -> bool {
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let headers = request.headers().get_all(HOST).iter().map(HeaderValue::as_bytes);
    let mut hosts = headers.chain(authority).peekable();
    hosts.peek().is_some() && hosts.all(|host| is_own(host, address, names))
}

fn is_own(host: &[u8], address: SocketAddr, names: &[HostName]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let (name, port) = match host.rsplit_once(':') {
        // A colon within brackets is part of the address.
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
        _ => (host, Some(80)),
    };
    let is_name = name.eq_ignore_ascii_case("localhost")
        || ["127.0.0.1", "[::1]"].contains(&name)
        || name.trim_matches(['[', ']']).parse() == Ok(address.ip());
    let is_named = |port| names.iter().any(|allowed| allowed.is(name, port, address.port()));
    (is_name && port == Some(address.port())) || port.is_some_and(is_named)
}

/// A name that a request may have as its `Host`: `NAME`, with the port that the server listens on, or `NAME:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName {
    name: String,
    port: Option<u16>,
}

/// The error for a text that is not a host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this must be the name of a host, such as agent or agent:7070")]
pub struct NotAHostName;

impl FromStr for HostName {
    type Err = NotAHostName;

    fn from_str(text: &str) -> Result<Self, NotAHostName> {
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| NotAHostName)?)),
            None => (text, None),
        };
        let is_label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        // No pattern, and no address: those are the server's own or another's.
        if !name.split('.').all(is_label) || name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(NotAHostName);
        }
        Ok(Self { name: name.to_ascii_lowercase(), port })
    }
}

impl HostName {
    /// Whether a request that came in on port `listening` names this.
    fn is(&self, name: &str, port: u16, listening: u16) -> bool {
        self.name.eq_ignore_ascii_case(name) && self.port.unwrap_or(listening) == port
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a request with this host is for an agent on this address.
    fn has_own_host(host: &str, address: &str, names: &[HostName]) -> bool {
        let request = Request::builder().header(HOST, host).body(()).unwrap();
        super::has_own_host(&request, address.parse().unwrap(), names)
    }

    #[test]
    fn a_server_is_named_by_its_address_and_port() {
        for own in ["127.0.0.1:7070", "localhost:7070", "LOCALHOST:7070", "[::1]:7070"] {
            assert!(has_own_host(own, "127.0.0.1:7070", &[]), "{own}");
        }
        for other in [
            "",
            "localhost",
            "127.0.0.1",
            "127.0.0.1:7071",
            "127.0.0.2:7070",
            "localhost.evil.example:7070",
            "evil.example:7070",
            "localhost:7070:7070",
            "user@localhost:7070",
            "[::1]",
        ] {
            assert!(!has_own_host(other, "127.0.0.1:7070", &[]), "{other}");
        }
        for own in ["127.0.0.9", "127.0.0.9:80", "localhost", "[::1]"] {
            assert!(has_own_host(own, "127.0.0.9:80", &[]), "{own}");
        }
        assert!(!super::has_own_host(&Request::new(()), "127.0.0.1:7070".parse().unwrap(), &[]));
    }

    #[test]
    fn a_host_that_was_allowed_is_taken_and_no_other() {
        let names = ["agent".parse().unwrap(), "agent.internal:80".parse().unwrap()];
        for allowed in ["agent:7070", "Agent:7070", "agent.internal", "agent.internal:80", "localhost:7070"] {
            assert!(has_own_host(allowed, "127.0.0.1:7070", &names), "{allowed}");
        }
        for other in ["agent", "agent:80", "agent.evil.example:7070", "agent.internal:7070", "evil:7070"] {
            assert!(!has_own_host(other, "127.0.0.1:7070", &names), "{other}");
        }
    }

    #[test]
    fn a_name_stands_for_itself_at_its_port() {
        let agent: HostName = "Agent".parse().unwrap();
        assert!(agent.is("agent", 7070, 7070) && agent.is("AGENT", 7070, 7070));
        assert!(!agent.is("agent", 80, 7070) && !agent.is("agent.evil.example", 7070, 7070));
        let elsewhere: HostName = "agent.shop.internal:80".parse().unwrap();
        assert!(elsewhere.is("agent.shop.internal", 80, 7070));
        assert!(!elsewhere.is("agent.shop.internal", 7070, 7070));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "*", "a..b", "a:b", "a:", "http://a", "10.1.2.3", "[::1]", "a/b", "a b", ".a"] {
            assert_eq!(text.parse::<HostName>(), Err(NotAHostName), "{text:?}");
        }
    }
}
