//! An installation: a store opened with its master key, and what a running server knows of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tollgate_core::{
    Claims, Clock, KeyId, Keyring, MasterKey, Revocation, Revoked, SecretHasher, SigningKey, Timestamp,
    UnsealError,
};
use tollgate_guard::{Freshness, Revocations, Verifier};
use tollgate_store::{Position, SigningKey as SealedKey, Store, StoreError};

use crate::config::{Config, WhenStale};
use crate::error::Error;
use crate::follower::Follower;
use crate::registry::Registry;

/// How soon every server knows of a new key that may sign: one that has not read the change log for so long takes no
/// signature for a wrong one, because a key that it doesn't know may have made it.
pub const KEYS_KNOWN_WITHIN: Duration = Duration::from_secs(5);

/// How much longer than its token a revocation is remembered: the clocks of other servers may be behind, and each must
/// have read it before it is deleted.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

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

/// What everything in a running server shares.
pub struct Installation {
    config: Config,
    store: Arc<dyn Store>,
    master_key: MasterKey,
    verifier: Arc<Verifier>,
    registry: Registry,
    hasher: SecretHasher,
    /// Held by whoever replaces the revocations: of two who did so at once, one would undo what the other added.
    revising: tokio::sync::Mutex<()>,
    /// When the change log was last read, in milliseconds since the epoch.
    followed_at: AtomicU64,
    /// Whether this server advances the signing keys for all that share the store.
    rotates_keys: AtomicBool,
}

/// Why tokens can't be issued here, or new work should not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// It is about to end.
    #[error("the server is draining")]
    Draining,
    /// No signing key is in force.
    #[error("no signing key is in force")]
    NoSigningKey,
    /// What it knows is too old.
    #[error("what others changed has not been read for too long")]
    Stale,
}

impl Installation {
    /// Opens the installation in `store`, or makes one of an empty store.
    pub async fn open(
        config: Config,
        store: Arc<dyn Store>,
        master_key: MasterKey,
        clock: Arc<dyn Clock>,
    ) -> Result<(Arc<Self>, Follower), OpenError> {
        let now = clock.now();
        install_if_empty(store.as_ref(), &master_key, now).await?;
        check_master_key(store.as_ref(), &master_key).await?;
        let freed = store.start_serving().await?;
        if freed > 0 {
            tracing::info!(freed, "idempotency keys that a process held when it died are free again");
        }
        let policy = config.token_policy();
        let registry = Registry::new(store.clone(), config.limits.client_cache);
        let verifier = Arc::new(Verifier::new(Keyring::new(policy, Vec::new()), clock));
        let hasher = master_key.secret_hasher();
        let installation = Arc::new(Self {
            config,
            store,
            master_key,
            verifier,
            registry,
            hasher,
            revising: tokio::sync::Mutex::default(),
            followed_at: AtomicU64::new(0),
            rotates_keys: AtomicBool::new(false),
        });
        let position = installation.reload().await?;
        Ok((installation.clone(), Follower::new(installation, position)))
    }

    /// The effective configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What remembers.
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// What tokens are verified with.
    pub fn verifier(&self) -> &Arc<Verifier> {
        &self.verifier
    }

    /// The clients.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Hashes secrets as they are stored.
    pub fn hasher(&self) -> &SecretHasher {
        &self.hasher
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.verifier.now()
    }

    /// Says whether tokens can be issued: a key signs, and what is known is not too old, or counts all the same.
    pub fn readiness(&self) -> Result<(), NotReady> {
        let now = self.now();
        if !self.verifier.keyring().can_sign(now) {
            return Err(NotReady::NoSigningKey);
        }
        if self.verifier.is_stale(now) { Err(NotReady::Stale) } else { Ok(()) }
    }

    /// Refuses to decide about clients and tokens by what is too old.
    pub(crate) fn check_fresh(&self, now: Timestamp) -> Result<(), Error> {
        if self.verifier.is_stale(now) { Err(Error::Stale) } else { Ok(()) }
    }

    /// How long ago the change log was last read to its end.
    pub fn unread_for(&self) -> Duration {
        self.now().since(Timestamp::from_millis(self.followed_at.load(Relaxed)))
    }

    /// Says whether the change log has not been read for `tokens.stale_after`, whatever follows from it.
    pub fn is_stale(&self) -> bool {
        self.unread_for() >= self.config.tokens.stale_after
    }

    /// Notes that all that others had written at `at` has been read.
    pub(crate) fn followed(&self, at: Timestamp) {
        self.followed_at.store(at.millis(), Relaxed);
        let tokens = &self.config.tokens;
        let until = match tokens.when_stale {
            WhenStale::Refuse => at.after(tokens.stale_after),
            WhenStale::Serve => Timestamp::MAX,
        };
        self.verifier.set_freshness(Freshness { keys_until: at.after(KEYS_KNOWN_WITHIN), until });
    }

    /// Notes that the change log could not be read. If the clock was set back meanwhile, what is known must not count for
    /// longer by that.
    pub(crate) fn not_followed(&self) {
        let now = self.now();
        if self.followed_at.load(Relaxed) > now.millis() {
            self.followed(now);
        }
    }

    /// Says whether this server advances the signing keys for all that share the store.
    pub fn rotates_keys(&self) -> bool {
        self.rotates_keys.load(Relaxed)
    }

    /// Notes whether it does; says whether that is news.
    pub(crate) fn set_rotates_keys(&self, rotates: bool) -> bool {
        self.rotates_keys.swap(rotates, Relaxed) != rotates
    }

    /// Draws a signing key that will sign from `activates_at` on.
    pub(crate) fn new_signing_key(&self, now: Timestamp, activates_at: Timestamp) -> SealedKey {
        new_signing_key(&self.master_key, now, activates_at)
    }

    /// Reads everything afresh, and returns the position from which to follow.
    pub(crate) async fn reload(&self) -> Result<Position, OpenError> {
        let asked_at = self.now();
        let position = self.store.last_change().await?;
        self.registry.invalidate_all();
        self.reload_revocations().await?;
        self.reload_keys().await?;
        self.followed(asked_at);
        Ok(position)
    }

    /// Reads the signing keys afresh.
    pub(crate) async fn reload_keys(&self) -> Result<(), OpenError> {
        let keys = open_signing_keys(&self.store.signing_keys().await?, &self.master_key)?;
        let policy = self.verifier.keyring().policy().clone();
        self.verifier.set_keyring(Keyring::new(policy, keys));
        Ok(())
    }

    /// Adds the store's revocations to those that are known. What was revoked stays so, even if the store that answers
    /// has not heard of it: it may be one that is no longer the primary and does not know it yet.
    async fn reload_revocations(&self) -> Result<(), OpenError> {
        let revocations = self.store.revocations(self.now()).await?;
        self.apply_revocations(&revocations).await;
        Ok(())
    }

    /// Ends a token: once this has returned it is refused here, and will be by every other server, whatever happens.
    pub(crate) async fn revoke_token(&self, token: &Claims<'_>, now: Timestamp) -> Result<(), StoreError> {
        let revocation = Revocation {
            subject: Revoked::Token(token.id),
            issued_until: token.issued_at,
            expires_at: token.expires_at.after(self.config.tokens.exp_leeway).after(REMEMBERED_FOR),
        };
        self.store.revoke(&revocation, now).await?;
        self.apply_revocations(&[revocation]).await;
        Ok(())
    }

    /// Lets revocations count from the next request on.
    pub(crate) async fn apply_revocations(&self, new: &[Revocation]) {
        if new.is_empty() {
            return;
        }
        let _revising = self.revising.lock().await;
        let mut revocations = Revocations::clone(&self.verifier.revocations());
        for revocation in new {
            revocations.apply(revocation);
        }
        self.verifier.set_revocations(revocations);
    }

    /// Deletes what has expired, in memory and in the store.
    pub(crate) async fn purge(&self) {
        let now = self.now();
        self.forget_expired_revocations(now).await;
        match self.store.purge(now).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "expired rows were deleted"),
            Err(error) => tracing::warn!(%error, "expired rows could not be deleted"),
        }
    }

    async fn forget_expired_revocations(&self, now: Timestamp) {
        let _revising = self.revising.lock().await;
        if !self.verifier.revocations().is_empty() {
            let mut revocations = Revocations::clone(&self.verifier.revocations());
            revocations.forget_expired(now);
            self.verifier.set_revocations(revocations);
        }
    }
}

/// Makes an installation of an empty store: its first signing key, sealed by this master key.
pub async fn install_if_empty(
    store: &dyn Store,
    master_key: &MasterKey,
    now: Timestamp,
) -> Result<(), StoreError> {
    if store.installation().await?.is_none() {
        store.install(&master_key.check_value(), &new_signing_key(master_key, now, now)).await?;
    }
    Ok(())
}

/// Refuses a master key that the store was not made with.
pub async fn check_master_key(store: &dyn Store, master_key: &MasterKey) -> Result<(), OpenError> {
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
            Ok(SigningKey::derive(key.id, &material, key.activates_at, key.retires_at))
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
    SealedKey { id, sealed, created_at: now, activates_at, retires_at: None }
}
