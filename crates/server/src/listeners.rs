//! The sockets that a server listens on.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tollgate_config::Config;
use tollgate_edge::listen;

/// Why a listener can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process uses the address.
    #[error("{address} is taken by another process: stop that one, or choose another address with `{key}`")]
    Taken {
        /// The address of the setting.
        address: SocketAddr,
        /// The setting that names it.
        key: &'static str,
    },
    /// The system refuses the address.
    #[error("can't listen on {address}: {source}; choose another address with `{key}`")]
    Refused {
        /// The address of the setting.
        address: SocketAddr,
        /// The setting that names it.
        key: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A supervisor gave a socket that listens elsewhere than the setting says.
    #[error(
        "the supervisor's socket for `{key}` is on {found}, and `{key}` is {address}: make them the same (ListenStream= of the \
         socket's unit)"
    )]
    Elsewhere {
        /// The setting that it is for.
        key: &'static str,
        /// The address of the setting.
        address: SocketAddr,
        /// The address of the socket.
        found: SocketAddr,
    },
    /// A supervisor gave a socket that no setting is for, or a second one for the same setting.
    #[error(
        "the supervisor's socket {0:?} is for nothing: it gives one that is named `listen` and, if `admin_listen` is set, one that \
         is named `admin_listen` (FileDescriptorName=)"
    )]
    Surplus(String),
}

/// The sockets of a server, bound before anything else is started.
pub struct Listeners {
    pub(crate) api: Socket,
    pub(crate) admin: Option<Socket>,
}

/// A socket that listens.
pub(crate) struct Socket {
    pub(crate) listener: TcpListener,
    /// Whether a supervisor holds it, too, for the next process.
    pub(crate) is_given: bool,
}

impl Listeners {
    /// Binds the addresses that the configuration names.
    pub fn bind(config: &Config) -> Result<Self, BindError> {
        Self::take(config, Vec::new())
    }

    /// Takes the sockets that a supervisor has given, each with the name of its setting, and binds the others.
    pub fn take(config: &Config, mut given: Vec<(String, std::net::TcpListener)>) -> Result<Self, BindError> {
        let api = take_or_bind(&mut given, config.listen, "listen")?;
        let admin = config.admin_listen.map(|address| take_or_bind(&mut given, address, "admin_listen"));
        let admin = admin.transpose()?;
        match given.pop() {
            Some((name, _)) => Err(BindError::Surplus(name)),
            None => Ok(Self { api, admin }),
        }
    }

    /// Returns the address of the API, with the port that the system chose for port 0.
    pub fn api(&self) -> io::Result<SocketAddr> {
        self.api.listener.local_addr()
    }

    /// Returns the sockets of the API and of the administration.
    pub(crate) fn sockets(&self) -> (&TcpListener, Option<&TcpListener>) {
        (&self.api.listener, self.admin.as_ref().map(|socket| &socket.listener))
    }

    /// Returns the address of the administration, health and metrics, if there is such a listener.
    pub fn admin(&self) -> io::Result<Option<SocketAddr>> {
        self.admin.as_ref().map(|socket| socket.listener.local_addr()).transpose()
    }
}

fn take_or_bind(
    given: &mut Vec<(String, std::net::TcpListener)>,
    address: SocketAddr,
    key: &'static str,
) -> Result<Socket, BindError> {
    let Some(index) = given.iter().position(|(name, _)| name == key) else {
        return bind(address, key).map(|listener| Socket { listener, is_given: false });
    };
    let (_, socket) = given.swap_remove(index);
    let refused = |source| BindError::Refused { address, key, source };
    let found = socket.local_addr().map_err(refused)?;
    // Port 0 stands for any port.
    if found.ip() != address.ip() || (address.port() != 0 && found.port() != address.port()) {
        return Err(BindError::Elsewhere { key, address, found });
    }
    socket.set_nonblocking(true).map_err(refused)?;
    Ok(Socket { listener: TcpListener::from_std(socket).map_err(refused)?, is_given: true })
}

fn bind(address: SocketAddr, key: &'static str) -> Result<TcpListener, BindError> {
    listen(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken { address, key },
        _ => BindError::Refused { address, key, source },
    })
}
