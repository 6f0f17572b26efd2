//! Computes when signing keys follow each other.

use std::time::Duration;

use tollgate_config::Config;
use tollgate_core::{Algorithm, Timestamp};
use tollgate_store::{CLOCKS_DIFFER, SigningKey};

/// How far the clocks of servers may differ.
const SKEW: Duration = Duration::from_secs(60);

/// How long verifiers elsewhere may keep the published keys. No key signs before all of them can have it.
pub const KEY_SET_KEPT: Duration = Duration::from_secs(5 * 60);

/// Returns when the next key of an algorithm is to sign, if the clock shows `now`: when the newest has signed for the
/// configured time, but not before all verifiers know the next one. `None` if people decide that, or if there is no
/// key.
pub fn next_activation(
    config: &Config,
    algorithm: Algorithm,
    keys: &[SigningKey],
    now: Timestamp,
) -> Option<Timestamp> {
    let due = newest(algorithm, keys)?.activates_at.after(config.keys.rotation?);
    Some(due.max(now.after(lead(config, algorithm))))
}

/// Returns when the other keys retire, if the next one signs from `activates_at` on: when the last token that they signed has
/// expired, on whatever server it was issued or is checked. `longest_lifetime` is the longest of any token of the store.
pub fn others_retire_at(config: &Config, activates_at: Timestamp, longest_lifetime: Duration) -> Timestamp {
    // A server that has not heard of the next key goes on signing with the old one for this long.
    activates_at.after(config.tokens.stale_after).after(CLOCKS_DIFFER).after(longest_lifetime)
}

/// Returns how long a key is known before it signs: longer than a server that has not heard of it may still answer, and longer than a
/// verifier elsewhere keeps the keys that it has read.
pub fn lead(config: &Config, algorithm: Algorithm) -> Duration {
    let kept = if algorithm.is_asymmetric() { KEY_SET_KEPT } else { Duration::ZERO };
    config.tokens.stale_after + SKEW + kept
}

/// Returns the key of an algorithm that has no successor.
pub fn newest(algorithm: Algorithm, keys: &[SigningKey]) -> Option<&SigningKey> {
    let is_candidate = |key: &&SigningKey| key.algorithm == algorithm && key.retires_at.is_none();
    keys.iter().filter(is_candidate).max_by_key(|key| key.activates_at)
}
