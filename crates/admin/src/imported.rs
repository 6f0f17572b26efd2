//! Secrets that clients bring along from another authority.

use std::fmt;
use std::sync::Arc;

use serde_json::json;
use tollgate_core::{ClientId, SecretId, Timestamp};
use tollgate_keys::{ForeignHash, GivenSecret, SecretHash, SecretHasher};
use tollgate_store::{Actor, Object, Secret};

use super::acting::{Attempt, Order};
use super::{AdminError, Administration};

/// The most secrets that a new client brings along: its present one, and the one that will follow it. Checking a wrong secret costs
/// a slow hash for each of them.
pub const MOST: usize = 2;

/// A secret that a new client already uses elsewhere.
pub enum ImportedSecret {
    /// The secret itself, in plain text.
    Known(GivenSecret),
    /// Only the secret's slow hash. It is replaced by a keyed hash when the secret is first used.
    Hashed(ForeignHash),
}

/// The secrets that a new client already uses elsewhere; if there are none, one is drawn.
pub type ImportedSecrets = Arc<[ImportedSecret]>;

impl ImportedSecret {
    /// Returns the secret as the store keeps it.
    pub(super) fn kept(&self, hasher: &SecretHasher, client: ClientId, now: Timestamp) -> Secret {
        let (hash, slow_hash) = match self {
            Self::Known(secret) => (hasher.hash(client, secret.expose_secret().as_bytes()), None),
            Self::Hashed(foreign) => (hasher.hash_foreign(client, foreign), Some(foreign.function.clone())),
        };
        let id = SecretId::random(&mut rand::rng());
        Secret { id, hash, slow_hash, created_at: now, expires_at: None, revoked_at: None }
    }
}

/// Shows the kind of secret, but not its value.
impl fmt::Debug for ImportedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(_) => f.write_str("Known(…)"),
            Self::Hashed(foreign) => f.debug_tuple("Hashed").field(foreign).finish(),
        }
    }
}

/// Returns how a secret is hashed, as it is shown to people.
pub fn hashed_by(secret: &Secret) -> &'static str {
    secret.slow_hash.as_ref().map_or("hmac-sha256", tollgate_keys::SlowHash::name)
}

/// Replaces the slow hash of an imported secret by its keyed hash. Returns `false` if that was done before, or the secret is gone:
/// then nothing is recorded.
pub async fn rehash(
    admin: &Administration<'_>,
    client: ClientId,
    secret: SecretId,
    hash: &SecretHash,
    actor: &Actor,
) -> Result<bool, AdminError> {
    let order = Order::new("secret.rehash", Object::Secret(client, secret));
    let attempt = |attempt: Attempt| async move {
        let Some(of) = admin.store.client(client).await? else { return Ok(false) };
        let is_slow = |one: &&Secret| one.id == secret && one.slow_hash.is_some();
        let Some(before) = of.secrets.iter().find(is_slow) else { return Ok(false) };
        let shown = |secret: &Secret| json!({ "hashed_by": hashed_by(secret) });
        let (now, after) = (attempt.now, Secret { slow_hash: None, ..before.clone() });
        let act = attempt.of(of.merchant_id).changes(&shown(before), &shown(&after));
        Ok(admin.store.rehash_secret(client, secret, hash, now, &act).await?)
    };
    admin.act(actor, order, attempt).await
}
