//! The last use of a secret, and its sources: enough to tell whether another use must be noted.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tollgate_core::Timestamp;
use tollgate_guard::ClientAddress;

/// How long another use from the same source need not be noted.
const NEWS_AFTER: Duration = Duration::from_secs(60 * 60);

/// When a use of a secret was last noted, and from where.
#[derive(Debug, Default)]
pub(crate) struct LastUse {
    /// The time in milliseconds since 1970.
    at: AtomicU64,
    /// A bit for each source since then, by a hash. If two sources share a bit, the second is not noted.
    sources: AtomicU64,
}

impl LastUse {
    /// Notes a use. Returns whether it must be written to the store.
    pub(crate) fn note(&self, from: ClientAddress, now: Timestamp) -> bool {
        let bit = bit(from);
        if now.since(Timestamp::from_millis(self.at.load(Relaxed))) >= NEWS_AFTER {
            self.at.store(now.millis(), Relaxed);
            self.sources.store(bit, Relaxed);
            return true;
        }
        // Read first, so that a repeated use writes nothing to memory that other threads read.
        self.sources.load(Relaxed) & bit == 0 && self.sources.fetch_or(bit, Relaxed) & bit == 0
    }
}

fn bit(from: ClientAddress) -> u64 {
    let number = match from.known() {
        None => 0,
        Some(IpAddr::V4(address)) => u64::from(address.to_bits()),
        Some(IpAddr::V6(address)) => u64::try_from(address.to_bits() >> 64).unwrap_or_default(),
    };
    1 << (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

    #[test]
    fn another_use_is_news_from_another_source_or_after_an_hour() {
        let last = LastUse::default();
        let [one, other] = [7, 8].map(|byte| ClientAddress::Known([192, 0, 2, byte].into()));
        assert!(last.note(one, NOW));
        assert!(!last.note(one, NOW.after(Duration::from_secs(3_599))));
        assert!(last.note(other, NOW.after(Duration::from_secs(3_599))));
        assert!(!last.note(other, NOW.after(Duration::from_secs(3_599))));
        assert!(last.note(one, NOW.after(NEWS_AFTER)));
    }
}
