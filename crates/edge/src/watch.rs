//! Runs one connection and applies the limits to its peer.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::time::Sleep;

use crate::clock::millis;
use crate::pulse::{Phase, Protocol, Pulse};
use crate::shared::{SETTLE, Shared};

/// A connection of hyper's, of either protocol.
pub(crate) trait Connection: Future<Output = hyper::Result<()>> {
    /// Ends it once the requests in progress are answered.
    fn graceful_shutdown(self: Pin<&mut Self>);
}

/// Why a connection ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// hyper has finished with it.
    Served(hyper::Result<()>),
    /// The head of a request did not end in time.
    HeadTooSlow,
    /// The peer sends nothing, reads nothing, or does not end a connection that must end.
    Unresponsive,
}

/// Polls `connection` to its end, or until its peer has missed a deadline.
///
/// Each connection has one timer. A request does not touch it: when the timer fires, it checks the pulse and
/// is set to the next deadline; only a head in pieces or a peer that does not read brings it forward.
pub(crate) async fn watch<C: Connection>(
    mut connection: Pin<&mut C>,
    pulse: &Pulse,
    shared: &Shared,
) -> Ending {
    let first = if pulse.protocol() == Protocol::Http1 {
        shared.limits.first_byte
    } else {
        shared.limits.write_stall
    };
    let mut alarm = pin!(tokio::time::sleep(first));
    let mut drain = pin!(shared.drained());
    let mut watch = Watch { pulse, shared, registered: false, settled: None, ending: None };
    std::future::poll_fn(|cx| {
        // A connection is a task of its own, so registering its waker once is enough.
        if !watch.registered {
            watch.registered = true;
            let _ = drain.as_mut().poll(cx);
            let _ = alarm.as_mut().poll(cx);
        }
        loop {
            if let Poll::Ready(served) = connection.as_mut().poll(cx) {
                return Poll::Ready(Ending::Served(served));
            }
            match watch.look(cx, alarm.as_mut()) {
                Step::Wait => return Poll::Pending,
                Step::Again => {}
                Step::Shutdown => connection.as_mut().graceful_shutdown(),
                Step::End(ending) => return Poll::Ready(ending),
            }
        }
    })
    .await
}

struct Watch<'a> {
    pulse: &'a Pulse,
    shared: &'a Shared,
    registered: bool,
    /// While the edge shuts down: until when it waits for a request that is on its way.
    settled: Option<u64>,
    /// When the connection was told to end.
    ending: Option<u64>,
}

enum Step {
    Wait,
    Again,
    Shutdown,
    End(Ending),
}

/// The action when a deadline passes.
#[derive(Clone, Copy)]
enum Due {
    Unresponsive,
    HeadTooSlow,
    Idle,
    Look,
}

impl Watch<'_> {
    /// Decides what is next, after the connection was polled and has read all bytes that had arrived.
    fn look(&mut self, cx: &mut Context<'_>, mut alarm: Pin<&mut Sleep>) -> Step {
        if self.ending.is_none() && self.shared.is_draining() {
            let settled = self.settled();
            if self.may_end(settled) {
                return self.shutdown();
            }
        }
        let urgent = self.pulse.phase() == Phase::Head || self.pulse.stalled_since().is_some();
        let rung = alarm.is_elapsed();
        // While draining, every poll checks: deadlines are then earlier than the alarm was set to.
        if !rung && !urgent && !self.shared.is_draining() {
            return Step::Wait;
        }
        let now = self.shared.clock.now();
        let (at, due) = self.next(now);
        if now < at {
            let at = self.shared.clock.instant(at);
            if rung || at < alarm.deadline() {
                alarm.as_mut().reset(at);
                if alarm.poll(cx).is_ready() {
                    return Step::Again;
                }
            }
            return Step::Wait;
        }
        match due {
            Due::Unresponsive => Step::End(Ending::Unresponsive),
            Due::HeadTooSlow => Step::End(Ending::HeadTooSlow),
            Due::Idle => self.shutdown(),
            Due::Look => Step::Again,
        }
    }

    fn shutdown(&mut self) -> Step {
        self.ending = Some(self.shared.clock.now());
        Step::Shutdown
    }

    /// Returns when every request has arrived that was on its way when the edge began to shut down, in milliseconds of the clock.
    fn settled(&mut self) -> u64 {
        *self.settled.get_or_insert_with(|| self.shared.clock.now() + millis(self.shared.settle()))
    }

    /// Says whether hyper may be told to end: with half a head it would not answer the requests that have arrived, and without a
    /// request it would close the connection while one is on its way. Over HTTP/2 a peer learns which of its requests will still be
    /// answered (RFC 9113 §6.8).
    fn may_end(&self, settled: u64) -> bool {
        let has_begun = !matches!(self.pulse.phase(), Phase::FirstByte | Phase::Head);
        has_begun && (self.pulse.protocol() == Protocol::Http2 || self.shared.clock.now() >= settled)
    }

    /// Returns the next deadline, in milliseconds of the clock.
    fn next(&self, now: u64) -> (u64, Due) {
        let limits = &self.shared.limits;
        let later = |limit| (now + millis(limit).max(1), Due::Look);
        let stalled =
            self.pulse.stalled_since().map(|since| (since + millis(limits.write_stall), Due::Unresponsive));
        let quiet = if self.pulse.is_busy() {
            later(limits.idle)
        } else if let Some(ending) = self.ending {
            let since = ending.max(self.pulse.since());
            (since + millis(limits.write_stall), Due::Unresponsive)
        } else {
            self.awaited()
        };
        // A stalled HTTP/2 stream does not wake the connection, so the alarm comes often enough to notice
        // it.
        let round =
            (self.pulse.protocol() == Protocol::Http2 && quiet.0 > now).then(|| later(limits.write_stall));
        [Some(quiet), stalled, round].into_iter().flatten().min_by_key(|next| next.0).unwrap_or(quiet)
    }

    /// Returns what a connection without a request waits for.
    fn awaited(&self) -> (u64, Due) {
        let limits = &self.shared.limits;
        let since = self.pulse.since();
        match self.pulse.phase() {
            Phase::FirstByte => {
                let limit = limits.first_byte;
                let limit = if self.shared.is_draining() { limit.min(SETTLE) } else { limit };
                (since + millis(limit), Due::Unresponsive)
            }
            Phase::Head => (since + millis(limits.head), Due::HeadTooSlow),
            Phase::Handling | Phase::Flushing | Phase::Idle => {
                let idle = since + millis(limits.idle);
                (self.settled.map_or(idle, |settled| settled.min(idle)), Due::Idle)
            }
        }
    }
}
