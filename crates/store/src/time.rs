//! The store's clock, and times that have certainly passed.

use async_trait::async_trait;
use tollgate_core::{Timestamp, Uptime};

use crate::StoreError;

/// A time that has certainly passed, according to both a clock and the uptime of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimePassed {
    /// The time that has passed.
    pub until: Timestamp,
    /// The uptime, at that time, of the machine that noted it.
    pub uptime: Uptime,
}

/// The store's clock, and what is known for certain about time.
#[async_trait]
pub trait Time: Send + Sync {
    /// Returns the time by the store's own clock: the database's, or the machine's for an embedded store. A program that
    /// administers the store from another machine uses this clock instead of its own.
    async fn now(&self) -> Result<Timestamp, StoreError>;

    /// Returns the latest time that was noted by [`Time::note_time_passed`].
    async fn time_passed(&self) -> Result<Option<TimePassed>, StoreError>;

    /// Notes a time that has certainly passed, unless a later one is noted. A power cut may lose the note.
    async fn note_time_passed(&self, passed: &TimePassed) -> Result<(), StoreError>;
}
