//! Opening a store with its master key: the check value, and the signing keys that are sealed in it.

use tollgate_core::{
    Algorithm, KeyId, MasterKey, MasterKeys, SecretHasher, SecretsKey, SigningKey, Timestamp, UnsealError,
};
use tollgate_store::{Installation as InstallationStore, Seal, SigningKey as SealedKey, StoreError};

/// Why an installation can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody has used the store yet.
    #[error("the store holds no installation yet: start a server on it, or create a merchant")]
    NotInstalled,
    /// The store is sealed with another master key.
    #[error(
        "the master key is not the one that this store was made with: give the right one, or another store"
    )]
    WrongMasterKey,
    /// The key that secrets are hashed with does not open.
    #[error(
        "the key of the secrets' hashes is sealed by another master key, or damaged: restore the store from a backup"
    )]
    SecretsKey,
    /// A signing key does not open.
    #[error(
        "signing key {id} is {source}: add the former master key to master_key, or restore the store from a backup"
    )]
    SigningKey {
        /// Which.
        id: KeyId,
        /// Why.
        source: UnsealError,
    },
}

/// Makes an installation of an empty store: its first signing key, sealed with the first master key.
pub async fn install_if_empty(
    store: &dyn InstallationStore,
    master_keys: &MasterKeys,
    now: Timestamp,
) -> Result<(), StoreError> {
    if store.installation().await?.is_none() {
        let first = master_keys.first();
        store.install(&first.check_value(), &new_signing_key(first, now, now)).await?;
    }
    Ok(())
}

/// The master keys that a store opens with, and what they open for as long as it is open.
pub struct Unlocked {
    master_keys: MasterKeys,
    hasher: SecretHasher,
}

impl Unlocked {
    /// Opens a store. Refuses master keys of which none is the one that it is sealed with.
    pub async fn new(store: &dyn InstallationStore, master_keys: MasterKeys) -> Result<Self, OpenError> {
        let seal = installed(store).await?;
        let key = sealing_key(&master_keys, &seal)?;
        let hasher = secrets_key(&master_keys, key, &seal)?.hasher();
        Ok(Self { master_keys, hasher })
    }

    /// The master keys.
    pub fn master_keys(&self) -> &MasterKeys {
        &self.master_keys
    }

    /// Hashes secrets as they are stored.
    pub fn hasher(&self) -> &SecretHasher {
        &self.hasher
    }

    /// Draws a signing key and seals it with the master key that the store is sealed with now, which every server has: while
    /// the list of master keys is rolled out, not all have the first one.
    pub async fn new_signing_key(
        &self,
        store: &dyn InstallationStore,
        now: Timestamp,
        activates_at: Timestamp,
    ) -> Result<SealedKey, OpenError> {
        let seal = installed(store).await?;
        Ok(new_signing_key(sealing_key(&self.master_keys, &seal)?, now, activates_at))
    }
}

/// Returns what a store is sealed with.
pub(crate) async fn installed(store: &dyn InstallationStore) -> Result<Seal, OpenError> {
    let seal = store.installation().await?;
    seal.ok_or(OpenError::NotInstalled)
}

/// Returns the master key that a store is sealed with.
pub(crate) fn sealing_key<'a>(master_keys: &'a MasterKeys, seal: &Seal) -> Result<&'a MasterKey, OpenError> {
    master_keys.with_check(&seal.check).ok_or(OpenError::WrongMasterKey)
}

/// Returns the key that the secrets of a store are hashed with.
pub(crate) fn secrets_key(
    master_keys: &MasterKeys,
    sealing_key: &MasterKey,
    seal: &Seal,
) -> Result<SecretsKey, OpenError> {
    match &seal.secrets_key {
        None => Ok(sealing_key.secrets_key()),
        Some(sealed) => master_keys.unseal_secrets_key(sealed).map_err(|_| OpenError::SecretsKey),
    }
}

/// Opens the sealed signing keys of a store.
pub fn open_signing_keys(
    sealed: &[SealedKey],
    master_keys: &MasterKeys,
) -> Result<Vec<SigningKey>, OpenError> {
    sealed
        .iter()
        .map(|key| {
            let material = master_keys
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
