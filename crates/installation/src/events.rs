//! Events: what happens without anybody's order, and belongs in the audit trail all the same.
//!
//! Whoever notes an event can't wait for the store, and the store may be away: that a server is stale follows from it. So
//! events wait in memory, bounded in number, and a task records them in their order once the store takes them. Strangers can
//! cause some of them: what is above the bound is counted, and recorded as a number.

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
/// How long what is above the bound is counted before it is recorded.
const WINDOW: Duration = Duration::from_secs(60);
/// How long until an event is recorded again that the store did not take.
const AGAIN: Duration = Duration::from_secs(1);

/// What is still to be done of a server's part in the audit trail.
pub(crate) struct Auditing {
    events: Events,
    /// How many records are not streamed yet; [`UNKNOWN`] where another server streams them, or none.
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

/// How many events there were of each kind.
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

    /// Takes the numbers of events that are recorded as numbers only.
    pub(crate) fn take_suppressed(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.counts().suppressed)
    }

    /// Records events until `stopped` has no sender any more, and then what still waits. `suppressed` makes an event of numbers.
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

    /// Nothing panics while it holds the lock, so a poisoned one is as good as any.
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

/// Records an event as soon as the store takes it, and tries once more when the end comes. Says whether it goes on. A write is not
/// given up while it is under way, or it could be done all the same; where its outcome is unknown it is done again: twice is better than
/// never.
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
