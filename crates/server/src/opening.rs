//! Opening a store with its master key: the check value, and the signing keys that are sealed in it.

use rand::Rng;
use tollgate_core::{
    Algorithm, Jwk, KeyId, MasterKey, PrivateKey, PrivateKeyError, RsaBits, SigningKey, Timestamp,
    UnsealError,
};
use tollgate_store::{Installation as InstallationStore, SigningKey as SealedKey, StoreError};
use zeroize::Zeroizing;

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
    /// A signing key can't be made.
    #[error("a signing key can't be made: {0}")]
    NewKey(#[from] PrivateKeyError),
}

/// Makes an installation of an empty store: its first signing key, sealed by this master key.
pub async fn install_if_empty(
    store: &dyn InstallationStore,
    master_key: &MasterKey,
    now: Timestamp,
) -> Result<(), OpenError> {
    if store.installation().await?.is_none() {
        let first = new_signing_key(master_key, NewKey::hs256(now, now)).await?;
        store.install(&master_key.check_value(), &first).await?;
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
    sealed.iter().map(|key| open_signing_key(key, master_key)).collect()
}

fn open_signing_key(key: &SealedKey, master_key: &MasterKey) -> Result<SigningKey, OpenError> {
    let damaged = |source| OpenError::SigningKey { id: key.id, source };
    let material = master_key.unseal(key.id, key.algorithm, &key.sealed).map_err(damaged)?;
    // A compromised key has no time at which it is good.
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

/// What a signing key that is to be made is like.
#[derive(Debug, Clone, Copy)]
pub struct NewKey {
    /// What it signs with.
    pub algorithm: Algorithm,
    /// The length of an RSA key.
    pub rsa_bits: RsaBits,
    /// When it is made.
    pub created_at: Timestamp,
    /// From when on it signs.
    pub activates_at: Timestamp,
}

impl NewKey {
    /// A key of HS256, which refresh tokens are signed with.
    pub const fn hs256(created_at: Timestamp, activates_at: Timestamp) -> Self {
        Self { algorithm: Algorithm::Hs256, rsa_bits: RsaBits::Bits2048, created_at, activates_at }
    }
}

/// Makes a signing key and seals it. An RSA key takes up to a few seconds, on a thread of its own.
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
