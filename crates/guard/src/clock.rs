//! The system's clock.

use tollgate_core::{Clock, Timestamp};

/// Reads the system's wall clock: on Linux the one that is set forth with each tick of the kernel's timer (1 to 10 ms). It
/// is read in a fraction of the time, which every request pays, and tokens count in whole seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[cfg(target_os = "linux")]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        use rustix::time::{ClockId, clock_gettime};
        // A clock that stands before 1970 is as wrong as one that stands at it.
        let since_1970 = clock_gettime(ClockId::RealtimeCoarse).try_into().unwrap_or_default();
        Timestamp::from_seconds(0).after(since_1970)
    }
}

#[cfg(not(target_os = "linux"))]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    fn now(&self) -> Timestamp {
        std::time::SystemTime::now().into()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "it is compared with the other clock")]
    fn it_shows_the_time_of_the_wall() {
        let before = std::time::SystemTime::now().into();
        let now = SystemClock.now();
        // A tick takes 10 ms at most; a day leaves room for a machine that stands still for a while.
        assert!(now.after(Duration::from_secs(1)) > before);
        assert!(now < Timestamp::after(before, Duration::from_secs(24 * 60 * 60)));
    }
}
