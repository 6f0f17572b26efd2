//! Opening a store with its master key: the check value, and the signing keys that are sealed in it.

use tollgate_core::{Algorithm, KeyId, MasterKey, SigningKey, Timestamp, UnsealError};
use tollgate_store::{Installation as InstallationStore, SigningKey as SealedKey, StoreError};

/// Why an installation can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store was made with another master key.
    #[error(
        "the master key is not the one that this store was made with: give the right one, or another store"
    )]
    WrongMasterKey,
    /// A signing key does not open.
    #[error("signing key {id} is {source}: restore the store from a backup")]
    SigningKey {
        /// Which.
        id: KeyId,
        /// Why.
        source: UnsealError,
    },
}

/// Makes an installation of an empty store: its first signing key, sealed by this master key.
pub async fn install_if_empty(
    store: &dyn InstallationStore,
    master_key: &MasterKey,
    now: Timestamp,
) -> Result<(), StoreError> {
    if store.installation().await?.is_none() {
        store.install(&master_key.check_value(), &new_signing_key(master_key, now, now)).await?;
    }
    Ok(())
}

/// Refuses a master key that the store was not made with.
pub async fn check_master_key(
    store: &dyn InstallationStore,
    master_key: &MasterKey,
) -> Result<(), OpenError> {
    match store.installation().await? {
        Some(check) if check == master_key.check_value() => Ok(()),
        Some(_) => Err(OpenError::WrongMasterKey),
        None => Err(StoreError::Corrupt("it holds no installation".to_owned()).into()),
    }
}

/// Opens the sealed signing keys of a store.
pub fn open_signing_keys(sealed: &[SealedKey], master_key: &MasterKey) -> Result<Vec<SigningKey>, OpenError> {
    sealed
        .iter()
        .map(|key| {
            let material = master_key
                .unseal(key.id, &key.sealed)
                .map_err(|source| OpenError::SigningKey { id: key.id, source })?;
            // A compromised key has no time at which it is good.
            let retires_at = if key.compromised { Some(Timestamp::from_millis(0)) } else { key.retires_at };
            Ok(match key.algorithm {
                Algorithm::Hs256 => SigningKey::derive(key.id, &material, key.activates_at, retires_at),
            })
        })
        .collect()
}

/// Draws a signing key and seals it.
pub fn new_signing_key(master_key: &MasterKey, now: Timestamp, activates_at: Timestamp) -> SealedKey {
    use rand::Rng;
    let mut rng = rand::rng();
    let mut material = zeroize::Zeroizing::new([0; 32]);
    rng.fill_bytes(material.as_mut());
    let id = KeyId::random(&mut rng);
    let sealed = master_key.seal(id, &material, &mut rng);
    SealedKey {
        id,
        algorithm: Algorithm::Hs256,
        sealed,
        public_key: None,
        created_at: now,
        activates_at,
        retires_at: None,
        compromised: false,
    }
}
