//! When a secret was last used, and from where: as much as it takes to know whether another use is news.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tollgate_core::Timestamp;
use tollgate_guard::ClientAddress;

/// For how long another use from the same source is no news.
const NEWS_AFTER: Duration = Duration::from_secs(60 * 60);

/// When a secret was last noted to be used, and from where.
#[derive(Debug, Default)]
pub(crate) struct LastUse {
    /// In milliseconds since the epoch.
    at: AtomicU64,
    /// A bit for each source since then, by a hash. Of two sources with one bit the second is no news.
    sources: AtomicU64,
}

impl LastUse {
    /// Notes a use. Says whether it is news.
    pub(crate) fn note(&self, from: ClientAddress, now: Timestamp) -> bool {
        let bit = bit(from);
        if now.since(Timestamp::from_millis(self.at.load(Relaxed))) >= NEWS_AFTER {
            self.at.store(now.millis(), Relaxed);
            self.sources.store(bit, Relaxed);
            return true;
        }
        // Read first: what is no news writes nothing that others read.
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
