//! What time it is, by more witnesses than the clock of one machine.

use async_trait::async_trait;
use tollgate_core::{Timestamp, Uptime};

use crate::StoreError;

/// A time that has certainly passed, by two witnesses: a clock, and the uptime of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimePassed {
    /// The time.
    pub until: Timestamp,
    /// The uptime, at that time, of the machine that noted it.
    pub uptime: Uptime,
}

/// The store's clock, and what is known for certain about time.
#[async_trait]
pub trait Time: Send + Sync {
    /// Returns the time by the store's own clock: the database's, or that of the machine for an embedded store. Whoever
    /// administers the store from another machine goes by this clock and not by its own.
    async fn now(&self) -> Result<Timestamp, StoreError>;

    /// Returns the latest time that was noted by [`Time::note_time_passed`].
    async fn time_passed(&self) -> Result<Option<TimePassed>, StoreError>;

    /// Notes a time that has certainly passed, unless a later one is noted. May be lost in a power cut.
    async fn note_time_passed(&self, passed: &TimePassed) -> Result<(), StoreError>;
}
