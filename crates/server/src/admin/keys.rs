//! The signing keys.

use std::time::Duration;

use tollgate_core::{KeyId, Phase, SigningRing, Timestamp};
use tollgate_store::{RETIRED_KEPT, SigningKey};

use super::{Actor, AdminError, Administration};
use crate::agreement::KEYS_KNOWN_WITHIN;
use crate::opening::open_signing_keys;
use crate::rotation::{next_activation, others_retire_at};

/// A signing key and where it stands.
pub struct ListedKey {
    /// The key, sealed.
    pub key: SigningKey,
    /// Its phase.
    pub phase: Option<Phase>,
    /// When it leaves this phase; `None` if nobody knows yet. A retired key is deleted then.
    pub advances_at: Option<Timestamp>,
}

/// A signing key that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddedKey {
    /// Its id.
    pub id: KeyId,
    /// From when on it signs.
    pub activates_at: Timestamp,
    /// When the other keys retire.
    pub others_retire_at: Timestamp,
}

/// Returns the signing keys, oldest first.
pub async fn list(admin: &Administration<'_>) -> Result<Vec<ListedKey>, AdminError> {
    let now = admin.now().await?;
    let keys = admin.store.signing_keys().await?;
    let issuer = admin.config.token_policy().issuer;
    let ring = SigningRing::new(&issuer, open_signing_keys(&keys, admin.unlocked.master_keys())?);
    let listed = keys.iter().map(|key| {
        let phase = ring.phase(key.id, now);
        let advances_at = phase.and_then(|phase| advances_at(admin, &keys, key, phase, now));
        ListedKey { key: key.clone(), phase, advances_at }
    });
    Ok(listed.collect())
}

/// Adds a signing key, which signs once every server knows it. The others retire when no token of theirs is left: no
/// valid token is refused.
pub async fn rotate(admin: &Administration<'_>, actor: &Actor) -> Result<AddedKey, AdminError> {
    let now = admin.now().await?;
    let activates_at = now.after(KEYS_KNOWN_WITHIN);
    let longest = admin.store.longest_lifetime(Duration::ZERO).await?;
    let others_retire_at = others_retire_at(admin.config, activates_at, longest);
    let key = admin.unlocked.new_signing_key(admin.store, now, activates_at).await?;
    admin.store.add_signing_key(&key, others_retire_at, actor).await?;
    Ok(AddedKey { id: key.id, activates_at, others_retire_at })
}

/// Replaces signing keys that are in the wrong hands: the new one signs at once, and every token of the others is refused
/// from now on.
pub async fn replace_compromised(admin: &Administration<'_>, actor: &Actor) -> Result<AddedKey, AdminError> {
    let now = admin.now().await?;
    let key = admin.unlocked.new_signing_key(admin.store, now, now).await?;
    admin.store.replace_signing_keys(&key, actor).await?;
    Ok(AddedKey { id: key.id, activates_at: now, others_retire_at: now })
}

fn advances_at(
    admin: &Administration<'_>,
    keys: &[SigningKey],
    key: &SigningKey,
    phase: Phase,
    now: Timestamp,
) -> Option<Timestamp> {
    match phase {
        Phase::Next => Some(key.activates_at),
        Phase::Active => {
            // A key that retires before it ever signs follows nobody.
            let will_sign = |key: &&SigningKey| {
                key.activates_at > now && key.retires_at.is_none_or(|at| at > key.activates_at)
            };
            let next = keys.iter().filter(will_sign).map(|key| key.activates_at).min();
            next.or_else(|| next_activation(admin.config, keys, now))
        }
        Phase::VerifyOnly => key.retires_at,
        Phase::Retired => key.retires_at.map(|at| at.after(RETIRED_KEPT)),
    }
}
