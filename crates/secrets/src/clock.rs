//! Time by two clocks: one never goes back, the other goes on while the machine sleeps.

use std::time::Duration;

use tokio::time::Instant;

/// A pair of clocks: a monotonic one and a wall clock.
pub trait Clock: Send + Sync + 'static {
    /// Reads the clocks now.
    fn now(&self) -> Reading;
}

/// A reading of both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The time since an arbitrary start. It never goes back, and may stand still while the machine is suspended.
    pub monotonic: Duration,
    /// The time since 1970 in UTC. It goes on while the machine is suspended, and may be set.
    pub wall: Duration,
}

impl Reading {
    /// Returns the reading this much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self { monotonic: self.monotonic.saturating_add(duration), wall: self.wall.saturating_add(duration) }
    }

    /// Returns how long it takes until `later`, by the clock that gets there first; zero if one of them has.
    pub fn until(self, later: Self) -> Duration {
        let monotonic = later.monotonic.saturating_sub(self.monotonic);
        monotonic.min(later.wall.saturating_sub(self.wall))
    }

    /// Says whether both clocks are before `later`.
    pub fn is_before(self, later: Self) -> bool {
        self.monotonic < later.monotonic && self.wall < later.wall
    }
}

/// The clocks of the system. The monotonic one is tokio's, so that tests can pause it; the other is [`tollgate_clock::wall`].
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts the monotonic clock.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Reading {
        Reading { monotonic: self.start.elapsed(), wall: tollgate_clock::wall() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Reading = Reading { monotonic: Duration::from_secs(100), wall: Duration::from_secs(5_000) };

    #[test]
    fn the_clock_that_is_there_first_counts() {
        let end = NOW.after(Duration::from_secs(60));
        assert_eq!(NOW.until(end), Duration::from_secs(60));
        let suspended = Reading { wall: NOW.wall + Duration::from_secs(3_600), ..NOW };
        assert_eq!(suspended.until(end), Duration::ZERO);
        assert!(!suspended.is_before(end));
        let set_back = Reading { wall: Duration::from_secs(1_400), ..NOW };
        assert_eq!(set_back.until(end), Duration::from_secs(60));
        let set_back_and_over = Reading { monotonic: end.monotonic, ..set_back };
        assert!(!set_back_and_over.is_before(end));
    }

    #[tokio::test(start_paused = true)]
    async fn the_system_clock_follows_tokio_and_the_wall() {
        let clock = SystemClock::new();
        let before = clock.now();
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(clock.now().monotonic, before.monotonic + Duration::from_secs(7));
        assert!(before.wall > Duration::from_secs(1_700_000_000));
    }
}
