//! The HTTP edge: accepts connections, bounds what each may cost, and hands requests to a service.
//!
//! One listener speaks HTTP/1.1 and HTTP/2: over TLS the ALPN decides, in the clear the first bytes do (RFC 9113 §3.3,
//! prior knowledge). Every wait for a peer has a limit of its own ([`Limits`]), so a peer that is silent, slow or gone
//! holds a connection for seconds, never for ever. The service is not limited here.
//!
//! Below the edge every HTTP/1.1 request is framed in one way only (RFC 9112 §6, §7), and has exactly one `Host` and a
//! target that begins with `/`. A request that breaks this is answered here, in the envelope of the API, and its
//! connection closed. A service that has rules of its own about hosts and targets takes [`Requests::Any`].
//!
//! # How to use it
//!
//! Bind a [`Listener`] (TCP by [`listen`], Unix, an [`EndpointListener`] for what people write, or several of them), choose [`Limits`], and say for each connection
//! by which `tower::Service` its requests are answered. [`Edge::serve`] returns when `shutdown` has completed and every connection has ended.
//!
//! ```
//! use std::convert::Infallible;
//! use std::net::SocketAddr;
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::{TcpListener, TcpStream};
//! use tokio::sync::oneshot;
//! use tollgate_edge::{Edge, Inbound, Limits};
//! use tollgate_http::read_body;
//!
//! async fn answer(request: Request<Inbound>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     let body = read_body(request.into_body(), 1024, Duration::from_secs(10)).await;
//!     Ok(Response::new(Full::new(body.unwrap_or_default())))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! let edge = Edge::new(Limits { max_connections: 100, ..Limits::default() });
//! let (stop, stopped) = oneshot::channel::<()>();
//! let serving = tokio::spawn(edge.serve(
//!     listener,
//!     |_peer: SocketAddr| tower::service_fn(answer),
//!     async { stopped.await.unwrap_or_default() },
//! ));
//!
//! let mut peer = TcpStream::connect(address).await?;
//! peer.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello").await?;
//! let mut answer = String::new();
//! peer.read_to_string(&mut answer).await?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello"));
//! drop(peer);
//!
//! drop(stop);
//! assert_eq!(serving.await?.aborted, 0);
//! # Ok(())
//! # }
//! ```
//!
//! # Who does what
//!
//! `serve` accepts, within the `slots` and what a source may take; `connection` speaks with one peer and `watch` holds it to the limits by what
//! `pulse` has noted; `tap` sees the bytes before hyper does, for `framing` and `chunks`; `admission` decides about each request that
//! hyper made of them, `unread` about the bodies that are left; `refusal` and `closing` say what is left to say.

mod admission;
mod chunks;
mod clock;
mod closing;
mod connection;
mod endpoint;
mod framing;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod listener;
mod own_socket;
mod pulse;
mod refusal;
mod rest;
mod rules;
mod serve;
mod shared;
mod slots;
mod switched;
mod tap;
mod tls;
mod unread;
mod watch;

#[cfg(test)]
mod tests;

pub use endpoint::{BindError, Endpoint, EndpointListener, NotAnEndpoint};
pub use limits::{Limits, OpenConnections};
pub use listener::{Listener, Socket, listen};
pub use rules::Requests;
pub use rustls::ServerConfig as TlsConfig;
pub use serve::{Drained, Edge};
pub use tls::{Certificate, TlsError};
pub use unread::Inbound;
