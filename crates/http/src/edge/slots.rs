//! Connection slots: how many connections there may be.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::Limits;

/// The connection slots of an edge; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    serving: Arc<Semaphore>,
    refusing: Arc<Semaphore>,
}

/// A slot that a connection takes, and what becomes of it.
#[derive(Debug)]
pub(super) enum Slot {
    /// The connection is served.
    Serve(OwnedSemaphorePermit),
    /// The connection is told that there are too many.
    Refuse(OwnedSemaphorePermit),
}

impl Slots {
    pub(super) fn new(limits: &Limits) -> Self {
        let semaphore = |slots: usize| Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS)));
        Self { serving: semaphore(limits.max_connections), refusing: semaphore(limits.max_refused) }
    }

    /// Waits for a free slot, preferably one where a connection is served.
    pub(super) async fn free(&self) -> Slot {
        let never_closed = "the semaphores are never closed";
        tokio::select! {
            biased;
            permit = Arc::clone(&self.serving).acquire_owned() => Slot::Serve(permit.expect(never_closed)),
            permit = Arc::clone(&self.refusing).acquire_owned() => Slot::Refuse(permit.expect(never_closed)),
        }
    }

    /// A slot where a connection is served, if one is free now.
    pub(super) fn free_now(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.serving).try_acquire_owned().ok()
    }

    /// A slot where a connection is refused, if one is free now.
    pub(super) fn refuse_now(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.refusing).try_acquire_owned().ok()
    }

    /// Exchanges a slot for a better one, which may have become free meanwhile.
    pub(super) fn better(&self, slot: Slot) -> Slot {
        match slot {
            Slot::Serve(_) => slot,
            Slot::Refuse(_) => self.free_now().map_or(slot, Slot::Serve),
        }
    }
}
