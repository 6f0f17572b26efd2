//! Connection slots: how many connections there may be.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::Limits;

/// The connection slots of an edge; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    serving: Arc<Semaphore>,
    refusing: Arc<Semaphore>,
    /// How many connections there may be.
    limit: Arc<Mutex<usize>>,
}

/// A slot that a connection takes, and how it is used.
#[derive(Debug)]
pub(crate) enum Slot {
    /// The connection is served.
    Serve(OwnedSemaphorePermit),
    /// The connection is refused because there are too many.
    Refuse(OwnedSemaphorePermit),
}

impl Slots {
    pub(crate) fn new(limits: &Limits) -> Self {
        let semaphore = |slots: usize| Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS)));
        Self {
            serving: semaphore(limits.max_connections),
            refusing: semaphore(limits.max_refused),
            limit: Arc::new(Mutex::new(limits.max_connections.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Changes how many connections there may be. Open connections stay: if there are more, slots that become free are
    /// taken away before new connections get any.
    pub(crate) fn resize(&self, slots: usize) {
        let slots = slots.min(Semaphore::MAX_PERMITS);
        let before =
            std::mem::replace(&mut *self.limit.lock().unwrap_or_else(PoisonError::into_inner), slots);
        self.serving.add_permits(slots.saturating_sub(before));
        let too_many = before.saturating_sub(slots);
        let in_use = too_many - self.serving.forget_permits(too_many);
        let Ok(in_use) = u32::try_from(in_use) else { return };
        if in_use > 0 {
            let serving = self.serving.clone();
            tokio::spawn(async move {
                if let Ok(freed) = serving.acquire_many_owned(in_use).await {
                    freed.forget();
                }
            });
        }
    }

    /// Waits for a free slot, preferably one for a connection that is served.
    pub(crate) async fn free(&self) -> Slot {
        let never_closed = "the semaphores are never closed";
        tokio::select! {
            biased;
            permit = Arc::clone(&self.serving).acquire_owned() => Slot::Serve(permit.expect(never_closed)),
            permit = Arc::clone(&self.refusing).acquire_owned() => Slot::Refuse(permit.expect(never_closed)),
        }
    }

    /// Returns a slot for a connection that is served, if one is free now.
    pub(crate) fn free_now(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.serving).try_acquire_owned().ok()
    }

    /// Returns a slot for a connection that is refused, if one is free now.
    pub(crate) fn refuse_now(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.refusing).try_acquire_owned().ok()
    }

    /// Exchanges a slot for a better one that may have become free meanwhile.
    pub(crate) fn better(&self, slot: Slot) -> Slot {
        match slot {
            Slot::Serve(_) => slot,
            Slot::Refuse(_) => self.free_now().map_or(slot, Slot::Serve),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(slots: &Slots) -> Vec<OwnedSemaphorePermit> {
        std::iter::from_fn(|| slots.free_now()).collect()
    }

    #[tokio::test]
    async fn fewer_slots_are_waited_for_and_more_are_there_at_once() {
        let slots = Slots::new(&Limits { max_connections: 4, ..Limits::default() });
        let mut open = taken(&slots);
        assert_eq!(open.len(), 4);
        slots.resize(6);
        open.extend(taken(&slots));
        assert_eq!(open.len(), 6);
        slots.resize(2);
        for left in (0..6).rev() {
            open.pop();
            // A task takes slots away, which runs now.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            let free = taken(&slots);
            assert_eq!(free.len(), usize::from(left < 2), "{left} are open");
            open.extend(free);
            if left < 2 {
                break;
            }
        }
        assert_eq!(open.len(), 2);
        drop(open);
        assert_eq!(taken(&slots).len(), 2);
    }

    #[tokio::test]
    async fn the_clones_of_an_edge_change_their_slots_once() {
        let slots = Slots::new(&Limits { max_connections: 4, ..Limits::default() });
        slots.resize(3);
        slots.clone().resize(3);
        assert_eq!(taken(&slots).len(), 3);
    }
}
