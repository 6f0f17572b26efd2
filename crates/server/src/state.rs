//! What the handlers of a running server share. It knows none of them.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::time::Instant;
use tollgate_config::Config;
use tollgate_core::Timestamp;
use tollgate_edge::{Limits, OpenConnections};
use tollgate_http::ClientAddress;
use tollgate_installation::{Installation, NotReady, Registered};
use tollgate_telemetry::Trust;

use crate::limiters::Limiters;
use crate::metrics::Metrics;
use crate::refusals::Refusals;
use crate::refused_requests::RefusedRequests;
use crate::route::Routes;
use crate::slow_hashes::SlowHashes;
use crate::spans::Recording;
use crate::uses::Uses;

/// What is known of a request before its handler is called.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The caller's address, proxies left out.
    pub from: ClientAddress,
    /// When the request came. Whoever handles it reads no clock.
    pub now: Timestamp,
    /// The same on the clock that is never set.
    pub at: Instant,
    /// Who sent it here, a proxy perhaps; `None` within this process.
    pub peer: Option<IpAddr>,
}

/// The state of a running server.
pub struct State {
    installation: Arc<Installation>,
    limiters: Limiters,
    metrics: Metrics,
    refusals: Refusals,
    refused: RefusedRequests,
    uses: Arc<Uses>,
    slow_hashes: SlowHashes,
    dummy_client: Arc<Registered>,
    draining: AtomicBool,
    connections: OpenConnections,
    /// The configuration, with what has changed since the start.
    settings: ArcSwap<Config>,
    edge_limits: watch::Sender<Limits>,
    /// When the served certificate expires, in seconds since 1970; 0 without one.
    certificate_expiry: AtomicI64,
    recording: OnceLock<Recording>,
}

impl State {
    /// The state of a server with these routes that has answered nothing yet. Whoever changes `edge_limits` changes what its peers
    /// may cost.
    pub(crate) fn new(
        installation: Arc<Installation>,
        routes: Routes,
        edge_limits: watch::Sender<Limits>,
    ) -> Self {
        Self {
            limiters: Limiters::new(installation.config(), Instant::now()),
            metrics: Metrics::of(routes),
            refusals: Refusals::default(),
            refused: RefusedRequests::default(),
            uses: Arc::default(),
            slow_hashes: SlowHashes::new(),
            dummy_client: Arc::new(Registered::dummy()),
            draining: AtomicBool::new(false),
            connections: OpenConnections::default(),
            settings: ArcSwap::from_pointee(installation.config().clone()),
            edge_limits,
            certificate_expiry: AtomicI64::new(0),
            recording: OnceLock::new(),
            installation,
        }
    }

    /// The installation that is served.
    pub fn installation(&self) -> &Arc<Installation> {
        &self.installation
    }

    /// The configuration that the server was started with: what all servers of a store agree on, and what else never changes
    /// while it runs.
    pub fn config(&self) -> &Config {
        self.installation.config()
    }

    /// The configuration with what has changed since.
    pub(crate) fn settings(&self) -> arc_swap::Guard<Arc<Config>> {
        self.settings.load()
    }

    /// Within which time a request's body must arrive.
    pub fn body_timeout(&self) -> Duration {
        self.settings.load().limits.body_timeout
    }

    pub(crate) fn change(&self, settings: Config) {
        self.settings.store(Arc::new(settings));
    }

    /// What a peer of the API may cost.
    pub(crate) fn edge_limits(&self) -> &watch::Sender<Limits> {
        &self.edge_limits
    }

    pub(crate) fn limiters(&self) -> &Limiters {
        &self.limiters
    }

    /// What was counted since the start.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Who was refused, and why.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// The requests that were refused last.
    pub fn refused(&self) -> &RefusedRequests {
        &self.refused
    }

    /// The uses of secrets that are not in the store yet.
    pub(crate) fn uses(&self) -> &Arc<Uses> {
        &self.uses
    }

    /// Where slow hashes of imported secrets are computed.
    pub(crate) fn slow_hashes(&self) -> &SlowHashes {
        &self.slow_hashes
    }

    /// The client that an unknown one is compared with, so that both take the same time.
    pub(crate) fn dummy_client(&self) -> &Arc<Registered> {
        &self.dummy_client
    }

    /// Counts a request of an operator, whose client or session this is; `Err` tells how long until the next one is allowed.
    pub fn count_act(&self, by: impl Hash) -> Result<(), Duration> {
        self.limiters.administration.take(by, Instant::now())
    }

    /// How many connections to the API are open.
    pub fn open_connections(&self) -> usize {
        self.connections.count()
    }

    /// The open connections to the API.
    pub(crate) fn connections(&self) -> &OpenConnections {
        &self.connections
    }

    /// Says whether nobody on the way of a request from this peer reads along: it speaks TLS, or comes from this machine, or
    /// from a proxy that is trusted to speak TLS with whoever it is for.
    pub fn is_private(&self, peer: Option<IpAddr>) -> bool {
        self.config().admin_tls.is_some() || peer.is_none_or(|peer| self.is_trusted(peer))
    }

    /// What a peer may decide about what is recorded of its request.
    pub(crate) fn trust(&self, peer: Option<IpAddr>) -> Trust {
        match peer {
            None => Trust::Inside,
            Some(peer) if self.is_trusted(peer) => Trust::Trusted,
            Some(_) => Trust::Stranger,
        }
    }

    /// Says whether a peer is on this machine, or a proxy that is trusted.
    fn is_trusted(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        peer.is_loopback() || self.settings().trusted_proxies.iter().any(|network| network.contains(&peer))
    }

    /// What is recorded and sent by OTLP, if anything is.
    pub(crate) fn recording(&self) -> Option<&Recording> {
        self.recording.get()
    }

    /// From now on requests are recorded. Only the first recording counts.
    pub(crate) fn record(&self, recording: Recording) {
        let _ = self.recording.set(recording);
    }

    /// When the served certificate expires, in seconds since 1970.
    pub(crate) fn certificate_expiry(&self) -> Option<i64> {
        Some(self.certificate_expiry.load(Relaxed)).filter(|seconds| *seconds != 0)
    }

    pub(crate) fn set_certificate_expiry(&self, seconds: i64) {
        self.certificate_expiry.store(seconds, Relaxed);
    }

    /// Makes the server not ready, so that no new work is sent to it.
    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Relaxed);
    }

    /// Says whether the server is about to end.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// Says whether tokens can be issued here and new work may be sent.
    pub fn readiness(&self) -> Result<(), NotReady> {
        if self.is_draining() { Err(NotReady::Draining) } else { self.installation.readiness() }
    }
}
