//! Places to listen on: addresses, and sockets in the file system.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use tokio::net::TcpListener;

use crate::listener::{Listener, Socket, listen};
use crate::own_socket::{Bound, OwnSocket};

/// Where to listen, as people write it: `127.0.0.1:7070`, or `unix:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// An address.
    Tcp(SocketAddr),
    /// A socket in the file system that only its owner and root reach.
    Unix(PathBuf),
}

/// A text that is neither an address nor a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this must be an IP address with a port, such as 127.0.0.1:7070, or unix:PATH")]
pub struct NotAnEndpoint;

impl FromStr for Endpoint {
    type Err = NotAnEndpoint;

    fn from_str(text: &str) -> Result<Self, NotAnEndpoint> {
        let Some(path) = text.strip_prefix("unix:") else {
            return text.parse().map(Self::Tcp).map_err(|_| NotAnEndpoint);
        };
        let is_path = !path.is_empty() && !path.ends_with('/') && !path.contains(char::is_control);
        is_path.then(|| Self::Unix(path.into())).ok_or(NotAnEndpoint)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Endpoint {
    /// Returns the address, unless it is a path.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

/// Why nobody can listen somewhere, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens on it.
    #[error("{0} is taken by another process: stop that one, or choose another place")]
    Taken(Endpoint),
    /// The path leads to something that is not a socket, which is not touched.
    #[error("{0} is there and is no socket: delete it, or choose another place")]
    NotASocket(Endpoint),
    /// The system refuses to listen on it.
    #[error("can't listen on {endpoint}: {source}")]
    Refused {
        /// The endpoint of the agent.
        endpoint: Endpoint,
        /// The system's error.
        source: io::Error,
    },
}

/// What listens on an [`Endpoint`]. A socket in the file system is removed when this is dropped.
///
/// A connection's peer is the address that it has come in by, which any program of any user can reach; `None` for a socket in the file
/// system, where the kernel has named the user.
#[derive(Debug)]
pub struct EndpointListener(Listening);

#[derive(Debug)]
enum Listening {
    Tcp(TcpListener, SocketAddr),
    Unix(OwnSocket),
}

impl EndpointListener {
    /// Starts to listen. A socket in the file system can only be used by this user and root, from the start.
    pub async fn bind(endpoint: &Endpoint) -> Result<Self, BindError> {
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::Taken(endpoint.clone()),
            _ => BindError::Refused { endpoint: endpoint.clone(), source },
        };
        Ok(Self(match endpoint {
            Endpoint::Tcp(address) => {
                let listener = listen(*address).map_err(refused)?;
                let address = listener.local_addr().map_err(refused)?;
                Listening::Tcp(listener, address)
            }
            Endpoint::Unix(path) => match OwnSocket::bind(path).await.map_err(refused)? {
                Bound::Listening(socket) => Listening::Unix(socket),
                Bound::NotASocket => return Err(BindError::NotASocket(endpoint.clone())),
            },
        }))
    }

    /// Returns where it listens. Port 0 is replaced by the one that the system chose.
    pub fn endpoint(&self) -> Endpoint {
        match &self.0 {
            Listening::Tcp(_, address) => Endpoint::Tcp(*address),
            Listening::Unix(socket) => Endpoint::Unix(socket.path().to_owned()),
        }
    }
}

impl Listener for EndpointListener {
    type Peer = Option<SocketAddr>;

    async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match &self.0 {
            Listening::Tcp(listener, address) => Ok((Listener::accept(listener).await?.0, Some(*address))),
            Listening::Unix(socket) => Ok((socket.accept().await?.0, None)),
        }
    }

    fn into_established(self) -> impl Iterator<Item = (Socket, Option<SocketAddr>)> + Send {
        let established: Box<dyn Iterator<Item = _> + Send> = match self.0 {
            Listening::Tcp(listener, address) => {
                Box::new(listener.into_established().map(move |(socket, _)| (socket, Some(address))))
            }
            Listening::Unix(socket) => Box::new(socket.into_established().map(|(socket, ())| (socket, None))),
        };
        established
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_or_a_path() {
        for text in ["127.0.0.1:7070", "0.0.0.0:7070", "[::1]:7070", "unix:/run/agent.sock", "unix:a"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        for text in ["", "7070", "localhost", "127.0.0.1", "unix:", "unix:/run/", "unix:a\nb"] {
            assert_eq!(text.parse::<Endpoint>(), Err(NotAnEndpoint), "{text:?}");
        }
    }
}
