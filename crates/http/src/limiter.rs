//! A limit on events of one source or one tenant, which can be watched before it is enforced.

use std::hash::Hash;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use crate::throttle::Throttle;

/// Counts events over a rate, and refuses them if the limit is enforced.
#[derive(Debug)]
pub struct Limiter {
    /// The throttle, which is made when there is a rate for the first time.
    throttle: OnceLock<Throttle>,
    is_on: AtomicBool,
    is_enforced: AtomicBool,
    exceeded: AtomicU64,
}

impl Limiter {
    /// Allows this many events of each key within a time; without a rate any number.
    pub fn new(rate: Option<(u32, Duration)>, is_enforced: bool, now: Instant) -> Self {
        let limiter = Self {
            throttle: OnceLock::new(),
            is_on: AtomicBool::new(false),
            is_enforced: AtomicBool::new(is_enforced),
            exceeded: AtomicU64::new(0),
        };
        limiter.set(rate, is_enforced, now);
        limiter
    }

    /// Changes the limit from now on. Events that were counted stay counted.
    pub fn set(&self, rate: Option<(u32, Duration)>, is_enforced: bool, now: Instant) {
        if let Some((count, per)) = rate {
            self.throttle.get_or_init(|| Throttle::new(count, per, now)).set_rate(count, per);
        }
        self.is_enforced.store(is_enforced, Relaxed);
        self.is_on.store(rate.is_some(), Relaxed);
    }

    /// Refuses a key with too many events: `Err` is how long until the next one is allowed.
    pub fn check(&self, of: impl Hash, now: Instant) -> Result<(), Duration> {
        let Some(throttle) = self.throttle() else { return Ok(()) };
        throttle.check_of(of, now).or_else(|wait| self.over(wait))
    }

    /// Notes an event that is only known to be one afterwards.
    pub fn note(&self, of: impl Hash, now: Instant) {
        if let Some(throttle) = self.throttle() {
            throttle.note(throttle.key(of), now);
        }
    }

    /// Notes an event, or refuses it; refused events are not noted.
    pub fn take(&self, of: impl Hash, now: Instant) -> Result<(), Duration> {
        let Some(throttle) = self.throttle() else { return Ok(()) };
        let key = throttle.key(of);
        match throttle.check(key, now) {
            Ok(()) => {
                throttle.note(key, now);
                Ok(())
            }
            Err(wait) => self.over(wait),
        }
    }

    /// Returns how many events were over the rate so far, refused or not.
    pub fn exceeded(&self) -> u64 {
        self.exceeded.load(Relaxed)
    }

    fn throttle(&self) -> Option<&Throttle> {
        self.throttle.get().filter(|_| self.is_on.load(Relaxed))
    }

    fn over(&self, wait: Duration) -> Result<(), Duration> {
        self.exceeded.fetch_add(1, Relaxed);
        if self.is_enforced.load(Relaxed) { Err(wait) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Option<(u32, Duration)> = Some((2, Duration::from_secs(60)));

    #[test]
    fn what_is_over_the_rate_is_refused_and_counted() {
        let now = Instant::now();
        let limiter = Limiter::new(RATE, true, now);
        let taken = |of: &str| limiter.take(of, now);
        assert_eq!(
            [taken("a"), taken("a"), taken("a"), taken("b")],
            [Ok(()), Ok(()), Err(Duration::from_secs(30)), Ok(())]
        );
        assert_eq!(limiter.exceeded(), 1);
        assert_eq!(limiter.take("a", now + Duration::from_secs(30)), Ok(()));
    }

    #[test]
    fn what_is_known_afterwards_counts_for_the_next() {
        let now = Instant::now();
        let limiter = Limiter::new(RATE, true, now);
        for _ in 0..2 {
            assert_eq!(limiter.check("a", now), Ok(()));
            limiter.note("a", now);
        }
        assert!(limiter.check("a", now).is_err());
        assert_eq!(limiter.check("b", now), Ok(()));
        assert_eq!(limiter.exceeded(), 1);
    }

    #[test]
    fn another_rate_counts_at_once() {
        let now = Instant::now();
        let limiter = Limiter::new(None, true, now);
        assert_eq!([limiter.take("a", now), limiter.take("a", now)], [Ok(()), Ok(())]);
        limiter.set(Some((1, Duration::from_secs(60))), true, now);
        assert_eq!(limiter.take("a", now), Ok(()));
        assert!(limiter.take("a", now).is_err());
        limiter.set(Some((1, Duration::from_secs(60))), false, now);
        assert_eq!((limiter.take("a", now), limiter.exceeded()), (Ok(()), 2));
        limiter.set(None, true, now);
        assert_eq!((limiter.take("a", now), limiter.exceeded()), (Ok(()), 2));
    }

    #[test]
    fn a_limit_that_is_not_enforced_counts_alone_and_one_that_is_off_does_not_count() {
        let now = Instant::now();
        for (rate, exceeded) in [(RATE, 3), (None, 0)] {
            let limiter = Limiter::new(rate, false, now);
            for _ in 0..5 {
                assert_eq!(limiter.take("a", now), Ok(()));
            }
            assert_eq!(limiter.exceeded(), exceeded);
        }
    }
}
