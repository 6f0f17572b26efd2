//! Connects the listeners to the code that answers their requests.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use http::{Request, Response};
use tokio::net::TcpListener;
use tollgate_edge::{Drained, Edge, Inbound};

use crate::response::Body;
use crate::server::Server;

/// A boxed future with this output.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A function that answers requests without a server.
pub(crate) type Answer = dyn Fn(&Request<Inbound>) -> Response<Body> + Send + Sync;

/// The code that answers a listener's requests. It is one type for all listeners, so that the HTTP code is compiled once.
#[derive(Clone)]
pub(crate) enum Answering {
    /// The API, which carries the load.
    Api(Arc<Server>),
    /// Health, metrics and administration.
    Admin(Arc<Server>),
    /// A function that answers while the store is unreachable.
    Away(Arc<Answer>),
}

impl Answering {
    async fn answer(&self, peer: IpAddr, request: Request<Inbound>) -> Response<Body> {
        match self {
            Self::Api(server) => server.handle(peer, request).await,
            // Boxed, because it is rare, and would make the future of the others larger.
            Self::Admin(server) => Box::pin(server.handle_admin(peer, request)).await,
            Self::Away(answer) => answer(&request),
        }
    }
}

/// Serves the connections of a listener `until` that completes, then drains.
pub(crate) fn serve(
    edge: Edge,
    listener: TcpListener,
    answering: Answering,
    until: Boxed<()>,
) -> Boxed<Drained> {
    let make = move |peer: SocketAddr| {
        let answering = answering.clone();
        tower::service_fn(move |request| {
            let answering = answering.clone();
            async move { Ok::<_, Infallible>(answering.answer(peer.ip(), request).await) }
        })
    };
    Box::pin(edge.serve(listener, make, until))
}
