//! The state of a connection, as its I/O and its requests see it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::upgrade::OnUpgrade;

use crate::rest::{Rest, UnreadBody};
use crate::shared::Shared;

/// The version of HTTP that a connection uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// The phase of an HTTP/1.1 connection between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No byte has arrived yet.
    FirstByte,
    /// A request has begun and its head is not complete.
    Head,
    /// A request is with the service, or its answer is being written.
    Handling,
    /// The answer is complete, but not all of it is written.
    Flushing,
    /// All requests are answered.
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
    /// The other side of a connection that has switched to another protocol.
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

    /// Returns when the phase began, if it has a limit of its own.
    pub(crate) fn since(&self) -> u64 {
        self.since.load(Relaxed)
    }

    /// Says whether a request is with the service or its answer is unfinished.
    pub(crate) fn is_busy(&self) -> bool {
        self.requests.load(Relaxed) > 0
    }

    /// Says whether no answer of the service can be in progress, so that hyper writes only its own bytes.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self.phase(), Phase::FirstByte | Phase::Head | Phase::Idle)
    }

    /// Returns since when the peer has not taken bytes that wait for it.
    pub(crate) fn stalled_since(&self) -> Option<u64> {
        let blocked = self.blocked.load(Relaxed);
        if blocked > 0 {
            return Some(blocked);
        }
        (self.unread.load(Relaxed) > 0).then(|| self.progress.load(Relaxed))
    }

    /// Notes that bytes came from the peer.
    pub(crate) fn arrived(&self) {
        if matches!(self.phase(), Phase::FirstByte | Phase::Idle) {
            self.enter(Phase::Head);
            self.since.store(self.shared.clock.stamp(), Relaxed);
        }
    }

    /// Notes that the peer took no bytes.
    pub(crate) fn blocked(&self) {
        if self.blocked.load(Relaxed) == 0 {
            self.blocked.store(self.shared.clock.stamp(), Relaxed);
        }
    }

    /// Notes that the peer took bytes.
    pub(crate) fn unblocked(&self) {
        if self.blocked.load(Relaxed) != 0 {
            self.blocked.store(0, Relaxed);
        }
    }

    /// Notes that everything is written.
    pub(crate) fn flushed(&self) {
        if self.phase() == Phase::Flushing {
            self.enter(Phase::Idle);
        }
    }

    /// Notes that the answer switches to another protocol (RFC 9110 §15.2.2): the bytes after it are not HTTP.
    pub(crate) fn switches(&self, other_side: OnUpgrade) {
        *self.other_side.lock().unwrap_or_else(PoisonError::into_inner) = Some(other_side);
        self.switched.store(true, Relaxed);
    }

    /// Returns the other side of a switched connection, once.
    pub(crate) fn other_side(&self) -> Option<OnUpgrade> {
        self.other_side.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Says whether the connection no longer carries HTTP.
    pub(crate) fn has_switched(&self) -> bool {
        self.switched.load(Relaxed)
    }

    /// Returns the body of the request that the service has.
    pub(crate) fn unread_body(&self) -> &UnreadBody {
        &self.unread_body
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }
}

/// A request, from the call of the service until its answer ends or is dropped.
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

    /// Notes that the answer switches to another protocol.
    pub(crate) fn switches(&self, other_side: OnUpgrade) {
        self.pulse.switches(other_side);
    }

    /// Returns the state that all connections share.
    pub(crate) fn shared(&self) -> &Shared {
        &self.pulse.shared
    }

    /// Returns how much of the body the service has left unread.
    pub(crate) fn rest_of_body(&self) -> Rest {
        self.pulse.unread_body.rest()
    }

    /// Notes whether the answer's next bytes wait for the peer (or else for the service).
    ///
    /// On HTTP/2 a peer stalls a stream by giving it no window, while the socket stays writable; on HTTP/1.1
    /// the socket shows it.
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
