//! The data that is noted about a request before it is processed.

use std::net::IpAddr;

use http::{HeaderMap, Method, Request};
use tokio::time::Instant;
use tollgate_core::Timestamp;
use tollgate_http::RequestId;
use tollgate_telemetry::RequestSpan;

use crate::route::Route;
use crate::state::State;

/// A request that has arrived and is not answered yet.
pub(crate) struct Begun {
    pub(crate) start: Instant,
    pub(crate) now: Timestamp,
    pub(crate) id: RequestId,
    pub(crate) method: Method,
    /// The span of the request. Boxed, or every token request would carry the room for it.
    pub(crate) span: Option<Box<RequestSpan>>,
}

impl Begun {
    pub(crate) fn of(state: &State, method: &Method, headers: &HeaderMap) -> Self {
        let (start, now) = (Instant::now(), state.installation().now());
        Self { start, now, id: RequestId::of(headers, now.millis()), method: method.clone(), span: None }
    }

    /// Starts the span of a request, if it is to be recorded.
    pub(crate) fn record<B>(
        &mut self,
        state: &State,
        route: Route,
        peer: Option<IpAddr>,
        request: &Request<B>,
    ) {
        let Some(recording) = state.recording() else { return };
        let config = state.config();
        let is_https = match route {
            Route::Operators(_) => config.admin_tls.is_some(),
            _ => config.public_url.starts_with("https:"),
        };
        let (path, scheme) = (state.metrics().routes().path(route), if is_https { "https" } else { "http" });
        self.span = recording.start((route, path), scheme, state.trust(peer), request);
    }
}
