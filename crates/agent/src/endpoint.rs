//! Listeners on loopback addresses and on sockets in the file system.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use tokio::net::TcpListener;
use tollgate_edge::{Bound, OwnSocket, Socket as Connection, listen};

/// Where to listen: `127.0.0.1:7070` or another loopback address, or `unix:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Why a text does not name an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The text is neither an address nor a path.
    #[error("this must be an IP address with a port, such as 127.0.0.1:7070, or unix:PATH")]
    Unreadable,
    /// The address can be reached from other machines, which could use the token.
    #[error("an agent listens on this machine only: on 127.0.0.1:PORT, [::1]:PORT or unix:PATH")]
    NotLoopback,
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if let Some(path) = text.strip_prefix("unix:") {
            let is_path = !path.is_empty() && !path.ends_with('/') && !path.contains(char::is_control);
            return is_path.then(|| Self(Place::Unix(path.into()))).ok_or(EndpointError::Unreadable);
        }
        let address: SocketAddr = text.parse().map_err(|_| EndpointError::Unreadable)?;
        if !address.ip().is_loopback() {
            return Err(EndpointError::NotLoopback);
        }
        Ok(Self(Place::Tcp(address)))
    }
}

impl Endpoint {
    /// Takes an address that other machines reach. Whoever reaches it uses the token, so it is for a network on which there is nobody
    /// else, such as that of the containers of one Compose file.
    pub fn for_others(text: &str) -> Result<Self, EndpointError> {
        text.parse().map(|address| Self(Place::Tcp(address))).map_err(|_| EndpointError::Unreadable)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Tcp(address) => address.fmt(f),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Endpoint {
    /// The address, unless it is a path.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.0 {
            Place::Tcp(address) => Some(address),
            Place::Unix(_) => None,
        }
    }
}

/// Why an agent can't listen somewhere, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process listens there.
    #[error("{0} is taken by another process: stop that one, or choose another place")]
    Taken(Endpoint),
    /// The path is taken by something that is not a socket. It is left alone.
    #[error("{0} is there and is no socket: delete it, or choose another place")]
    NotASocket(Endpoint),
    /// The system refuses to listen there.
    #[error("can't listen on {endpoint}: {source}")]
    Refused {
        /// The endpoint.
        endpoint: Endpoint,
        /// The error of the system.
        source: io::Error,
    },
}

/// A listening socket. One in the file system is removed when this is dropped.
#[derive(Debug)]
pub struct Listener {
    /// Where it listens. A port of 0 has been replaced by the one that the system chose.
    endpoint: Endpoint,
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(OwnSocket),
}

/// How a request came in, which decides what is required of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// By this address, which any program of any user and any page in a browser can reach.
    Tcp(SocketAddr),
    /// By the socket in the file system. The kernel has named the user.
    Unix,
}

impl Listener {
    /// Starts to listen. A socket in the file system can be used by this user and root only, from the start.
    pub async fn bind(endpoint: &Endpoint) -> Result<Self, BindError> {
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::Taken(endpoint.clone()),
            _ => BindError::Refused { endpoint: endpoint.clone(), source },
        };
        match &endpoint.0 {
            Place::Tcp(address) => {
                let listener = listen(*address).map_err(refused)?;
                let endpoint = Endpoint(Place::Tcp(listener.local_addr().map_err(refused)?));
                Ok(Self { endpoint, socket: Socket::Tcp(listener) })
            }
            Place::Unix(path) => match OwnSocket::bind(path).await.map_err(refused)? {
                Bound::Listening(socket) => {
                    Ok(Self { endpoint: endpoint.clone(), socket: Socket::Unix(socket) })
                }
                Bound::NotASocket => Err(BindError::NotASocket(endpoint.clone())),
            },
        }
    }

    /// Where it listens. A port of 0 has been replaced by the one that the system chose.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn door(&self) -> Door {
        self.endpoint.address().map_or(Door::Unix, Door::Tcp)
    }
}

/// Its peers are known by the door that they have come by.
impl tollgate_edge::Listener for Listener {
    type Peer = Door;

    async fn accept(&self) -> io::Result<(Connection, Door)> {
        let connection = match &self.socket {
            Socket::Tcp(listener) => tollgate_edge::Listener::accept(listener).await?.0,
            Socket::Unix(socket) => socket.accept().await?.0,
        };
        Ok((connection, self.door()))
    }

    fn into_established(self) -> impl Iterator<Item = (Connection, Door)> + Send {
        let door = self.door();
        let established: Box<dyn Iterator<Item = Connection> + Send> = match self.socket {
            Socket::Tcp(listener) => Box::new(listener.into_established().map(|(connection, _)| connection)),
            Socket::Unix(socket) => Box::new(socket.into_established().map(|(connection, ())| connection)),
        };
        established.map(move |connection| (connection, door))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_listens_on_this_machine_only() {
        for text in ["127.0.0.1:7070", "127.0.0.9:1", "[::1]:7070", "unix:/run/agent.sock", "unix:a"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        for text in ["0.0.0.0:7070", "[::]:7070", "10.0.0.1:7070", "[::ffff:127.0.0.1]:7070"] {
            assert_eq!(text.parse::<Endpoint>(), Err(EndpointError::NotLoopback), "{text}");
        }
        for text in ["", "7070", "localhost", "127.0.0.1", "unix:", "unix:/run/", "unix:a\nb"] {
            assert_eq!(text.parse::<Endpoint>(), Err(EndpointError::Unreadable), "{text:?}");
        }
    }
}
