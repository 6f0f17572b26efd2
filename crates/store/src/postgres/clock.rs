//! The database's clock: a second witness of time.
//!
//! A server's clock can be wrong. So an idempotency key is free only when both clocks say so, and counts until both have
//! come to its end: a server that is ahead frees no key, and one that is behind keeps none too short.

use tollgate_core::Timestamp;

/// Whose clock is the second witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// The database's.
    Database,
    /// One that always shows what the server's does.
    #[cfg(test)]
    Agreeing,
    /// One that stands still.
    #[cfg(test)]
    At(Timestamp),
}

impl Clock {
    /// What the clock shows, if it isn't the database's; `now` is what the server's shows.
    pub(super) const fn instead(self, now: Timestamp) -> Option<Timestamp> {
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

/// What the second witness shows, in milliseconds: the parameter, if it isn't NULL, or the database's clock.
///
/// The beginning of the statement, and not the moment: a sharded engine writes by no function that is volatile. It is
/// early by as long as the statement has waited for a lock, so nothing is found free too soon.
macro_rules! witness {
    ($instead:literal) => {
        concat!("coalesce(", $instead, ", (extract(epoch FROM statement_timestamp()) * 1000)::bigint)")
    };
}
pub(super) use witness;
