//! Where an agent may listen: whoever reaches it uses the token.

use tollgate_edge::{Endpoint, NotAnEndpoint};

/// Why an agent does not listen somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The text is neither an address nor a path.
    #[error(transparent)]
    Unreadable(#[from] NotAnEndpoint),
    /// The address can be reached from other machines, which could use the token.
    #[error("an agent listens on this machine only: on 127.0.0.1:PORT, [::1]:PORT or unix:PATH")]
    NotLoopback,
}

/// Takes a loopback address, or a socket in the file system.
pub fn endpoint_for_this_machine(text: &str) -> Result<Endpoint, EndpointError> {
    let endpoint: Endpoint = text.parse()?;
    let is_here = endpoint.address().is_none_or(|address| address.ip().is_loopback());
    if is_here { Ok(endpoint) } else { Err(EndpointError::NotLoopback) }
}

/// Takes an address that other machines reach. It is for a network on which there is nobody else, such as that of the containers of
/// one Compose file.
pub fn endpoint_for_others(text: &str) -> Result<Endpoint, NotAnEndpoint> {
    text.parse().map(Endpoint::Tcp).map_err(|_| NotAnEndpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_listens_on_this_machine_only() {
        for text in ["127.0.0.1:7070", "127.0.0.9:1", "[::1]:7070", "unix:/run/agent.sock", "unix:a"] {
            assert_eq!(endpoint_for_this_machine(text).unwrap().to_string(), text);
        }
        for text in ["0.0.0.0:7070", "[::]:7070", "10.0.0.1:7070", "[::ffff:127.0.0.1]:7070"] {
            assert_eq!(endpoint_for_this_machine(text), Err(EndpointError::NotLoopback), "{text}");
        }
        for text in ["", "7070", "localhost", "127.0.0.1", "unix:", "unix:/run/", "unix:a\nb"] {
            let unreadable = Err(EndpointError::Unreadable(NotAnEndpoint));
            assert_eq!(endpoint_for_this_machine(text), unreadable, "{text:?}");
        }
        assert!(endpoint_for_others("0.0.0.0:7070").is_ok() && endpoint_for_others("unix:/a").is_err());
    }
}
