//! The sources of connections: a TCP port or a socket in the file system.

use std::future::poll_fn;
use std::io;
use std::iter;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;

use tokio::net::unix::UCred;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};
use tokio_util::either::Either;

/// A connection. It is one type, so that the HTTP code is compiled once for a service.
pub type Socket = Either<TcpStream, UnixStream>;

/// A socket that listens.
///
/// A listener that only serves some peers (for a Unix socket, by their user) goes on to the next connection by itself.
pub trait Listener: Send + Sync {
    /// The identity of the peer: an address, or credentials.
    type Peer: Send;

    /// Returns the address that a peer's connections count for; `None` if there are no strangers.
    fn address(_: &Self::Peer) -> Option<IpAddr> {
        None
    }

    /// Waits for the next connection; if the wait is aborted, no connection is lost.
    ///
    /// No error is final: one about a single peer, such as [`ConnectionAborted`](io::ErrorKind::ConnectionAborted), is
    /// ignored, and after any other the edge tries again in a moment.
    fn accept(&self) -> impl Future<Output = io::Result<(Socket, Self::Peer)>> + Send;

    /// Stops listening and returns the connections that the kernel has established: closing the socket first would
    /// reset them.
    fn into_established(self) -> impl Iterator<Item = (Socket, Self::Peer)> + Send;
}

/// Connections that may wait in the kernel, as far as it lets them (`net.core.somaxconn`). With few, a crowd that comes
/// at once is made to try again, a second later.
const BACKLOG: u32 = 4096;

/// Listens on an address, also while connections of an earlier process that are still closing hold the port.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Listener for TcpListener {
    type Peer = SocketAddr;

    fn address(peer: &SocketAddr) -> Option<IpAddr> {
        Some(peer.ip())
    }

    async fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        without_delay(&stream)?;
        Ok((Either::Left(stream), peer))
    }

    fn into_established(self) -> impl Iterator<Item = (Socket, SocketAddr)> + Send {
        let listener = self.into_std().ok();
        let accepted = iter::from_fn(move || listener.as_ref()?.accept().ok());
        accepted.filter_map(|(stream, peer)| {
            stream.set_nonblocking(true).ok()?;
            let stream = TcpStream::from_std(stream).ok()?;
            without_delay(&stream).ok()?;
            Some((Either::Left(stream), peer))
        })
    }
}

impl Listener for UnixListener {
    type Peer = UCred;

    async fn accept(&self) -> io::Result<(Socket, UCred)> {
        let (stream, _) = UnixListener::accept(self).await?;
        let peer = stream.peer_cred()?;
        Ok((Either::Right(stream), peer))
    }

    fn into_established(self) -> impl Iterator<Item = (Socket, UCred)> + Send {
        let listener = self.into_std().ok();
        let accepted = iter::from_fn(move || listener.as_ref()?.accept().ok());
        accepted.filter_map(|(stream, _)| {
            stream.set_nonblocking(true).ok()?;
            let stream = UnixStream::from_std(stream).ok()?;
            let peer = stream.peer_cred().ok()?;
            Some((Either::Right(stream), peer))
        })
    }
}

/// Several listeners, which are served as one.
impl<L: Listener> Listener for Vec<L> {
    type Peer = L::Peer;

    fn address(peer: &L::Peer) -> Option<IpAddr> {
        L::address(peer)
    }

    async fn accept(&self) -> io::Result<(Socket, L::Peer)> {
        let mut accepting: Vec<_> = self.iter().map(|listener| Box::pin(listener.accept())).collect();
        // By chance, as the others would wait behind one that always has a connection.
        let first = rand::random_range(0..accepting.len().max(1));
        accepting.rotate_left(first);
        let accepted = poll_fn(|cx| {
            let mut polled = accepting.iter_mut().map(|one| one.as_mut().poll(cx));
            polled.find(Poll::is_ready).unwrap_or(Poll::Pending)
        });
        accepted.await
    }

    fn into_established(self) -> impl Iterator<Item = (Socket, L::Peer)> + Send {
        self.into_iter().flat_map(L::into_established)
    }
}

/// Turns off delays: answers are small and written whole, so waiting for more to send would only delay them.
fn without_delay(stream: &TcpStream) -> io::Result<()> {
    // It fails only if the peer is already gone.
    stream.set_nodelay(true).map_err(|_| io::ErrorKind::ConnectionAborted.into())
}
