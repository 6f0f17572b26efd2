//! The pauses between calls to an authority.

use std::time::Duration;

use rand::RngExt as _;

/// Returns the pause after this many failures in a row: twice as long each time, from `first` up to `longest`, less up to a quarter by
/// chance, so that guards that failed together drift apart.
pub(crate) fn backoff(failures: u32, first: Duration, longest: Duration) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    earlier(doubled.min(longest), 0.25)
}

/// Returns a time that is shorter by up to this part, by chance.
pub(crate) fn earlier(time: Duration, part: f64) -> Duration {
    time.mul_f64(1.0 - rand::rng().random_range(0.0..part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_its_limit() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(30));
        for (failures, at_most) in [(1, 1), (2, 2), (3, 4), (6, 30), (u32::MAX, 30)] {
            let pause = backoff(failures, first, longest);
            let at_most = Duration::from_secs(at_most);
            assert!(pause <= at_most && pause >= at_most.mul_f64(0.75), "{failures}: {pause:?}");
        }
    }
}
