//! A local proxy that adds the token, for programs in any language.
//!
//! It forwards every request to one upstream: method, path, query, headers and body as they are, without the caller's
//! `Authorization`, with a valid token, and with an `Idempotency-Key` for a POST that has none. Bodies and trailers
//! stream in both directions. The upstream's answers are passed on, redirects included; a 401 is handled by an
//! [`Authorizer`](tollgate_client::Authorizer).
//!
//! ```no_run
//! use tollgate_agent::{Agent, Limits, Upstream, endpoint_for_this_machine};
//! use tollgate_client::{Cached, Caller, Environment, Settings};
//! use tollgate_edge::EndpointListener;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let caller = Caller::from_environment(&Environment::process()).await?;
//! let cached = Cached::new(caller.credentials()?, Settings::default());
//! let agent = Agent::new(Upstream::new(caller.base_url())?, cached, Limits::default())?;
//! let listener = EndpointListener::bind(&endpoint_for_this_machine("127.0.0.1:7070")?).await?;
//! agent.serve(vec![listener], None, std::future::pending()).await;
//! # Ok(())
//! # }
//! ```
//!
//! # Who may use it
//!
//! - A socket in the file system (`unix:PATH`) is for the agent's own user and root. It has mode 0600 from its first
//!   moment, and the kernel names the user that connects.
//! - An address is [one of loopback](endpoint_for_this_machine) unless it is [said otherwise](endpoint_for_others), and any program on
//!   the machine can reach it. To keep pages in browsers out, a request must have the header `X-Tollgate-Agent: 1` exactly once, for
//!   which a page needs a preflight, and the agent's own address as `Host`, against DNS rebinding.
//! - On both, a request with `Origin` or `Sec-Fetch-Site` and a CORS preflight are refused, without any CORS header.
//!
//! # Its own answers
//!
//! They are in the envelope of the API, with `X-Request-Id` and the header `Tollgate-Agent-Error`, which no answer of the
//! upstream has.
//!
//! | kind | status | what |
//! | --- | --- | --- |
//! | `http` | 400, 408, 431, 503 | the request is not HTTP; its head is too slow or too large; there are too many connections |
//! | `target` | 400 | the target is not a path, or leads above the path of the upstream |
//! | `host` | 421 | `Host` is neither the agent's own address nor a name that it was told |
//! | `method` | 405 | TRACE, whose answer would hold the token |
//! | `browser`, `marker` | 403 | a page in a browser; no `X-Tollgate-Agent: 1` |
//! | `upgrade`, `expectation` | 400, 417 | an upgrade to another protocol than WebSocket, which is passed on, and HTTP/2, which is ignored; an unknown `Expect` |
//! | `body`, `slow_body` | 400, 408 | the caller's body broke off, or stopped coming |
//! | `no_token` | 503 | there is no token for now: `Retry-After` says when to try again |
//! | `connect` | 502 | no connection to the upstream |
//! | `upstream`, `timeout` | 502, 504 | the upstream broke off, or did not answer in time |
//!
//! A request whose connection breaks before an answer is sent once more, on a new connection, if it has an
//! `Idempotency-Key`, its method is idempotent, or it was certainly not sent. Bodies of up to 64 KiB are kept for that.
//!
//! Only after `upstream` and `timeout` may the request have been handled: these answers carry the `Idempotency-Key` that it
//! was sent with, for the next attempt.
//!
//! # Metrics
//!
//! Besides [those of the client](tollgate_client#metrics): `tollgate_agent_requests_total` by class of `status`,
//! `tollgate_agent_errors_total` by `kind`, `tollgate_agent_request_seconds` until an answer begins,
//! `tollgate_agent_connections` and `tollgate_agent_resent_total`. A [`Recorder`] records them if it is installed before, and a
//! listener of its own serves them at `/metrics`, beside `/healthz` (the process is up) and `/readyz` (there is a token).

#![cfg(unix)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use metrics::Gauge;
use tokio::sync::oneshot;
use tollgate_client::Cached;
use tollgate_edge::{self as edge, Drained, EndpointListener};
use tollgate_telemetry::{Recorder, Traces};

mod admin;
mod admission;
mod endpoint;
mod error;
mod forward;
mod limits;
mod refusal;
mod serve;
mod telemetry;
mod traced;
mod upstream;

use admin::Admin;
pub use endpoint::{EndpointError, endpoint_for_others, endpoint_for_this_machine};
pub use error::AgentError;
use forward::Forward;
pub use limits::Limits;
use serve::{Answering, serve};
pub use tollgate_http::{HostName, NotAHostName};
pub use upstream::Upstream;

/// A local proxy that adds the token to requests.
pub struct Agent {
    forward: Forward,
    limits: edge::Limits,
}

impl Agent {
    /// Forwards to `upstream` with the tokens of `cached`, through the proxy that the environment names for it. Fails if TLS
    /// can't be set up, or the proxy can't be used.
    pub fn new(upstream: Upstream, cached: Cached, limits: Limits) -> Result<Self, AgentError> {
        let forward = Forward::new(upstream, cached, limits.upstream)?;
        Ok(Self { forward, limits: limits.callers })
    }

    /// Also accepts requests whose `Host` is one of these names.
    #[must_use]
    pub fn allow_hosts(mut self, names: Vec<HostName>) -> Self {
        self.forward.names = names;
        self
    }

    /// Records requests in these traces, and passes these on to the upstream. Otherwise the caller's trace headers are passed on
    /// unchanged.
    #[must_use]
    pub fn trace(mut self, traces: Traces) -> Self {
        self.forward.traces = Some(traces);
        self
    }

    /// Serves until `shutdown` completes. Then it stops accepting, finishes the requests in flight, and returns.
    ///
    /// `admin` serves health checks and metrics until the end.
    pub async fn serve(
        self,
        listeners: Vec<EndpointListener>,
        admin: Option<(EndpointListener, Recorder)>,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Drained {
        let Self { forward, limits } = self;
        let forward = Arc::new(forward);
        let stopped = async {
            shutdown.await;
            forward.stopping.store(true, Ordering::Relaxed);
        };
        let (callers, open) = (Answering::Callers(forward.clone()), telemetry::connections());
        let serving = serve(limits.clone(), listeners, callers, open, Box::pin(stopped));
        let Some((listener, recorder)) = admin else { return serving.await };
        let (end, ended) = oneshot::channel::<()>();
        let ended = async { _ = ended.await };
        let limits = edge::Limits { max_connections: 64, grace: Duration::from_secs(1), ..limits };
        let admin = Admin { forward: forward.clone(), recorder: recorder.clone() };
        let watchers = Answering::Watchers(Arc::new(admin));
        let watching = serve(limits, vec![listener], watchers, Gauge::noop(), Box::pin(ended));
        let serving = async {
            let drained = serving.await;
            drop(end);
            drained
        };
        tokio::select! {
            (drained, _) = async { tokio::join!(serving, watching) } => drained,
            never = recorder.upkeep() => match never {},
        }
    }
}
