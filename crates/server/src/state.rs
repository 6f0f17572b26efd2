//! The state that the handlers of a running server share. It doesn't depend on any of them.

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

/// The data about a request before its handler is called.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The caller's address, with trusted proxies left out.
    pub from: ClientAddress,
    /// When the request came. Its handlers read no clock.
    pub now: Timestamp,
    /// The same time on the monotonic clock.
    pub at: Instant,
    /// The address that the connection comes from, a proxy's perhaps; `None` within this process.
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
    /// The configuration, with the changes since the start.
    settings: ArcSwap<Config>,
    edge_limits: watch::Sender<Limits>,
    /// When the served certificate expires, in seconds since 1970; 0 without one.
    certificate_expiry: AtomicI64,
    recording: OnceLock<Recording>,
}

impl State {
    /// Makes the state of a server with these routes that has answered nothing yet. Sending to `edge_limits` changes the limits on
    /// the server's peers.
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

    /// Returns the installation that is served.
    pub fn installation(&self) -> &Arc<Installation> {
        &self.installation
    }

    /// Returns the configuration that the server was started with: the settings that all servers of a store agree on, and others
    /// that never change while it runs.
    pub fn config(&self) -> &Config {
        self.installation.config()
    }

    /// Returns the configuration with the changes since the start.
    pub(crate) fn settings(&self) -> arc_swap::Guard<Arc<Config>> {
        self.settings.load()
    }

    /// Returns the time within which a request's body must arrive.
    pub fn body_timeout(&self) -> Duration {
        self.settings.load().limits.body_timeout
    }

    pub(crate) fn change(&self, settings: Config) {
        self.settings.store(Arc::new(settings));
    }

    /// Returns the limits on a peer of the API.
    pub(crate) fn edge_limits(&self) -> &watch::Sender<Limits> {
        &self.edge_limits
    }

    pub(crate) fn limiters(&self) -> &Limiters {
        &self.limiters
    }

    /// Returns the counters since the start.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Returns the recent refusals by client and reason.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Returns the requests that were refused most recently.
    pub fn refused(&self) -> &RefusedRequests {
        &self.refused
    }

    /// Returns the uses of secrets that are not in the store yet.
    pub(crate) fn uses(&self) -> &Arc<Uses> {
        &self.uses
    }

    /// Returns the queue in which slow hashes of imported secrets are computed.
    pub(crate) fn slow_hashes(&self) -> &SlowHashes {
        &self.slow_hashes
    }

    /// Returns the client that an unknown one is compared with, so that both take the same time.
    pub(crate) fn dummy_client(&self) -> &Arc<Registered> {
        &self.dummy_client
    }

    /// Counts a request of an operator, with this client or session; `Err` is how long until the next one is allowed.
    pub fn count_act(&self, by: impl Hash) -> Result<(), Duration> {
        self.limiters.administration.take(by, Instant::now())
    }

    /// Returns how many connections to the API are open.
    pub fn open_connections(&self) -> usize {
        self.connections.count()
    }

    /// Returns the open connections to the API.
    pub(crate) fn connections(&self) -> &OpenConnections {
        &self.connections
    }

    /// Says whether nobody can read a request from this peer on its way: it uses TLS, or comes from this machine, or
    /// from a trusted proxy, which is expected to use TLS with its callers.
    pub fn is_private(&self, peer: Option<IpAddr>) -> bool {
        self.config().admin_tls.is_some() || peer.is_none_or(|peer| self.is_trusted(peer))
    }

    /// Returns how much a peer may decide about the recording of its request.
    pub(crate) fn trust(&self, peer: Option<IpAddr>) -> Trust {
        match peer {
            None => Trust::Inside,
            Some(peer) if self.is_trusted(peer) => Trust::Trusted,
            Some(_) => Trust::Stranger,
        }
    }

    /// Says whether a peer is on this machine, or is a trusted proxy.
    fn is_trusted(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        peer.is_loopback() || self.settings().trusted_proxies.iter().any(|network| network.contains(&peer))
    }

    /// Returns the recording by OTLP, if there is one.
    pub(crate) fn recording(&self) -> Option<&Recording> {
        self.recording.get()
    }

    /// Records requests from now on. Only the first call has an effect.
    pub(crate) fn record(&self, recording: Recording) {
        let _ = self.recording.set(recording);
    }

    /// Returns when the served certificate expires, in seconds since 1970.
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
