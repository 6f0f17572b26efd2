//! Counts events by their key, in a table of fixed size.
//!
//! However many callers there are, and however many of them are made up, the table takes no more memory. Each cell holds,
//! in one word, its key and the theoretical arrival time of the generic cell rate algorithm: events drain at the
//! allowed rate, and a key with a whole burst that has not drained is refused.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

/// The number of cells in which a key can be found.
const WAYS: usize = 4;
const SETS: u64 = 16_384;
/// The number of low bits of a cell that hold milliseconds since the table was made: enough for 34 years.
const TIME_BITS: u32 = 40;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// Counts events by key against a rate, in half a mebibyte.
#[derive(Debug)]
pub struct Throttle {
    cells: Box<[AtomicU64]>,
    hasher: RandomState,
    /// The start of the table's time, on the monotonic clock: setting a wall clock must neither lock anybody out nor lift a limit.
    epoch: Instant,
    /// The cost of one event, in milliseconds.
    interval: AtomicU64,
    /// How much may be owed before a key is refused, in milliseconds.
    burst: AtomicU64,
    /// When no key owes anything any more.
    idle_from: AtomicU64,
}

/// The key of events, in one table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    set: usize,
    tag: u64,
}

impl Throttle {
    /// Makes a table that allows `count` events at once, and as many again every `per`.
    pub fn new(count: u32, per: Duration, now: Instant) -> Self {
        let (interval, burst) = interval_and_burst(count, per);
        Self {
            cells: (0..SETS * WAYS as u64).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
            epoch: now,
            interval: interval.into(),
            burst: burst.into(),
            idle_from: AtomicU64::new(0),
        }
    }

    /// Changes the rate from now on. Events that were counted stay counted.
    pub fn set_rate(&self, count: u32, per: Duration) {
        let (interval, burst) = interval_and_burst(count, per);
        self.interval.store(interval, Relaxed);
        self.burst.store(burst, Relaxed);
    }

    /// Returns the key of a value that can be hashed.
    pub fn key(&self, of: impl Hash) -> Key {
        let hash = self.hasher.hash_one(of);
        let set = usize::try_from(hash % SETS).expect("a set of the table is in memory");
        Key { set: set * WAYS, tag: (hash >> TIME_BITS).max(1) }
    }

    /// Says whether no key owes anything, so that none is refused.
    fn is_idle(&self, now: Instant) -> bool {
        self.idle_from.load(Relaxed) <= self.elapsed(now)
    }

    /// Refuses a caller with too many events, as [`Throttle::check`] does. While no key owes anything, nothing is hashed.
    pub fn check_of(&self, of: impl Hash, now: Instant) -> Result<(), Duration> {
        if self.is_idle(now) { Ok(()) } else { self.check(self.key(of), now) }
    }

    /// Refuses a key with too many events: `Err` is how long until the next one is allowed.
    pub fn check(&self, key: Key, now: Instant) -> Result<(), Duration> {
        let owed = self.cell(key).map_or(0, |cell| self.owed(cell, now));
        let next = owed + self.interval.load(Relaxed);
        match next.checked_sub(self.burst.load(Relaxed)) {
            None | Some(0) => Ok(()),
            Some(too_much) => Err(Duration::from_millis(too_much)),
        }
    }

    /// Notes an event of a key that has a rate of its own, in a table where every key has one, or refuses it.
    pub fn take_at(&self, key: Key, (count, per): (u32, Duration), now: Instant) -> Result<(), Duration> {
        let (interval, burst) = interval_and_burst(count, per);
        let owed = self.cell(key).map_or(0, |cell| self.owed(cell, now));
        match (owed + interval).checked_sub(burst) {
            None | Some(0) => {
                self.note_cost(key, interval, now);
                Ok(())
            }
            Some(too_much) => Err(Duration::from_millis(too_much)),
        }
    }

    /// Notes an event.
    pub fn note(&self, key: Key, now: Instant) {
        self.note_cost(key, self.interval.load(Relaxed), now);
    }

    fn note_cost(&self, key: Key, interval: u64, now: Instant) {
        let elapsed = self.elapsed(now);
        let cells = &self.cells[key.set..key.set + WAYS];
        // The key's own cell, or the one whose debt will be paid off first.
        let (cell, value) = cells
            .iter()
            .map(|cell| (cell, cell.load(Relaxed)))
            .min_by_key(|(_, value)| (value >> TIME_BITS != key.tag, value & TIME_MASK))
            .expect("a set has cells");
        let owed_until =
            if value >> TIME_BITS == key.tag { (value & TIME_MASK).max(elapsed) } else { elapsed };
        let owed_until = (owed_until + interval) & TIME_MASK;
        // If two events come at the same instant, one may go uncounted.
        cell.store(key.tag << TIME_BITS | owed_until, Relaxed);
        self.idle_from.fetch_max(owed_until, Relaxed);
    }

    fn cell(&self, key: Key) -> Option<u64> {
        let cells = &self.cells[key.set..key.set + WAYS];
        cells.iter().map(|cell| cell.load(Relaxed)).find(|value| value >> TIME_BITS == key.tag)
    }

    fn owed(&self, cell: u64, now: Instant) -> u64 {
        (cell & TIME_MASK).saturating_sub(self.elapsed(now))
    }

    fn elapsed(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX) & TIME_MASK
    }
}

/// Returns the cost of one event, and how much may be owed, in milliseconds.
fn interval_and_burst(count: u32, per: Duration) -> (u64, u64) {
    let burst = u64::try_from(per.as_millis()).unwrap_or(u64::MAX).min(TIME_MASK / 2);
    ((burst / u64::from(count.max(1))).max(1), burst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientAddress, Source};

    /// Makes a throttle, and returns the instant from which it counts.
    fn throttle() -> (Throttle, Instant) {
        let now = Instant::now();
        (Throttle::new(30, Duration::from_secs(60), now), now)
    }

    fn pair(throttle: &Throttle, client: &str, address: &str) -> Key {
        throttle.key((client, Source::of(ClientAddress::Known(address.parse().unwrap()))))
    }

    #[test]
    fn the_thirty_first_failure_in_a_minute_waits() {
        let (throttle, now) = throttle();
        let source = pair(&throttle, "a", "10.0.0.1");
        for _ in 0..30 {
            assert_eq!(throttle.check(source, now), Ok(()));
            throttle.note(source, now);
        }
        assert_eq!(throttle.check(source, now), Err(Duration::from_secs(2)));
        assert_eq!(throttle.check(source, now + Duration::from_millis(1999)), Err(Duration::from_millis(1)));
        assert_eq!(throttle.check(source, now + Duration::from_secs(2)), Ok(()));
        throttle.note(source, now + Duration::from_secs(2));
        assert!(throttle.check(source, now + Duration::from_secs(2)).is_err());
        assert_eq!(throttle.check(source, now + Duration::from_secs(62)), Ok(()));
    }

    #[test]
    fn it_is_idle_until_something_is_owed_and_when_it_has_drained() {
        let (throttle, now) = throttle();
        assert!(throttle.is_idle(now));
        throttle.note(pair(&throttle, "a", "10.0.0.1"), now);
        throttle.note(pair(&throttle, "b", "10.0.0.1"), now + Duration::from_secs(1));
        assert!(!throttle.is_idle(now + Duration::from_millis(2_999)));
        assert!(throttle.is_idle(now + Duration::from_secs(3)));
    }

    #[test]
    fn another_rate_counts_at_once() {
        let (throttle, now) = throttle();
        let source = pair(&throttle, "a", "10.0.0.1");
        for _ in 0..3 {
            throttle.note(source, now);
        }
        assert!(throttle.check(source, now).is_ok());
        throttle.set_rate(1, Duration::from_secs(1));
        assert!(throttle.check(source, now).is_err());
        throttle.set_rate(1_000, Duration::from_secs(60));
        assert!(throttle.check(source, now).is_ok());
    }

    #[test]
    fn a_key_with_a_rate_of_its_own_has_its_burst_and_no_more() {
        let (throttle, now) = throttle();
        let (slow, fast) = (throttle.key("slow"), throttle.key("fast"));
        let minute = Duration::from_secs(60);
        for _ in 0..2 {
            assert_eq!(throttle.take_at(slow, (2, minute), now), Ok(()));
        }
        assert_eq!(throttle.take_at(slow, (2, minute), now), Err(Duration::from_secs(30)));
        for _ in 0..60 {
            assert_eq!(throttle.take_at(fast, (60, minute), now), Ok(()));
        }
        assert_eq!(throttle.take_at(fast, (60, minute), now), Err(Duration::from_secs(1)));
        assert_eq!(throttle.take_at(slow, (2, minute), now + Duration::from_secs(30)), Ok(()));
    }

    #[test]
    fn another_client_or_another_source_is_not_concerned() {
        let (throttle, now) = throttle();
        let source = pair(&throttle, "a", "10.0.0.1");
        for _ in 0..100 {
            throttle.note(source, now);
        }
        assert!(throttle.check(pair(&throttle, "a", "::ffff:10.0.0.1"), now).is_err());
        assert!(throttle.check(pair(&throttle, "a", "10.0.0.2"), now).is_ok());
        assert!(throttle.check(pair(&throttle, "b", "10.0.0.1"), now).is_ok());
    }

    #[test]
    fn one_ipv6_subscriber_is_one_source() {
        let (throttle, now) = throttle();
        for n in 0..30 {
            throttle.note(pair(&throttle, "a", &format!("2001:db8::{n}")), now);
        }
        assert!(throttle.check(pair(&throttle, "a", "2001:db8::ffff"), now).is_err());
        assert!(throttle.check(pair(&throttle, "a", "2001:db8:0:1::1"), now).is_ok());
    }

    #[test]
    fn a_flood_of_made_up_clients_takes_no_memory_and_harms_nobody() {
        let (throttle, now) = throttle();
        for n in 0..300_000 {
            throttle.note(pair(&throttle, &n.to_string(), "10.0.0.1"), now);
        }
        let refused = (0..1_000)
            .filter(|n| throttle.check(pair(&throttle, &format!("merchant {n}"), "10.0.0.1"), now).is_err())
            .count();
        assert_eq!(refused, 0);
    }
}
