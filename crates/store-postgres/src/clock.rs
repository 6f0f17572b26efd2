//! The database's clock, by which a server's clock is checked.
//!
//! A server's clock can be wrong. So an idempotency key is free only when both clocks say so: a server whose clock is ahead
//! frees no key too soon, and one whose clock is behind doesn't shorten the time for which an answer is kept.

use tollgate_core::Timestamp;

/// The clock that is the second witness of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The clock of the database server.
    Database,
    /// A clock that always agrees with the server's.
    #[cfg(test)]
    Agreeing,
    /// A clock that stands still.
    #[cfg(test)]
    At(Timestamp),
}

impl Clock {
    /// Returns the time by this clock, or `None` if it is the database's. `now` is the time by the server's clock.
    pub(crate) const fn instead(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Database => {
                let _ = now;
                None
            }
            #[cfg(test)]
            Self::Agreeing => Some(now),
            #[cfg(test)]
            Self::At(time) => Some(time),
        }
    }
}

/// The SQL for the second witness's time in milliseconds: the parameter, if it isn't NULL, or the database's clock.
///
/// It is the time at which the statement began: a sharded engine does not write by volatile functions. If the statement has waited
/// for a lock, the time is too early by that long, so no key is found free too soon.
macro_rules! witness {
    ($instead:literal) => {
        concat!("coalesce(", $instead, ", (extract(epoch FROM statement_timestamp()) * 1000)::bigint)")
    };
}
pub(crate) use witness;
