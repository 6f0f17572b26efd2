//! A server whose store can't be reached yet: it listens, says that it is not ready and why, and goes on by itself when the
//! store is reachable. If it ended instead, a supervisor would have to restart it, and supervisors give up after a few attempts.

use std::future::pending;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::X_CONTENT_TYPE_OPTIONS;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{Either, Full};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tollgate_config::Config;
use tollgate_core::{Clock, Timestamp};
use tollgate_edge::{Edge, Inbound};
use tollgate_http::refusal::Dialect;
use tollgate_http::{RequestId, X_REQUEST_ID};
use tollgate_installation::NotReady;
use tollgate_store::StoreError;

use crate::answering::{Answering, serve};
use crate::error::Error;
use crate::exposition::Format;
use crate::health::{self, UP};
use crate::limits::limits;
use crate::listeners::Listeners;
use crate::response::{Body, without_body};
use crate::route::Route;
use crate::run::Tls;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers every request with why the store is unreachable, until it is dropped.
pub struct Waiting {
    reason: Arc<Mutex<String>>,
    /// The tasks that serve, which end when this is dropped.
    _serving: JoinSet<()>,
}

impl Waiting {
    /// Listens on the server's addresses. Connections that the kernel has accepted when this ends are taken by the server itself.
    pub fn start(
        config: &Config,
        listeners: &Listeners,
        tls: Tls,
        clock: &Arc<dyn Clock>,
        reason: String,
    ) -> io::Result<Self> {
        let reason = Arc::new(Mutex::new(reason));
        let mut serving = JoinSet::new();
        let (api, admin) = listeners.sockets();
        for (socket, tls, is_api) in [(Some(api), tls.api, true), (admin, tls.admin, false)] {
            let Some(socket) = socket else { continue };
            let listener = again(socket)?;
            let edge = Edge::new(limits(config)).tls(tls);
            let (reason, clock) = (reason.clone(), clock.clone());
            let answer = move |request: &Request<Inbound>| {
                let reason = reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
                answer(request, is_api, &reason, clock.now())
            };
            let served = serve(edge, listener, Answering::Away(Arc::new(answer)), Box::pin(pending()));
            serving.spawn(async move {
                served.await;
            });
        }
        Ok(Self { reason, _serving: serving })
    }

    /// Waits until it is time for the next attempt, after one that failed for a `reason`.
    pub async fn pause(&self, reason: String) {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Duplicates a socket: whoever gets the duplicate goes on with the connections in its queue.
fn again(listener: &TcpListener) -> io::Result<TcpListener> {
    TcpListener::from_std(listener.as_fd().try_clone_to_owned()?.into())
}

fn answer<B>(request: &Request<B>, is_api: bool, reason: &str, now: Timestamp) -> Response<Body> {
    let route = Route::of(request.uri().path());
    let response: Response<Full<Bytes>> = match route {
        _ if is_api => match route.dialect() {
            Dialect::Envelope => unavailable(reason).response(),
            Dialect::OAuth => unavailable(reason).oauth_response(),
        },
        Route::Health => health::plain("application/json", health::status(UP)),
        Route::Ready => Error::NotReady(NotReady::Suspended(reason.into())).response(),
        Route::Metrics => health::plain(Format::Prometheus.content_type(), health::NOT_READY.to_owned()),
        _ => Error::NotFound.response(),
    };
    let mut response = response.map(Either::Left);
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_api {
        headers.insert(X_REQUEST_ID, RequestId::of(request.headers(), now.millis()).into_header());
    }
    if request.method() == Method::HEAD { without_body(response) } else { response }
}

fn unavailable(reason: &str) -> Error {
    Error::Store(StoreError::Unavailable(reason.to_owned()))
}
