//! What a connection is doing, as its I/O and its requests see it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::upgrade::OnUpgrade;

use crate::rest::{Rest, UnreadBody};
use crate::shared::Shared;

/// The version of HTTP that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Where an HTTP/1.1 connection is between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No byte has come yet.
    FirstByte,
    /// A request has begun and its head is not whole.
    Head,
    /// A request is with the service, or its answer is being written.
    Handling,
    /// The answer is complete and not all of it written.
    Flushing,
    /// Everything is answered.
    Idle,
}

impl Phase {
    fn from_u8(value: u8) -> Self {
        [Self::FirstByte, Self::Head, Self::Handling, Self::Flushing][..]
            .get(usize::from(value))
            .copied()
            .unwrap_or(Self::Idle)
    }
}

/// The state of a connection, shared by its I/O, its requests and the task that watches them.
///
/// The parts run on one task (on HTTP/2 streams have their own, which only touch the counts), so relaxed
/// atomics are enough, and an uncontended one costs about as much as a plain store.
#[derive(Debug)]
pub(crate) struct Pulse {
    shared: Arc<Shared>,
    protocol: Protocol,
    phase: AtomicU8,
    since: AtomicU64,
    requests: AtomicU32,
    blocked: AtomicU64,
    unread: AtomicU32,
    progress: AtomicU64,
    switched: AtomicBool,
    /// Whoever has switched behind the service.
    other_side: Mutex<Option<OnUpgrade>>,
    unread_body: UnreadBody,
}

impl Pulse {
    pub(crate) fn new(shared: Arc<Shared>, protocol: Protocol) -> Self {
        let phase = if protocol == Protocol::Http1 { Phase::FirstByte } else { Phase::Idle };
        Self {
            since: AtomicU64::new(shared.clock.stamp()),
            shared,
            protocol,
            phase: AtomicU8::new(phase as u8),
            requests: AtomicU32::new(0),
            blocked: AtomicU64::new(0),
            unread: AtomicU32::new(0),
            progress: AtomicU64::new(0),
            switched: AtomicBool::new(false),
            other_side: Mutex::new(None),
            unread_body: UnreadBody::new(),
        }
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) fn phase(&self) -> Phase {
        Phase::from_u8(self.phase.load(Relaxed))
    }

    /// When the phase began, where it has a limit of its own.
    pub(crate) fn since(&self) -> u64 {
        self.since.load(Relaxed)
    }

    /// Whether a request is with the service or its answer unfinished.
    pub(crate) fn is_busy(&self) -> bool {
        self.requests.load(Relaxed) > 0
    }

    /// Whether nothing that the service answered can be under way, so that what hyper writes is its own.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self.phase(), Phase::FirstByte | Phase::Head | Phase::Idle)
    }

    /// Since when the peer has not taken what we have for it.
    pub(crate) fn stalled_since(&self) -> Option<u64> {
        let blocked = self.blocked.load(Relaxed);
        if blocked > 0 {
            return Some(blocked);
        }
        (self.unread.load(Relaxed) > 0).then(|| self.progress.load(Relaxed))
    }

    /// Bytes came from the peer.
    pub(crate) fn arrived(&self) {
        if matches!(self.phase(), Phase::FirstByte | Phase::Idle) {
            self.enter(Phase::Head);
            self.since.store(self.shared.clock.stamp(), Relaxed);
        }
    }

    /// The peer took no bytes.
    pub(crate) fn blocked(&self) {
        if self.blocked.load(Relaxed) == 0 {
            self.blocked.store(self.shared.clock.stamp(), Relaxed);
        }
    }

    /// The peer took bytes.
    pub(crate) fn unblocked(&self) {
        if self.blocked.load(Relaxed) != 0 {
            self.blocked.store(0, Relaxed);
        }
    }

    /// All that was to be written is.
    pub(crate) fn flushed(&self) {
        if self.phase() == Phase::Flushing {
            self.enter(Phase::Idle);
        }
    }

    /// The answer switches to another protocol (RFC 9110 §15.2.2): what comes behind it is no HTTP.
    pub(crate) fn switches(&self, other_side: OnUpgrade) {
        *self.other_side.lock().unwrap_or_else(PoisonError::into_inner) = Some(other_side);
        self.switched.store(true, Relaxed);
    }

    /// Whoever has switched behind the service, once.
    pub(crate) fn other_side(&self) -> Option<OnUpgrade> {
        self.other_side.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether what passes is no HTTP any more.
    pub(crate) fn has_switched(&self) -> bool {
        self.switched.load(Relaxed)
    }

    /// The body of the request that the service has.
    pub(crate) fn unread_body(&self) -> &UnreadBody {
        &self.unread_body
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }
}

/// One request, from the call of the service to the end of its answer, or to whatever drops it.
#[derive(Debug)]
pub(crate) struct InFlight {
    pulse: Arc<Pulse>,
    unread: bool,
}

impl InFlight {
    pub(crate) fn begin(pulse: Arc<Pulse>) -> Self {
        pulse.requests.fetch_add(1, Relaxed);
        if pulse.protocol == Protocol::Http1 {
            pulse.enter(Phase::Handling);
        }
        Self { pulse, unread: false }
    }

    /// The answer switches to another protocol.
    pub(crate) fn switches(&self, other_side: OnUpgrade) {
        self.pulse.switches(other_side);
    }

    /// What all connections have in common.
    pub(crate) fn shared(&self) -> &Shared {
        &self.pulse.shared
    }

    /// Says what the service has left of the body.
    pub(crate) fn rest_of_body(&self) -> Rest {
        self.pulse.unread_body.rest()
    }

    /// Says whether the answer's next bytes wait for the peer (or else for the service).
    ///
    /// On HTTP/2 a peer stalls a stream by giving it no window, while the socket stays writable; on HTTP/1.1
    /// the socket tells.
    pub(crate) fn waits_for_peer(&mut self, unread: bool) {
        if self.pulse.protocol == Protocol::Http1 {
            return;
        }
        self.pulse.progress.store(self.pulse.shared.clock.stamp(), Relaxed);
        if unread != self.unread {
            self.unread = unread;
            if unread {
                self.pulse.unread.fetch_add(1, Relaxed);
            } else {
                self.pulse.unread.fetch_sub(1, Relaxed);
            }
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.waits_for_peer(false);
        self.pulse.since.store(self.pulse.shared.clock.stamp(), Relaxed);
        self.pulse.requests.fetch_sub(1, Relaxed);
        if self.pulse.protocol == Protocol::Http1 {
            self.pulse.enter(Phase::Flushing);
        }
    }
}
