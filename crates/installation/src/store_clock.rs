//! How far the server's clock is from the store's. Servers that share a store agree with each other as far as they agree
//! with it: a token that one dates ahead of another's clock is refused there.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;
use tollgate_config::{Config, Database};
use tollgate_core::Timestamp;
use tollgate_store::{Store, StoreError};

/// The least distance that is too far: less is a matter of how it is measured, and tokens count in whole seconds.
const LEAST: Duration = Duration::from_secs(1);

/// How far the store's clock is ahead of the server's, as it was last measured.
#[derive(Debug, Default)]
pub(crate) struct StoreClock {
    ahead_millis: AtomicI64,
}

impl StoreClock {
    /// What it showed when the server's clock shows `now`.
    pub(crate) fn at(&self, now: Timestamp) -> Timestamp {
        let ahead = self.ahead_millis.load(Relaxed);
        let by = Duration::from_millis(ahead.unsigned_abs());
        if ahead < 0 { now.before(by) } else { now.after(by) }
    }

    /// How far it is ahead, in seconds; negative if it is behind.
    pub(crate) fn offset(&self) -> Offset {
        Offset(self.ahead_millis.load(Relaxed))
    }

    /// Measures how far the clocks are apart, by a round trip that begins when the server's clock shows `asked_at`. Says
    /// why the server can't serve if it is too far for sure: by more than is allowed and the half of the round trip, in
    /// which the answer can have been on its way.
    pub(crate) async fn measure(
        &self,
        config: &Config,
        store: &dyn Store,
        asked_at: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        if matches!(config.database.url, Database::Sqlite(_)) {
            // The store has no other clock than the machine's, which is the server's too.
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

/// A distance between clocks, shown in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offset(i64);

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let millis = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:03}", millis / 1000, millis % 1000)
    }
}

/// The farthest that a server's clock may be from the store's. Two servers are at most twice as far from each other, and
/// so far ahead a token may be dated.
pub(crate) fn farthest(config: &Config) -> Duration {
    (config.tokens.iat_leeway / 2).max(LEAST)
}

fn signed(time: Timestamp) -> i64 {
    i64::try_from(time.millis()).unwrap_or(i64::MAX)
}
