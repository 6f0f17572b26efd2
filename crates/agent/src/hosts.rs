//! Names by which callers may know the agent, besides its own address.

use std::str::FromStr;

/// A name that a request may have as its `Host`: `NAME`, with the port that the agent listens on, or `NAME:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName {
    name: String,
    port: Option<u16>,
}

/// A text that is no name of a host.
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
        // No pattern, and no address: those are the agent's own or another's.
        if !name.split('.').all(is_label) || name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(NotAHostName);
        }
        Ok(Self { name: name.to_ascii_lowercase(), port })
    }
}

impl HostName {
    /// Whether a request that came in on port `listening` names this.
    pub(crate) fn is(&self, name: &str, port: u16, listening: u16) -> bool {
        self.name.eq_ignore_ascii_case(name) && self.port.unwrap_or(listening) == port
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
