//! Events, which happen without anybody's order but belong in the audit trail all the same.
//!
//! A task that notes an event can't wait for the store, and the store may be unreachable: being stale is itself an event. So
//! events wait in memory, up to a limit, and a task records them in order once the store takes them. Strangers can
//! cause some of them: events beyond the limit are counted, and recorded as a number.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use tollgate_admin::AuditTrail;
use tollgate_store::{Draft, StoreError, Trail};

use crate::ticks::ticks;

/// How many events may wait.
const WAITING: usize = 256;
/// The most events of one kind within [`WINDOW`].
const MOST: u32 = 30;
/// How long the events beyond the limit are counted before their number is recorded.
const WINDOW: Duration = Duration::from_secs(60);
/// The pause before an event is recorded again after the store has not taken it.
const AGAIN: Duration = Duration::from_secs(1);

/// The part of the audit trail that a server has yet to write.
pub(crate) struct Auditing {
    events: Events,
    /// How many records are not streamed yet; [`UNKNOWN`] if another server streams them, or none.
    unstreamed: AtomicU64,
}

const UNKNOWN: u64 = u64::MAX;

impl Auditing {
    pub(crate) fn new(now: Instant) -> Self {
        Self { events: Events::new(now), unstreamed: UNKNOWN.into() }
    }

    pub(crate) const fn events(&self) -> &Events {
        &self.events
    }

    pub(crate) fn unstreamed(&self) -> Option<u64> {
        Some(self.unstreamed.load(Relaxed)).filter(|records| *records != UNKNOWN)
    }

    pub(crate) fn set_unstreamed(&self, records: Option<u64>) {
        self.unstreamed.store(records.unwrap_or(UNKNOWN), Relaxed);
    }
}

/// The events of a server that are not recorded yet.
pub(crate) struct Events {
    sender: mpsc::Sender<Draft>,
    receiver: tokio::sync::Mutex<mpsc::Receiver<Draft>>,
    counts: Mutex<Counts>,
}

/// The number of events of each kind.
struct Counts {
    since: Instant,
    noted: BTreeMap<&'static str, u32>,
    suppressed: BTreeMap<&'static str, u64>,
}

impl Events {
    pub(crate) fn new(now: Instant) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let counts = Counts { since: now, noted: BTreeMap::new(), suppressed: BTreeMap::new() };
        Self { sender, receiver: receiver.into(), counts: counts.into() }
    }

    /// Notes an event, which is recorded later.
    pub(crate) fn note(&self, event: Draft, now: Instant) {
        let act = event.act;
        let mut counts = self.counts();
        counts.renew(now);
        let noted = counts.noted.entry(act).or_default();
        *noted += 1;
        if *noted > MOST || self.sender.try_send(event).is_err() {
            *counts.suppressed.entry(act).or_default() += 1;
        }
    }

    /// Takes the numbers of events that are only recorded as a number.
    pub(crate) fn take_suppressed(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.counts().suppressed)
    }

    /// Records events until the sender of `stopped` is dropped, and then those that still wait. `suppressed` makes an event from the
    /// numbers.
    pub(crate) async fn record(
        &self,
        store: &dyn Trail,
        trail: &AuditTrail,
        suppressed: impl Fn(&BTreeMap<&'static str, u64>) -> Draft,
        mut stopped: watch::Receiver<()>,
    ) {
        let mut receiver = self.receiver.lock().await;
        let mut ticks = ticks(WINDOW);
        loop {
            let event = tokio::select! {
                event = receiver.recv() => event,
                _ = ticks.tick() => self.suppressed_event(&suppressed),
                _ = stopped.changed() => break,
            };
            let Some(event) = event else { continue };
            if !recorded_until(store, trail, &event, &mut stopped).await {
                break;
            }
        }
        receiver.close();
        while let Some(event) = receiver.recv().await.or_else(|| self.suppressed_event(&suppressed)) {
            if let Err(error) = record(store, trail, event).await {
                tracing::error!(%error, "events could not be recorded in the audit trail before the end");
                break;
            }
        }
    }

    fn suppressed_event(&self, event: impl Fn(&BTreeMap<&'static str, u64>) -> Draft) -> Option<Draft> {
        let suppressed = self.take_suppressed();
        (!suppressed.is_empty()).then(|| event(&suppressed))
    }

    /// Locks the counts. Nothing panics while it holds the lock, so a poisoned lock is safe to use.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn renew(&mut self, now: Instant) {
        if now.saturating_duration_since(self.since) >= WINDOW {
            self.since = now;
            self.noted.clear();
        }
    }
}

async fn record(store: &dyn Trail, trail: &AuditTrail, event: Draft) -> Result<(), StoreError> {
    store.record(&trail.act(event)).await
}

/// Records an event as soon as the store takes it; after the server was stopped, tries only once more. Returns whether to go on. A
/// write is not aborted once it has begun, since it could take effect all the same; if its outcome is unknown it is repeated: twice
/// is better than never.
async fn recorded_until(
    store: &dyn Trail,
    trail: &AuditTrail,
    event: &Draft,
    stopped: &mut watch::Receiver<()>,
) -> bool {
    let mut failing = false;
    while let Err(error) = record(store, trail, event.clone()).await {
        if !failing {
            tracing::error!(%error, act = event.act, "an event can't be recorded in the audit trail yet");
        }
        failing = true;
        if timeout(AGAIN, stopped.changed()).await.is_ok() {
            return record(store, trail, event.clone()).await.is_ok();
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use tollgate_core::Timestamp;
    use tollgate_store::{Actor, Object};

    use super::*;

    fn event(act: &'static str) -> Draft {
        Draft::new(Timestamp::from_millis(0), Actor::system(), act, Object::Store)
    }

    #[tokio::test]
    async fn what_is_above_the_bound_is_counted_by_its_kind() {
        let now = Instant::now();
        let events = Events::new(now);
        for _ in 0..MOST + 7 {
            events.note(event("client.throttle"), now);
        }
        events.note(event("server.start"), now);
        assert_eq!(events.receiver.lock().await.len(), MOST as usize + 1);
        assert_eq!(events.take_suppressed(), BTreeMap::from([("client.throttle", 7)]));
        assert_eq!(events.take_suppressed(), BTreeMap::new());
        events.note(event("client.throttle"), now + WINDOW);
        assert_eq!(events.receiver.lock().await.len(), MOST as usize + 2);
    }

    #[tokio::test]
    async fn what_finds_no_room_is_counted_as_well() {
        let now = Instant::now();
        let events = Events::new(now);
        let mut noted = 0;
        for window in 0..10 {
            for _ in 0..MOST {
                events.note(event("client.throttle"), now + WINDOW * window);
                noted += 1;
            }
        }
        let lost = events.take_suppressed()["client.throttle"];
        assert_eq!(events.receiver.lock().await.len() as u64 + lost, noted);
        assert_eq!(events.receiver.lock().await.len(), WAITING);
    }
}
