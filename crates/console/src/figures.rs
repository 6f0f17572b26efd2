//! Counts over the last hour, for people who look at this server now. The metrics keep them for longer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tollgate_core::Timestamp;
use tollgate_server::{Totals, Why};
use tollgate_store::BOUNDS;

/// How often the counts are noted.
pub(crate) const EVERY: Duration = Duration::from_secs(10);
/// How many notes are kept, which is an hour of them.
const KEPT: usize = 361;

/// The counts of the last hour, each with the time at which it was noted.
#[derive(Default)]
pub(crate) struct Figures(Mutex<VecDeque<(Timestamp, Totals)>>);

/// The time between two notes, and what was counted in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interval {
    /// When the interval ended.
    pub(crate) until: Timestamp,
    /// The length of the interval.
    pub(crate) length: Duration,
    /// The counts of this interval.
    pub(crate) counted: Totals,
}

impl Figures {
    /// Notes the counts up to `now`.
    pub(crate) fn note(&self, now: Timestamp, totals: Totals) {
        let mut notes = self.notes();
        if notes.len() == KEPT {
            notes.pop_front();
        }
        notes.push_back((now, totals));
    }

    /// Returns the intervals between the notes, oldest first. If the clock was set back, there is a gap.
    pub(crate) fn intervals(&self) -> Vec<Interval> {
        let notes = self.notes();
        let pairs = notes.iter().zip(notes.iter().skip(1));
        let interval = |((since, before), (until, after)): (&(Timestamp, Totals), &(Timestamp, Totals))| {
            Interval { until: *until, length: until.since(*since), counted: difference(before, after) }
        };
        pairs.map(interval).filter(|interval| !interval.length.is_zero()).collect()
    }

    /// Locks the notes. Nothing panics while it holds the lock, so a poisoned lock is safe to use.
    fn notes(&self) -> MutexGuard<'_, VecDeque<(Timestamp, Totals)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn difference(before: &Totals, after: &Totals) -> Totals {
    Totals {
        buckets: std::array::from_fn(|place| after.buckets[place].saturating_sub(before.buckets[place])),
        tokens: after.tokens.saturating_sub(before.tokens),
        reasons: std::array::from_fn(|place| after.reasons[place].saturating_sub(before.reasons[place])),
    }
}

impl Interval {
    /// Returns how many requests were answered per second.
    pub(crate) fn requests(&self) -> f64 {
        self.rate(self.counted.buckets.iter().sum())
    }

    /// Returns how many grants were answered with tokens per second.
    pub(crate) fn tokens(&self) -> f64 {
        self.rate(self.counted.tokens)
    }

    /// Returns how many clients were refused per second for these reasons.
    pub(crate) fn refusals(&self, reasons: &[Why]) -> f64 {
        self.rate(reasons.iter().map(|why| self.counted.reasons[*why as usize]).sum())
    }

    /// Returns the time within which this share of the requests was answered, in milliseconds: the bound of the bucket. It is 0
    /// if there was no request.
    pub(crate) fn latency(&self, share: f64) -> f64 {
        let all: u64 = self.counted.buckets.iter().sum();
        let wanted = share * precise(all);
        let mut count = 0;
        for (place, bucket) in self.counted.buckets.iter().enumerate() {
            count += bucket;
            if count > 0 && precise(count) >= wanted {
                let bound = BOUNDS.get(place).or(BOUNDS.last());
                return bound.map_or(0.0, |micros| precise(*micros) / 1000.0);
            }
        }
        0.0
    }

    fn rate(&self, count: u64) -> f64 {
        precise(count) / self.length.as_secs_f64()
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is drawn")]
fn precise(count: u64) -> f64 {
    count as f64
}

/// Notes the counts that `counted` returns, at intervals, until the sender of `stopped` is dropped.
pub(crate) async fn run(
    figures: Arc<Figures>,
    counted: impl Fn() -> (Timestamp, Totals),
    mut stopped: watch::Receiver<()>,
) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let (now, totals) = counted();
                figures.note(now, totals);
            }
            _ = stopped.changed() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

    fn totals(fast: u64, slow: u64, tokens: u64) -> Totals {
        let mut totals = Totals { tokens, ..Totals::default() };
        (totals.buckets[0], totals.buckets[4]) = (fast, slow);
        totals
    }

    #[test]
    fn what_happened_between_two_notes_is_their_difference() {
        let figures = Figures::default();
        figures.note(NOW, totals(10, 0, 5));
        figures.note(NOW.after(EVERY), totals(100, 10, 25));
        figures.note(NOW, totals(100, 10, 25));
        let [interval] = &figures.intervals()[..] else { panic!("the clock was set back for the last one") };
        assert!((interval.requests() - 10.0).abs() < 1e-9 && (interval.tokens() - 2.0).abs() < 1e-9);
        assert!((interval.latency(0.5) - 0.05).abs() < 1e-9, "{}", interval.latency(0.5));
        assert!((interval.latency(0.99) - 1.0).abs() < 1e-9, "{}", interval.latency(0.99));
    }

    #[test]
    fn an_hour_is_kept_however_long_it_runs() {
        let figures = Figures::default();
        for number in 0..2_000_u32 {
            figures.note(NOW.after(EVERY * number), totals(number.into(), 0, 0));
        }
        let intervals = figures.intervals();
        assert_eq!(intervals.len(), KEPT - 1);
        assert_eq!(
            intervals.iter().map(|interval| interval.length).sum::<Duration>(),
            Duration::from_secs(3600)
        );
    }

    #[test]
    fn where_nothing_is_asked_nothing_takes_any_time() {
        let counted = Totals::default();
        let interval = Interval { until: NOW, length: EVERY, counted };
        assert!(interval.latency(0.99).abs() < 1e-9);
    }
}
