//! What a connection is doing, as its I/O and its requests see it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::rest::{Rest, UnreadBody};

/// How often the coarse clock moves, in milliseconds: deadlines are late by up to this, never early.
const TICK: u64 = 100;

/// Milliseconds since the edge started, kept by [`Clock::run`], so that a request costs no clock read.
#[derive(Debug)]
pub(super) struct Clock {
    origin: Instant,
    coarse: AtomicU64,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { origin: Instant::now(), coarse: AtomicU64::new(0) }
    }

    /// Moves the coarse clock for as long as it is polled.
    pub(super) async fn run(&self) -> Infallible {
        let mut ticks = tokio::time::interval(Duration::from_millis(TICK));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            self.coarse.store(self.now(), Relaxed);
        }
    }

    pub(super) fn now(&self) -> u64 {
        millis(self.origin.elapsed())
    }

    pub(super) fn instant(&self, at: u64) -> Instant {
        self.origin + Duration::from_millis(at)
    }

    /// The end of the current tick: a time that is not yet over.
    fn stamp(&self) -> u64 {
        self.coarse.load(Relaxed) + TICK
    }
}

/// A duration in milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The version of HTTP that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Where an HTTP/1.1 connection is between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
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
pub(super) struct Pulse {
    clock: Arc<Clock>,
    protocol: Protocol,
    phase: AtomicU8,
    since: AtomicU64,
    requests: AtomicU32,
    blocked: AtomicU64,
    unread: AtomicU32,
    progress: AtomicU64,
    two_lengths: AtomicBool,
    unread_body: UnreadBody,
}

impl Pulse {
    pub(super) fn new(clock: Arc<Clock>, protocol: Protocol) -> Self {
        let phase = if protocol == Protocol::Http1 { Phase::FirstByte } else { Phase::Idle };
        Self {
            since: AtomicU64::new(clock.stamp()),
            clock,
            protocol,
            phase: AtomicU8::new(phase as u8),
            requests: AtomicU32::new(0),
            blocked: AtomicU64::new(0),
            unread: AtomicU32::new(0),
            progress: AtomicU64::new(0),
            two_lengths: AtomicBool::new(false),
            unread_body: UnreadBody::new(),
        }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(super) fn phase(&self) -> Phase {
        Phase::from_u8(self.phase.load(Relaxed))
    }

    /// When the phase began, where it has a limit of its own.
    pub(super) fn since(&self) -> u64 {
        self.since.load(Relaxed)
    }

    /// Whether a request is with the service or its answer unfinished.
    pub(super) fn is_busy(&self) -> bool {
        self.requests.load(Relaxed) > 0
    }

    /// Whether nothing that the service answered can be under way, so that what hyper writes is its own.
    pub(super) fn is_quiet(&self) -> bool {
        matches!(self.phase(), Phase::FirstByte | Phase::Head | Phase::Idle)
    }

    /// Since when the peer has not taken what we have for it.
    pub(super) fn stalled_since(&self) -> Option<u64> {
        let blocked = self.blocked.load(Relaxed);
        if blocked > 0 {
            return Some(blocked);
        }
        (self.unread.load(Relaxed) > 0).then(|| self.progress.load(Relaxed))
    }

    /// Bytes came from the peer.
    pub(super) fn arrived(&self) {
        if matches!(self.phase(), Phase::FirstByte | Phase::Idle) {
            self.enter(Phase::Head);
            self.since.store(self.clock.stamp(), Relaxed);
        }
    }

    /// The peer took no bytes.
    pub(super) fn blocked(&self) {
        if self.blocked.load(Relaxed) == 0 {
            self.blocked.store(self.clock.stamp(), Relaxed);
        }
    }

    /// The peer took bytes.
    pub(super) fn unblocked(&self) {
        if self.blocked.load(Relaxed) != 0 {
            self.blocked.store(0, Relaxed);
        }
    }

    /// All that was to be written is.
    pub(super) fn flushed(&self) {
        if self.phase() == Phase::Flushing {
            self.enter(Phase::Idle);
        }
    }

    /// Notes whether the bytes that are shown to hyper end a block with both `Content-Length` and `Transfer-Encoding`.
    pub(super) fn shows_two_lengths(&self, two: bool) {
        self.two_lengths.store(two, Relaxed);
    }

    /// Whether the bytes shown to hyper last end a block with both `Content-Length` and `Transfer-Encoding`.
    pub(super) fn has_two_lengths(&self) -> bool {
        self.two_lengths.load(Relaxed)
    }

    /// The body of the request that the service has.
    pub(super) fn unread_body(&self) -> &UnreadBody {
        &self.unread_body
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }
}

/// One request, from the call of the service to the end of its answer, or to whatever drops it.
#[derive(Debug)]
pub(super) struct InFlight {
    pulse: Arc<Pulse>,
    unread: bool,
}

impl InFlight {
    pub(super) fn begin(pulse: Arc<Pulse>) -> Self {
        pulse.requests.fetch_add(1, Relaxed);
        if pulse.protocol == Protocol::Http1 {
            pulse.enter(Phase::Handling);
        }
        Self { pulse, unread: false }
    }

    /// Says what the service has left of the body.
    pub(super) fn rest_of_body(&self) -> Rest {
        self.pulse.unread_body.rest()
    }

    /// Says whether the answer's next bytes wait for the peer (or else for the service).
    ///
    /// On HTTP/2 a peer stalls a stream by giving it no window, while the socket stays writable; on HTTP/1.1
    /// the socket tells.
    pub(super) fn waits_for_peer(&mut self, unread: bool) {
        if self.pulse.protocol == Protocol::Http1 {
            return;
        }
        self.pulse.progress.store(self.pulse.clock.stamp(), Relaxed);
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
        self.pulse.since.store(self.pulse.clock.stamp(), Relaxed);
        self.pulse.requests.fetch_sub(1, Relaxed);
        if self.pulse.protocol == Protocol::Http1 {
            self.pulse.enter(Phase::Flushing);
        }
    }
}
