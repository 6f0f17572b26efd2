//! The target that the audit trail is streamed to.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The target that the audit trail is streamed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamTarget {
    /// A file, with a line of JSON for each record.
    File(PathBuf),
    /// A syslog receiver, as `HOST:PORT`, over TCP (RFC 6587).
    Syslog(String),
}

impl StreamTarget {
    const EXPECTED: &'static str = "file:PATH, or syslog:HOST:PORT for a receiver over TCP";

    /// Says whether records leave the machine, without encryption.
    pub(super) fn is_remote(&self) -> bool {
        match self {
            Self::File(_) => false,
            Self::Syslog(address) => {
                let host = address.rsplit_once(':').map_or("", |(host, _)| host);
                let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
                host != "localhost" && !ip.is_ok_and(|ip| ip.is_loopback())
            }
        }
    }
}

impl FromStr for StreamTarget {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("file:").filter(|path| !path.is_empty()) {
            return Ok(Self::File(path.into()));
        }
        let address = text.strip_prefix("syslog:").ok_or(Self::EXPECTED)?;
        let is_address = address.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && !host.contains([' ', '/']) && port.parse::<u16>().is_ok_and(|port| port > 0)
        });
        if is_address { Ok(Self::Syslog(address.to_owned())) } else { Err(Self::EXPECTED) }
    }
}

impl fmt::Display for StreamTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Syslog(address) => write!(f, "syslog:{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_shown_as_it_was_written() {
        for text in ["file:/var/log/tollgate/audit.jsonl", "syslog:127.0.0.1:601", "syslog:[::1]:601"] {
            let target: StreamTarget = text.parse().unwrap();
            assert_eq!(target.to_string(), text);
            assert!(!target.is_remote(), "{text}");
        }
        assert!("syslog:siem.example.com:601".parse::<StreamTarget>().unwrap().is_remote());
    }

    #[test]
    fn what_could_lose_a_record_silently_is_no_target() {
        for bad in [
            "",
            "file:",
            "syslog:",
            "syslog:/dev/log",
            "syslog:udp://127.0.0.1:514",
            "syslog:host",
            "syslog:host:0",
        ] {
            assert_eq!(bad.parse::<StreamTarget>(), Err(StreamTarget::EXPECTED), "{bad:?}");
        }
    }
}
