//! Throttling of failed authentication, per client and source.
//!
//! A fixed table of cells, so that a flood of made-up clients or sources costs no memory. Each cell holds, in one
//! word, which pair it is for and the theoretical arrival time of the generic cell rate algorithm: failures drain at
//! the configured rate, and a pair is refused while more than a whole burst has not drained. The right secret from
//! another source is another pair, so nobody can lock a merchant out.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_http::ClientAddress;

use crate::config::Rate;

/// Cells of one set: where a pair can be found.
const WAYS: usize = 4;
const SETS: u64 = 16_384;
/// A cell's low bits hold milliseconds since the table was made: 34 years of them.
const TIME_BITS: u32 = 40;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// Remembers failed authentications, in half a mebibyte.
pub(crate) struct Throttle {
    cells: Box<[AtomicU64]>,
    hasher: RandomState,
    /// On the monotonic clock: a wall clock that is set must neither lock anybody out nor let anybody off.
    epoch: Instant,
    /// What one failure costs, in milliseconds.
    interval: AtomicU64,
    /// How much may be owed before a pair is refused, in milliseconds.
    burst: AtomicU64,
}

/// Stands for a client, as it named itself, and where it calls from.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    set: usize,
    tag: u64,
}

impl Throttle {
    /// Allows `rate.count` failures at once, and as many again every `rate.per`.
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        let (interval, burst) = interval_and_burst(rate);
        Self {
            cells: (0..SETS * WAYS as u64).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
            epoch: now,
            interval: interval.into(),
            burst: burst.into(),
        }
    }

    /// Allows another rate from now on. What is owed stays owed.
    pub(crate) fn set_rate(&self, rate: Rate) {
        let (interval, burst) = interval_and_burst(rate);
        self.interval.store(interval, Relaxed);
        self.burst.store(burst, Relaxed);
    }

    /// Names a pair of client and address. Addresses of one IPv6 /64 are one source: they are one subscriber's. All
    /// unknown addresses are one source.
    pub(crate) fn source(&self, client: &str, address: ClientAddress) -> Source {
        let network = address.known().map(|address| match address.to_canonical() {
            IpAddr::V4(v4) => u64::from(u32::from(v4)),
            IpAddr::V6(v6) => (u128::from(v6) >> 64) as u64 | 1 << 63,
        });
        let hash = self.hasher.hash_one((client, network));
        let set = usize::try_from(hash % SETS).expect("a set of the table is in memory");
        Source { set: set * WAYS, tag: (hash >> TIME_BITS).max(1) }
    }

    /// Refuses a source with too many failures: `Err` tells how long until the next attempt is looked at.
    pub(crate) fn check(&self, source: Source, now: Instant) -> Result<(), Duration> {
        let owed = self.cell(source).map_or(0, |cell| self.owed(cell, now));
        let next = owed + self.interval.load(Relaxed);
        match next.checked_sub(self.burst.load(Relaxed)) {
            None | Some(0) => Ok(()),
            Some(too_much) => Err(Duration::from_millis(too_much)),
        }
    }

    /// Notes a failure.
    pub(crate) fn failed(&self, source: Source, now: Instant) {
        let elapsed = self.elapsed(now);
        let cells = &self.cells[source.set..source.set + WAYS];
        // The pair's own cell, or the one whose debt is nearest to being forgotten.
        let (cell, value) = cells
            .iter()
            .map(|cell| (cell, cell.load(Relaxed)))
            .min_by_key(|(_, value)| (value >> TIME_BITS != source.tag, value & TIME_MASK))
            .expect("a set has cells");
        let owed_until =
            if value >> TIME_BITS == source.tag { (value & TIME_MASK).max(elapsed) } else { elapsed };
        // Of two failures at the same instant one may go uncounted; that is one guess at 256 bits.
        cell.store(source.tag << TIME_BITS | (owed_until + self.interval.load(Relaxed)) & TIME_MASK, Relaxed);
    }

    fn cell(&self, source: Source) -> Option<u64> {
        let cells = &self.cells[source.set..source.set + WAYS];
        cells.iter().map(|cell| cell.load(Relaxed)).find(|value| value >> TIME_BITS == source.tag)
    }

    fn owed(&self, cell: u64, now: Instant) -> u64 {
        (cell & TIME_MASK).saturating_sub(self.elapsed(now))
    }

    fn elapsed(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX) & TIME_MASK
    }
}

/// What one failure costs, and how much may be owed, in milliseconds.
fn interval_and_burst(rate: Rate) -> (u64, u64) {
    let burst = u64::try_from(rate.per.as_millis()).unwrap_or(u64::MAX).min(TIME_MASK / 2);
    ((burst / u64::from(rate.count.max(1))).max(1), burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A throttle, and the instant from which it counts.
    fn throttle() -> (Throttle, Instant) {
        let now = Instant::now();
        (Throttle::new(Rate { count: 30, per: Duration::from_secs(60) }, now), now)
    }

    fn address(text: &str) -> ClientAddress {
        ClientAddress::Known(text.parse().unwrap())
    }

    #[test]
    fn the_thirty_first_failure_in_a_minute_waits() {
        let (throttle, now) = throttle();
        let source = throttle.source("a", address("10.0.0.1"));
        for _ in 0..30 {
            assert_eq!(throttle.check(source, now), Ok(()));
            throttle.failed(source, now);
        }
        assert_eq!(throttle.check(source, now), Err(Duration::from_secs(2)));
        assert_eq!(throttle.check(source, now + Duration::from_millis(1999)), Err(Duration::from_millis(1)));
        assert_eq!(throttle.check(source, now + Duration::from_secs(2)), Ok(()));
        throttle.failed(source, now + Duration::from_secs(2));
        assert!(throttle.check(source, now + Duration::from_secs(2)).is_err());
        assert_eq!(throttle.check(source, now + Duration::from_secs(62)), Ok(()));
    }

    #[test]
    fn another_rate_counts_at_once() {
        let (throttle, now) = throttle();
        let source = throttle.source("a", address("10.0.0.1"));
        for _ in 0..3 {
            throttle.failed(source, now);
        }
        assert!(throttle.check(source, now).is_ok());
        throttle.set_rate(Rate { count: 1, per: Duration::from_secs(1) });
        assert!(throttle.check(source, now).is_err());
        throttle.set_rate(Rate { count: 1_000, per: Duration::from_secs(60) });
        assert!(throttle.check(source, now).is_ok());
    }

    #[test]
    fn another_client_or_another_source_is_not_concerned() {
        let (throttle, now) = throttle();
        let source = throttle.source("a", address("10.0.0.1"));
        for _ in 0..100 {
            throttle.failed(source, now);
        }
        assert!(throttle.check(throttle.source("a", address("::ffff:10.0.0.1")), now).is_err());
        assert!(throttle.check(throttle.source("a", address("10.0.0.2")), now).is_ok());
        assert!(throttle.check(throttle.source("b", address("10.0.0.1")), now).is_ok());
    }

    #[test]
    fn one_ipv6_subscriber_is_one_source() {
        let (throttle, now) = throttle();
        for n in 0..30 {
            throttle.failed(throttle.source("a", address(&format!("2001:db8::{n}"))), now);
        }
        assert!(throttle.check(throttle.source("a", address("2001:db8::ffff")), now).is_err());
        assert!(throttle.check(throttle.source("a", address("2001:db8:0:1::1")), now).is_ok());
    }

    #[test]
    fn a_flood_of_made_up_clients_takes_no_memory_and_harms_nobody() {
        let (throttle, now) = throttle();
        for n in 0..300_000 {
            throttle.failed(throttle.source(&n.to_string(), address("10.0.0.1")), now);
        }
        let refused = (0..1_000)
            .filter(|n| {
                throttle.check(throttle.source(&format!("merchant {n}"), address("10.0.0.1")), now).is_err()
            })
            .count();
        assert_eq!(refused, 0);
    }
}
