//! The time that has certainly passed, by a second witness beside the clock, which can be set to any time.
//!
//! Deleted data is gone for good, so it is not deleted just because a clock says that it has expired: that clock may be
//! two days ahead for a minute. The time must also have passed while a machine was up. Each server notes in the store how
//! far it has come, so that another process, or the same one after a restart, goes on from there. Time in which the
//! machines of all servers were off does not count: data that should be deleted is then kept for longer, never for shorter.

use std::time::Duration;

use tollgate_core::{Timestamp, Uptime};
use tollgate_store::TimePassed;

/// How far the noted time may be behind the clock to be taken for the clock's: servers note it once a minute.
const NOTED_WITHIN: Duration = Duration::from_secs(150);

/// Counts the time that has certainly passed, unaffected by changes of the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SteadyTime {
    from: TimePassed,
}

impl SteadyTime {
    /// Goes on from the time that was noted last. `clocks` is the earliest time that any clock shows.
    pub(crate) fn new(noted: Option<TimePassed>, clocks: Timestamp, uptime: Uptime) -> Self {
        let until = match noted {
            // No time was noted, so believing the clocks once deletes nothing too early.
            None => clocks,
            Some(noted) if noted.uptime.boot == uptime.boot => Self { from: noted }.at(uptime),
            Some(noted) if clocks.since(noted.until) <= NOTED_WITHIN => noted.until.max(clocks),
            Some(noted) => noted.until,
        };
        Self { from: TimePassed { until, uptime } }
    }

    /// Returns the time at which the machine has been up for `uptime`.
    pub(crate) fn at(&self, uptime: Uptime) -> Timestamp {
        let TimePassed { until, uptime: then } = self.from;
        if uptime.boot == then.boot {
            until.after(uptime.elapsed.saturating_sub(then.elapsed))
        } else {
            until
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn up(boot: u8, elapsed: Duration) -> Uptime {
        Uptime { boot: [boot; 16], elapsed }
    }

    #[test]
    fn it_goes_on_while_the_machine_is_up() {
        let time = SteadyTime::new(None, NOW, up(1, DAY));
        assert_eq!(time.at(up(1, DAY)), NOW);
        assert_eq!(time.at(up(1, 3 * DAY)), NOW.after(2 * DAY));
        // Time that can't be compared has not passed.
        assert_eq!(time.at(up(1, Duration::ZERO)), NOW);
        assert_eq!(time.at(up(2, 9 * DAY)), NOW);
    }

    #[test]
    fn another_process_goes_on_from_what_was_noted_whatever_the_clocks_show() {
        let noted = TimePassed { until: NOW, uptime: up(1, DAY) };
        for clocks in [Timestamp::from_seconds(0), NOW, NOW.after(100 * DAY)] {
            let time = SteadyTime::new(Some(noted), clocks, up(1, 2 * DAY));
            assert_eq!(time.at(up(1, 2 * DAY)), NOW.after(DAY));
        }
    }

    #[test]
    fn time_in_which_the_machine_was_down_does_not_count() {
        let noted = TimePassed { until: NOW, uptime: up(1, DAY) };
        let short = NOW.after(NOTED_WITHIN);
        for (clocks, expected) in [(short, short), (NOW.after(2 * DAY), NOW), (NOW.before(DAY), NOW)] {
            let time = SteadyTime::new(Some(noted), clocks, up(2, Duration::ZERO));
            assert_eq!(time.at(up(2, Duration::ZERO)), expected);
            assert_eq!(time.at(up(2, DAY)), expected.after(DAY));
        }
    }
}
