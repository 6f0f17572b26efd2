//! Opening a store with its master key: the check value, and the signing keys that are sealed in it.

use rand::Rng;
use tollgate_core::{Algorithm, Jwk, KeyId, Timestamp};
use tollgate_keys::{
    MasterKey, MasterKeys, PrivateKey, PrivateKeyError, RsaBits, SecretHasher, SecretsKey, SigningKey,
    TrailKey, UnsealError,
};
use tollgate_store::{
    Actor, Draft, Installation as InstallationStore, Seal, SigningKey as SealedKey, Store, StoreError,
};
use zeroize::Zeroizing;

use crate::trail::AuditTrail;

/// Why an installation can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store failed, or refused a change.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store has no installation yet.
    #[error("the store holds no installation yet: start a server on it, or create a merchant")]
    NotInstalled,
    /// The store is sealed with another master key.
    #[error(
        "the master key is not the one that this store is sealed with: give the right one (after `tollgate store rekey` the \
         new one), or another store"
    )]
    WrongMasterKey,
    /// The store was sealed with another master key since it was opened.
    #[error(
        "the store is sealed with another master key now, which this server does not have: add the new master key to \
         master_key, and restart it"
    )]
    SealedAnew,
    /// The key that secrets are hashed with does not open.
    #[error(
        "the key of the secrets' hashes is sealed by another master key, or damaged: restore the store from a backup"
    )]
    SecretsKey,
    /// The key of the audit trail does not open.
    #[error(
        "the key of the audit trail is sealed by another master key, or damaged: restore the store from a backup"
    )]
    TrailKey,
    /// A signing key does not open.
    #[error(
        "signing key {id} is {source}: add the former master key to master_key, or restore the store from a backup"
    )]
    SigningKey {
        /// The id of the key.
        id: KeyId,
        /// Why the key does not open.
        source: UnsealError,
    },
    /// A signing key can't be generated.
    #[error("a signing key can't be made: {0}")]
    NewKey(#[from] PrivateKeyError),
}

/// Makes an empty store an installation, with a first signing key that is sealed with the first master key. Its audit trail begins with
/// that.
pub async fn install_if_empty(
    store: &dyn Store,
    master_keys: &MasterKeys,
    now: Timestamp,
    actor: &Actor,
) -> Result<(), OpenError> {
    if store.installation().await?.is_none() {
        let key = master_keys.first();
        let first = new_signing_key(key, NewKey::hs256(now, now)).await?;
        let record = Draft::install(store.now().await?, actor.clone());
        let act = AuditTrail::new(key.trail_key()).act(record);
        store.install(&key.check_value(), &first, &act).await?;
    }
    Ok(())
}

/// The master keys of a store, and the keys that they have opened.
pub struct Unlocked {
    master_keys: MasterKeys,
    hasher: SecretHasher,
    trail: AuditTrail,
}

impl Unlocked {
    /// Opens a store. Fails if none of the master keys is the one that it is sealed with.
    pub async fn new(store: &dyn InstallationStore, master_keys: MasterKeys) -> Result<Self, OpenError> {
        let seal = installed(store).await?;
        let key = sealing_key(&master_keys, &seal)?;
        let hasher = secrets_key(&master_keys, key, &seal)?.hasher();
        let trail = AuditTrail::new(trail_key(&master_keys, key, &seal)?);
        Ok(Self { master_keys, hasher, trail })
    }

    /// Returns the keys of a store whose installation will be made with the first of these master keys.
    pub fn once_installed(master_keys: MasterKeys) -> Self {
        let first = master_keys.first();
        let (hasher, trail) = (first.secrets_key().hasher(), AuditTrail::new(first.trail_key()));
        Self { master_keys, hasher, trail }
    }

    /// Returns the master keys that were given.
    pub fn master_keys(&self) -> &MasterKeys {
        &self.master_keys
    }

    /// Returns the hasher for secrets as they are stored.
    pub fn hasher(&self) -> &SecretHasher {
        &self.hasher
    }

    /// Returns the audit trail, as this process writes it.
    pub fn trail(&self) -> &AuditTrail {
        &self.trail
    }

    /// Opens signing keys of a store. If one does not open, the error says whether the store was sealed with another master key.
    pub async fn open_signing_keys(
        &self,
        store: &dyn InstallationStore,
        sealed: &[SealedKey],
    ) -> Result<Vec<SigningKey>, OpenError> {
        let opened = open_signing_keys(sealed, &self.master_keys);
        if opened.is_err() && sealing_key(&self.master_keys, &installed(store).await?).is_err() {
            return Err(OpenError::SealedAnew);
        }
        opened
    }

    /// Generates a signing key and seals it with the master key that the store is sealed with now, which every server has: while
    /// the list of master keys is rolled out, not all have the first one.
    pub async fn new_signing_key(
        &self,
        store: &dyn InstallationStore,
        new: NewKey,
    ) -> Result<SealedKey, OpenError> {
        let seal = installed(store).await?;
        let key = sealing_key(&self.master_keys, &seal).map_err(|_| OpenError::SealedAnew)?;
        Ok(new_signing_key(key, new).await?)
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

/// Returns the key that the records of a store's audit trail are chained by.
pub(crate) fn trail_key(
    master_keys: &MasterKeys,
    sealing_key: &MasterKey,
    seal: &Seal,
) -> Result<TrailKey, OpenError> {
    match &seal.trail_key {
        None => Ok(sealing_key.trail_key()),
        Some(sealed) => master_keys.unseal_trail_key(sealed).map_err(|_| OpenError::TrailKey),
    }
}

/// Opens the sealed signing keys of a store.
pub fn open_signing_keys(
    sealed: &[SealedKey],
    master_keys: &MasterKeys,
) -> Result<Vec<SigningKey>, OpenError> {
    sealed.iter().map(|key| open_signing_key(key, master_keys)).collect()
}

fn open_signing_key(key: &SealedKey, master_keys: &MasterKeys) -> Result<SigningKey, OpenError> {
    let damaged = |source| OpenError::SigningKey { id: key.id, source };
    let material = master_keys.unseal(key.id, key.algorithm, &key.sealed).map_err(damaged)?;
    // A compromised key is never valid.
    let retires_at = if key.compromised { Some(Timestamp::from_millis(0)) } else { key.retires_at };
    Ok(match key.algorithm {
        Algorithm::Hs256 => {
            let material = material.as_slice().try_into().map_err(|_| damaged(UnsealError))?;
            SigningKey::derive(key.id, material, key.activates_at, retires_at)
        }
        Algorithm::Es256 | Algorithm::EdDsa | Algorithm::Ps256 | Algorithm::Rs256 => {
            let private =
                PrivateKey::from_pkcs8(key.algorithm, &material).map_err(|_| damaged(UnsealError))?;
            SigningKey::asymmetric(key.id, private, key.activates_at, retires_at)
        }
    })
}

/// The properties of a signing key that is to be generated.
#[derive(Debug, Clone, Copy)]
pub struct NewKey {
    /// The algorithm that it signs with.
    pub algorithm: Algorithm,
    /// The length of the key, if it is an RSA key.
    pub rsa_bits: RsaBits,
    /// When it is generated.
    pub created_at: Timestamp,
    /// When it starts to sign.
    pub activates_at: Timestamp,
}

impl NewKey {
    /// Describes a key of HS256, which signs refresh tokens.
    pub const fn hs256(created_at: Timestamp, activates_at: Timestamp) -> Self {
        Self { algorithm: Algorithm::Hs256, rsa_bits: RsaBits::Bits2048, created_at, activates_at }
    }
}

/// Generates a signing key and seals it. An RSA key takes up to a few seconds, on a thread of its own.
pub async fn new_signing_key(master_key: &MasterKey, new: NewKey) -> Result<SealedKey, PrivateKeyError> {
    let NewKey { algorithm, rsa_bits, created_at, activates_at } = new;
    let id = KeyId::random(&mut rand::rng());
    let (material, public_key) = if algorithm.is_asymmetric() {
        let making = tokio::task::spawn_blocking(move || PrivateKey::generate(algorithm, rsa_bits));
        let private = making.await.map_err(|_| PrivateKeyError::NoRandomBytes)??;
        let public_key = Jwk::of(private.public_key(), id.to_string());
        (private.to_pkcs8()?, Some(serde_json::to_vec(&public_key).expect("texts serialise")))
    } else {
        let mut material = Zeroizing::new(vec![0; 32]);
        rand::rng().fill_bytes(material.as_mut_slice());
        (material, None)
    };
    let sealed = master_key.seal(id, algorithm, &material, &mut rand::rng());
    Ok(SealedKey {
        id,
        algorithm,
        sealed,
        public_key,
        created_at,
        activates_at,
        retires_at: None,
        compromised: false,
    })
}
