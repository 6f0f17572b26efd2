//! Time: a point in time, and the trait by which the edge reads the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The start of 2020. A clock that shows an earlier time has not been set.
    pub const YEAR_2020: Self = Self::from_seconds(1_577_836_800);

    /// The last millisecond of the year 9999. A later time has no date (RFC 3339 §5.6).
    pub const LAST_DATE: Self = Self::from_millis(253_402_300_799_999);

    /// The latest time, for things that never end.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// Makes a time from milliseconds since 1970.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Makes a time from whole seconds since 1970, the unit of a token's claims (RFC 7519 §2, `NumericDate`).
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Returns the milliseconds since 1970.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Returns the whole seconds since 1970, rounded down.
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// Writes the time in UTC to the second (RFC 3339 §5.6): `2026-11-24T13:30:00Z`. A time after [`Timestamp::LAST_DATE`] is written as
    /// that one.
    pub fn rfc3339(self) -> String {
        humantime::format_rfc3339_seconds(self.min(Self::LAST_DATE).into()).to_string()
    }

    /// Writes the time as [`Timestamp::rfc3339`] does, but to the millisecond: `2026-11-24T13:30:00.000Z`.
    pub fn rfc3339_millis(self) -> String {
        humantime::format_rfc3339_millis(self.min(Self::LAST_DATE).into()).to_string()
    }

    /// Returns the time `duration` later, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)).min(Self::MAX.0))
    }

    /// Returns the time `duration` earlier, at least the start of 1970.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// Returns the time that has passed since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<SystemTime> for Timestamp {
    /// A time before 1970 becomes the start of 1970.
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).map_or(0, millis))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_millis(time.0)
    }
}

/// A clock, which is read at the edge, once per request; `now` is an argument of everything below it.
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> Timestamp;

    /// Returns the time that the machine has been up: a second measure of time, which goes on whatever the clock is set to.
    fn uptime(&self) -> Uptime;
}

/// The time that a machine has been up since one of its starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uptime {
    /// An id that tells this start of the machine from every other. Only times since the same start can be compared.
    pub boot: [u8; 16],
    /// The time since this start, including standby.
    pub elapsed: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_can_be_written() {
        let time = Timestamp::from_millis(1_763_991_000_250);
        assert_eq!(time.rfc3339(), "2025-11-24T13:30:00Z");
        assert_eq!(time.rfc3339_millis(), "2025-11-24T13:30:00.250Z");
        for latest in [Timestamp::LAST_DATE, Timestamp::MAX, Timestamp::from_millis(u64::MAX)] {
            assert_eq!(latest.rfc3339(), "9999-12-31T23:59:59Z");
            assert_eq!(latest.rfc3339_millis(), "9999-12-31T23:59:59.999Z");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let now = Timestamp::from_seconds(1_764_000_000);
        assert_eq!(now.after(Duration::from_secs(900)).seconds(), 1_764_000_900);
        assert_eq!(now.after(Duration::MAX), Timestamp::MAX);
        assert_eq!(now.before(Duration::MAX), Timestamp::from_millis(0));
        assert_eq!(Timestamp::from_millis(1_999).seconds(), 1);
        assert_eq!(now.since(now.after(Duration::from_secs(1))), Duration::ZERO);
    }
}
