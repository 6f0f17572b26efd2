//! Sealing the store with another master key.

use std::time::Duration;

use serde_json::json;
use tollgate_core::KeyId;
use tollgate_keys::MasterKey;
use tollgate_store::{Object, Seal, SigningKey, StoreError};

use super::acting::{Attempt, Order};
use super::{Actor, AdminError, Administration};
use crate::opening::{OpenError, installed, sealing_key, secrets_key, trail_key};

/// The result of sealing the store with another master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resealed {
    /// The number of signing keys that were sealed.
    pub signing_keys: usize,
    /// Whether anything was sealed with another master key before.
    pub changed: bool,
}

/// Seals everything in the store with the first of the master keys, in one transaction. The hashes of secrets stay as they are,
/// and the key that they were made with is sealed beside them: no merchant needs a new secret.
pub async fn rekey(admin: &Administration<'_>, actor: &Actor) -> Result<Resealed, AdminError> {
    // Keys that a newer program may have sealed would only open with the former master key.
    admin.store.schema().await?.check_whole()?;
    let first = admin.unlocked.master_keys().first();
    let attempt = |attempt: Attempt| async move {
        let (seal, keys) = (installed(admin.store).await?, admin.store.signing_keys().await?);
        let signing_keys = keys.len();
        if is_sealed_by(first, &seal, &keys) {
            return Ok(Resealed { signing_keys, changed: false });
        }
        let (new, keys) = sealed_anew(admin, &seal, &keys)?;
        let act = attempt.makes(&json!({ "signing_keys": signing_keys }));
        if admin.store.reseal(&seal.check, &new, &keys, attempt.now, &act).await? {
            return Ok(Resealed { signing_keys, changed: true });
        }
        // A signing key was deleted meanwhile, for which there is no record.
        Err(StoreError::Overtaken.into())
    };
    admin.act(actor, Order::new("store.rekey", Object::Store), attempt).await
}

/// Counts the servers that run on the store.
pub async fn running_servers(admin: &Administration<'_>) -> Result<usize, StoreError> {
    /// A server says that it runs every 10 seconds.
    const SILENT: Duration = Duration::from_secs(30);
    let since = admin.store.now().await?.before(SILENT);
    Ok(admin.store.servers(since).await?.len())
}

/// The signing keys, sealed.
type SealedKeys = Vec<(KeyId, Vec<u8>)>;

/// Says whether this master key alone opens everything.
fn is_sealed_by(key: &MasterKey, seal: &Seal, keys: &[SigningKey]) -> bool {
    seal.check == key.check_value()
        && seal.secrets_key.as_ref().is_none_or(|sealed| key.unseal_secrets_key(sealed).is_ok())
        && seal.trail_key.as_ref().is_none_or(|sealed| key.unseal_trail_key(sealed).is_ok())
        && keys.iter().all(|signing| key.unseal(signing.id, signing.algorithm, &signing.sealed).is_ok())
}

fn sealed_anew(
    admin: &Administration<'_>,
    seal: &Seal,
    keys: &[SigningKey],
) -> Result<(Seal, SealedKeys), OpenError> {
    let (all, rng) = (admin.unlocked.master_keys(), &mut rand::rng());
    let sealing = sealing_key(all, seal)?;
    let (secrets_key, trail_key) = (secrets_key(all, sealing, seal)?, trail_key(all, sealing, seal)?);
    let keys = keys.iter().map(|SigningKey { id, algorithm, sealed, .. }| {
        let material = all
            .unseal(*id, *algorithm, sealed)
            .map_err(|source| OpenError::SigningKey { id: *id, source })?;
        Ok((*id, all.first().seal(*id, *algorithm, &material, rng)))
    });
    let keys = keys.collect::<Result<_, OpenError>>()?;
    let check = all.first().check_value().to_vec();
    let secrets_key = Some(all.first().seal_secrets_key(&secrets_key, &mut rand::rng()));
    let trail_key = Some(all.first().seal_trail_key(&trail_key, &mut rand::rng()));
    Ok((Seal { check, secrets_key, trail_key }, keys))
}
