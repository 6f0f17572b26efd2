//! Listing, adding and replacing signing keys.

use std::time::Duration;

use serde_json::json;
use tollgate_core::{Algorithm, KeyId, PublicKey, Timestamp, VerifyingRing};
use tollgate_keys::{Phase, SigningKey, SigningRing};
use tollgate_store::{Draft, Object, RETIRED_KEPT, SigningKey as SealedKey};

use super::acting::{Attempt, Order};
use super::{Actor, AdminError, Administration, recorded, second};
use crate::agreement::KEYS_KNOWN_WITHIN;
use crate::key_times::{KEY_SET_KEPT, newest, next_activation, others_retire_at};
use crate::opening::NewKey;

/// A signing key with its phase.
pub struct ListedKey {
    /// The key with its material sealed.
    pub key: SealedKey,
    /// Its phase; `None` if it is not on the signing ring.
    pub phase: Option<Phase>,
    /// When it leaves this phase; `None` if nobody knows yet. A retired key is deleted then.
    pub advances_at: Option<Timestamp>,
}

/// A signing key that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddedKey {
    /// The id of the new key.
    pub id: KeyId,
    /// The algorithm that it signs with.
    pub algorithm: Algorithm,
    /// When it starts to sign.
    pub activates_at: Timestamp,
    /// When the other keys of its algorithm retire, if there are any.
    pub others_retire_at: Option<Timestamp>,
}

/// Returns the signing keys, oldest first.
pub async fn list(admin: &Administration<'_>) -> Result<Vec<ListedKey>, AdminError> {
    let now = admin.now().await?;
    let keys = admin.store.signing_keys().await?;
    let issuer = admin.config.token_policy().issuer;
    let ring = SigningRing::new(&issuer, admin.unlocked.open_signing_keys(admin.store, &keys).await?);
    let listed = keys.iter().map(|key| {
        // The first key of an algorithm would sign before its time if it were asked to. By its times it does not sign yet.
        let phase = match ring.phase(key.id, now) {
            Some(Phase::Active) if key.activates_at > now => Some(Phase::Next),
            phase => phase,
        };
        let advances_at = phase.and_then(|phase| advances_at(admin, &keys, key, phase, now));
        ListedKey { key: key.clone(), phase, advances_at }
    });
    Ok(listed.collect())
}

/// Adds the first signing key of an algorithm, so that verifiers elsewhere can read it before the configuration names the
/// algorithm. It signs from now on, as soon as anything asks for it.
pub async fn create(
    admin: &Administration<'_>,
    algorithm: Algorithm,
    actor: &Actor,
) -> Result<AddedKey, AdminError> {
    // Generated before its turn: an RSA key takes seconds.
    let now = admin.now().await?;
    let key = &new_key(admin, algorithm, now, now).await?;
    let attempt = |attempt: Attempt| async move {
        if newest(algorithm, &admin.store.signing_keys().await?).is_some() {
            return Err(AdminError::KeyExists(algorithm));
        }
        let act = attempt.makes(&recorded::signing_key(key, now));
        admin.store.add_signing_key(key, now, &act).await?;
        Ok(AddedKey { id: key.id, algorithm, activates_at: now, others_retire_at: None })
    };
    admin.act(actor, Order::new("key.create", Object::SigningKey(key.id)), attempt).await
}

/// Adds a signing key of an algorithm, which signs once every server and every verifier elsewhere can know it. The others
/// retire once all of their tokens have expired: no valid token is refused.
pub async fn rotate(
    admin: &Administration<'_>,
    algorithm: Algorithm,
    actor: &Actor,
) -> Result<AddedKey, AdminError> {
    let now = admin.now().await?;
    let activates_at = now.after(known_within(algorithm));
    let longest = admin.store.longest_lifetime(Duration::ZERO).await?;
    let others_retire_at = others_retire_at(admin.config, activates_at, longest);
    let key = &new_key(admin, algorithm, now, activates_at).await?;
    let attempt = |attempt: Attempt| async move {
        let has_others = newest(algorithm, &admin.store.signing_keys().await?).is_some();
        let act = attempt.makes(&recorded::signing_key(key, others_retire_at));
        admin.store.add_signing_key(key, others_retire_at, &act).await?;
        let others_retire_at = has_others.then_some(others_retire_at);
        Ok(AddedKey { id: key.id, algorithm, activates_at, others_retire_at })
    };
    admin.act(actor, Order::new("key.rotate", Object::SigningKey(key.id)), attempt).await
}

/// Replaces the signing keys of an algorithm that are in the wrong hands: the new one signs at once, and every token of the
/// others is refused from now on. Takes two people if the configuration says so.
pub async fn replace_compromised(
    admin: &Administration<'_>,
    algorithm: Algorithm,
    actor: &Actor,
) -> Result<AddedKey, AdminError> {
    second::ask(admin, Order::new("key.replace-compromised", Object::Algorithm(algorithm)), actor).await?;
    // Read only now: generating an RSA key takes seconds.
    let now = admin.now().await?;
    let key = &new_key(admin, algorithm, now, now).await?;
    let attempt = |attempt: Attempt| async move {
        let keys = Object::Algorithm(algorithm);
        let asked = second::check(admin, &attempt, &keys).await?;
        // The request was made for one algorithm, and its completion must be recorded for the same object.
        let done = asked.map(|asked| Draft {
            after: Some(asked.recorded().to_string()),
            ..attempt.also(attempt.what(), keys)
        });
        let replaced = admin.store.signing_keys().await?.into_iter().filter(|one| one.algorithm == algorithm);
        let replaced: Vec<_> = replaced.map(|one| one.id.to_string()).collect();
        let act =
            attempt.changes(&json!({ "compromised": replaced }), &recorded::signing_key(key, now)).with(done);
        admin.store.replace_signing_keys(key, &act).await?;
        let others_retire_at = (!replaced.is_empty()).then_some(now);
        Ok(AddedKey { id: key.id, algorithm, activates_at: now, others_retire_at })
    };
    admin.act(actor, Order::new("key.replace-compromised", Object::SigningKey(key.id)), attempt).await
}

/// Adds the next signing key of one algorithm, or of each, as [`rotate`] does.
pub async fn rotate_all(
    admin: &Administration<'_>,
    algorithm: Option<Algorithm>,
    actor: &Actor,
) -> Result<Vec<AddedKey>, AdminError> {
    let mut added = Vec::new();
    for algorithm in chosen(admin, algorithm).await? {
        added.push(rotate(admin, algorithm, actor).await?);
    }
    Ok(added)
}

/// Replaces the signing keys of one algorithm, or of each, as [`replace_compromised`] does.
pub async fn replace_all_compromised(
    admin: &Administration<'_>,
    algorithm: Option<Algorithm>,
    actor: &Actor,
) -> Result<Vec<AddedKey>, AdminError> {
    let (mut added, mut asked) = (Vec::new(), None);
    for algorithm in chosen(admin, algorithm).await? {
        match replace_compromised(admin, algorithm, actor).await {
            Ok(key) => added.push(key),
            // A second person can then ask for all of them.
            Err(error @ AdminError::SecondPerson { .. }) => asked = Some(error),
            Err(error) => return Err(error),
        }
    }
    asked.map_or(Ok(added), Err)
}

async fn chosen(
    admin: &Administration<'_>,
    algorithm: Option<Algorithm>,
) -> Result<Vec<Algorithm>, AdminError> {
    match algorithm {
        Some(algorithm) => Ok(vec![algorithm]),
        None => algorithms(admin).await,
    }
}

/// Returns the algorithms that have a signing key, or are configured.
pub async fn algorithms(admin: &Administration<'_>) -> Result<Vec<Algorithm>, AdminError> {
    let keys = admin.store.signing_keys().await?;
    let configured = admin.config.algorithms();
    let has_any = |one: &Algorithm| newest(*one, &keys).is_some() || configured.contains(one);
    Ok(Algorithm::ALL.into_iter().filter(has_any).collect())
}

/// Returns the public keys that verify tokens now or will, with their ids.
pub async fn public_keys(admin: &Administration<'_>) -> Result<Vec<(KeyId, PublicKey)>, AdminError> {
    let now = admin.now().await?;
    let sealed = admin.store.signing_keys().await?;
    let keys = admin.unlocked.open_signing_keys(admin.store, &sealed).await?;
    let ring = VerifyingRing::new(admin.config.token_policy(), keys.iter().map(SigningKey::verifying_key));
    Ok(ring.public_keys(now).map(|(id, key)| (id, key.clone())).collect())
}

/// Returns how soon verifiers of an algorithm's tokens know a new key.
fn known_within(algorithm: Algorithm) -> Duration {
    if algorithm.is_asymmetric() { KEYS_KNOWN_WITHIN + KEY_SET_KEPT } else { KEYS_KNOWN_WITHIN }
}

async fn new_key(
    admin: &Administration<'_>,
    algorithm: Algorithm,
    created_at: Timestamp,
    activates_at: Timestamp,
) -> Result<SealedKey, AdminError> {
    let rsa_bits = admin.config.keys.rsa_bits;
    let new = NewKey { algorithm, rsa_bits, created_at, activates_at };
    Ok(admin.unlocked.new_signing_key(admin.store, new).await?)
}

fn advances_at(
    admin: &Administration<'_>,
    keys: &[SealedKey],
    key: &SealedKey,
    phase: Phase,
    now: Timestamp,
) -> Option<Timestamp> {
    match phase {
        Phase::Next => Some(key.activates_at),
        Phase::Active => {
            // A key that retires before it ever signs replaces no other.
            let will_sign = |other: &&SealedKey| {
                other.algorithm == key.algorithm
                    && other.activates_at > now
                    && other.retires_at.is_none_or(|at| at > other.activates_at)
            };
            let next = keys.iter().filter(will_sign).map(|key| key.activates_at).min();
            next.or_else(|| next_activation(admin.config, key.algorithm, keys, now))
        }
        Phase::VerifyOnly => key.retires_at,
        Phase::Retired => key.retires_at.map(|at| at.after(RETIRED_KEPT)),
    }
}
