//! How far the server's clock is from the store's. Servers that share a store agree with each other as far as they agree
//! with the store: a token that one of them dates ahead of another's clock is refused there.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_config::{Config, Database};
use tollgate_core::Timestamp;
use tollgate_store::{Store, StoreError};

/// The smallest difference that is too large: smaller ones are measuring errors, and tokens count in whole seconds.
const LEAST: Duration = Duration::from_secs(1);

/// How far the store's clock is ahead of the server's, as it was last measured.
#[derive(Debug, Default)]
pub(crate) struct StoreClock {
    ahead_millis: AtomicI64,
}

impl StoreClock {
    /// Returns the time of the store's clock when the server's clock shows `now`.
    pub(crate) fn at(&self, now: Timestamp) -> Timestamp {
        let ahead = self.ahead_millis.load(Relaxed);
        let by = Duration::from_millis(ahead.unsigned_abs());
        if ahead < 0 { now.before(by) } else { now.after(by) }
    }

    /// Returns how far it is ahead, in seconds; negative if it is behind.
    pub(crate) fn offset(&self) -> Offset {
        Offset(self.ahead_millis.load(Relaxed))
    }

    /// Measures how far the clocks are apart, by a round trip that begins when the server's clock shows `asked_at`. Returns
    /// why the server can't serve if the difference is certainly too large: larger than is allowed plus half of the round trip, in
    /// which the answer may have been on its way.
    pub(crate) async fn measure(
        &self,
        config: &Config,
        store: &dyn Store,
        asked_at: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        if matches!(config.database.url, Database::Sqlite(_)) {
            // The store uses the machine's clock, which is the server's, too.
            return Ok(None);
        }
        let asked = Instant::now();
        let shown = store.now().await?;
        let half = asked.elapsed() / 2;
        let expected = asked_at.after(half);
        let ahead = signed(shown).saturating_sub(signed(expected));
        self.ahead_millis.store(ahead, Relaxed);
        let farthest = farthest(config);
        let apart = Duration::from_millis(ahead.unsigned_abs());
        let too_far = apart > farthest + half;
        Ok(too_far.then(|| {
            format!(
                "this machine's clock is {} s {} the store's, and {} ms are allowed (half of tokens.iat_leeway): set both by NTP",
                apart.as_secs(),
                if ahead > 0 { "behind" } else { "ahead of" },
                farthest.as_millis()
            )
        }))
    }
}

/// A difference between clocks, shown in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offset(i64);

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let millis = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:03}", millis / 1000, millis % 1000)
    }
}

/// Returns the largest allowed difference between a server's clock and the store's. Two servers differ at most by twice as much, and
/// a token may be dated ahead by that much.
pub(crate) fn farthest(config: &Config) -> Duration {
    (config.tokens.iat_leeway / 2).max(LEAST)
}

fn signed(time: Timestamp) -> i64 {
    i64::try_from(time.millis()).unwrap_or(i64::MAX)
}
