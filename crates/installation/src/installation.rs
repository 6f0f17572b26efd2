//! An installation: a store opened with its master key, and the state of it that a running server holds.

mod keys;
mod revocations;
mod trail;

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::json;
use tokio::time::Instant;
use tollgate_admin::{
    Administration, Authority, KEYS_KNOWN_WITHIN, OpenError, Standing, Unlocked, install_if_empty,
    this_server,
};
use tollgate_config::{Config, WhenStale};
use tollgate_core::{Clock, Timestamp, VerifyingRing};
use tollgate_guard::{Freshness, Unverified, Verifier};
use tollgate_keys::{MasterKeys, SecretHasher, SigningRing};
use tollgate_store::{Act, Alone, Draft, Outcome, Position, Store, StoreError, TimePassed};

use crate::change_log::ChangeLog;
use crate::events::Auditing;
use crate::membership::Membership;
use crate::readiness::{NotReady, Task};
use crate::registry::Registry;
use crate::steady_time::SteadyTime;
use crate::store_clock::StoreClock;
use crate::suspension::{Cause, Suspension};

/// The longest `idempotency.lease` that a former process is expected to have had.
const LONG_LEASE: Duration = Duration::from_secs(10 * 60);

/// The state that everything in a running server shares.
pub struct Installation {
    config: Config,
    store: Arc<dyn Store>,
    unlocked: Unlocked,
    verifier: Arc<Verifier>,
    signing_ring: ArcSwap<SigningRing>,
    registry: Registry,
    changes: ChangeLog,
    clock: Arc<dyn Clock>,
    steady: SteadyTime,
    /// Held while the revocations are replaced: of two replacements at once, one would undo what the other added.
    revising: tokio::sync::Mutex<()>,
    /// When the change log was last read, in milliseconds since the epoch.
    followed_at: AtomicU64,
    /// Whether this server advances the signing keys for all that share the store.
    rotates_keys: AtomicBool,
    /// The first task that has panicked, if one has.
    panicked: OnceLock<Task>,
    suspension: Suspension,
    store_clock: StoreClock,
    membership: Membership,
    auditing: Auditing,
}

impl Installation {
    /// Opens the installation in `store`, or makes an empty store one.
    pub async fn open(
        config: Config,
        store: Arc<dyn Store>,
        master_keys: impl Into<MasterKeys>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, OpenError> {
        let master_keys = master_keys.into();
        install_if_empty(store.as_ref(), &master_keys, clock.now(), &this_server()).await?;
        let unlocked = Unlocked::new(store.as_ref(), master_keys).await?;
        // Before the server issues any tokens: revocations must be kept for as long as they live.
        store.longest_lifetime(config.longest_lifetime()).await?;
        let clocks = clock.now().min(store.now().await?);
        let steady = SteadyTime::new(store.time_passed().await?, clocks, clock.uptime());
        let policy = config.token_policy();
        let membership = Membership::new(&config, unlocked.trail().clone());
        let registry = Registry::new(store.clone(), config.limits.client_cache);
        let signing_ring = ArcSwap::from_pointee(SigningRing::new(&policy.issuer, Vec::new()));
        let verifier = Arc::new(Verifier::new(VerifyingRing::new(policy, []), clock.clone()));
        let installation = Arc::new(Self {
            config,
            store,
            unlocked,
            verifier,
            signing_ring,
            registry,
            changes: ChangeLog::new(),
            clock,
            steady,
            revising: tokio::sync::Mutex::default(),
            followed_at: AtomicU64::new(0),
            rotates_keys: AtomicBool::new(false),
            panicked: OnceLock::new(),
            suspension: Suspension::default(),
            store_clock: StoreClock::default(),
            membership,
            auditing: Auditing::new(Instant::now()),
        });
        installation.note_time_passed().await;
        let position = installation.reload().await?;
        installation.changes.start_at(position).await;
        let too_far = installation.measure_store_clock().await?;
        installation.suspend(Cause::StoreClock, too_far);
        let joined_at = installation.store.now().await?;
        if installation.membership.join(installation.store(), installation.store_time()).await? {
            installation.reload_keys().await?;
        }
        installation.add_first_keys().await?;
        installation.start_serving(joined_at).await?;
        installation.suspend_unless_agreed();
        Ok(installation)
    }

    /// Frees the idempotency keys of processes that have died, if no other server can hold them.
    async fn start_serving(&self, joined_at: Timestamp) -> Result<(), StoreError> {
        let alone = self.membership.is_alone().then_some(Alone {
            since: joined_at,
            // A former process may have been configured with longer leases.
            longest_lease: self.config.idempotency.lease.max(LONG_LEASE),
        });
        let freed = self.store.start_serving(alone).await?;
        if freed > 0 {
            tracing::info!(freed, "idempotency keys that a process held when it died are free again");
        }
        Ok(())
    }

    /// Returns the argument for the acts of administration.
    pub fn administration(&self) -> Administration<'_> {
        Administration {
            store: self.store(),
            unlocked: &self.unlocked,
            config: &self.config,
            authority: Authority::MasterKey,
        }
    }

    /// Says whether these are the master keys that the installation was opened with.
    pub fn has_master_keys(&self, keys: &MasterKeys) -> bool {
        self.unlocked.master_keys().are(keys)
    }

    /// Returns the effective configuration.
    #[inline]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the store.
    #[inline]
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Returns the store, for callers that keep it.
    pub fn shared_store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    /// Returns the verifier of tokens.
    #[inline]
    pub fn verifier(&self) -> &Arc<Verifier> {
        &self.verifier
    }

    /// Returns the keys that tokens are signed with.
    #[inline]
    pub fn signing_ring(&self) -> arc_swap::Guard<Arc<SigningRing>> {
        self.signing_ring.load()
    }

    /// Returns the cache of clients.
    #[inline]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns the state of reading the change log.
    pub(crate) fn changes(&self) -> &ChangeLog {
        &self.changes
    }

    /// Returns the hasher for secrets as they are stored.
    #[inline]
    pub fn hasher(&self) -> &SecretHasher {
        self.unlocked.hasher()
    }

    /// Returns the current time by the server's clock.
    #[inline]
    pub fn now(&self) -> Timestamp {
        self.verifier.now()
    }

    /// Returns the present time, unaffected by changes of the clock. Times that last for a given duration are counted from here.
    pub fn steady_now(&self) -> Timestamp {
        self.steady.at(self.clock.uptime())
    }

    /// Returns the time that has certainly passed, by the clock and by the uptime of machines. Data that has expired by it may be
    /// deleted.
    pub fn passed(&self) -> Timestamp {
        self.steady_now().min(self.now())
    }

    async fn note_time_passed(&self) {
        let passed = TimePassed { until: self.passed(), uptime: self.clock.uptime() };
        if let Err(error) = self.store.note_time_passed(&passed).await {
            tracing::debug!(%error, "how much time has passed could not be noted");
        }
    }

    /// Returns how far the store's clock is ahead of this server's, in seconds; negative if it is behind.
    pub fn clock_offset(&self) -> impl Display + use<> {
        self.store_clock.offset()
    }

    /// Measures how far the store's clock is from this server's. Returns why the server can't serve if it is too far.
    pub(crate) async fn measure_store_clock(&self) -> Result<Option<String>, StoreError> {
        self.store_clock.measure(&self.config, self.store(), self.now()).await
    }

    /// Returns the time on the store's clock, as far as it is known.
    pub fn store_time(&self) -> Timestamp {
        self.store_clock.at(self.now())
    }

    /// Tells the servers that share the store that this one has ended.
    pub async fn leave(&self) {
        self.membership.leave(self.store()).await;
    }

    /// Says whether the servers that share the store have agreed on another configuration than this server's.
    pub fn is_replaced(&self) -> bool {
        self.membership.is_replaced(self.store_time())
    }

    /// Returns the server's membership among those that share the store.
    pub(crate) fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Suspends the server while its configuration differs from the one agreed on by the servers that share its store.
    pub(crate) fn suspend_unless_agreed(&self) {
        let now = self.store_time();
        self.suspend(Cause::Agreement, self.membership.obstacle(now));
        let early = self.membership.standing(now) == Some(Standing::Early);
        let reason = "the other servers are told of this server's configuration for some seconds";
        self.suspend(Cause::Notice, early.then(|| reason.to_owned()));
    }

    /// Says whether tokens can be issued: a key signs, and the data is not too old, or counts all the same.
    pub fn readiness(&self) -> Result<(), NotReady> {
        if let Some(task) = self.panicked.get() {
            return Err(NotReady::Panicked(*task));
        }
        if let Some(reason) = self.suspension.reason() {
            return Err(NotReady::Suspended(reason));
        }
        let now = self.now();
        let ring = self.signing_ring();
        if !self.config.algorithms().into_iter().all(|algorithm| ring.can_sign(algorithm, now)) {
            return Err(NotReady::NoSigningKey);
        }
        if self.verifier.is_stale(now) { Err(NotReady::Stale) } else { Ok(()) }
    }

    /// Notes that a task no longer runs: from now on the server is not ready, even if it serves when stale.
    pub(crate) fn task_panicked(&self, task: Task) {
        self.note_event("server.task-panic", Outcome::Failed, &json!({ "task": task.as_str() }));
        // If another task panicked before, its panic is as good a reason.
        let _ = self.panicked.set(task);
    }

    /// Refuses to decide about clients and tokens by data that is too old.
    #[inline]
    pub fn check_fresh(&self, now: Timestamp) -> Result<(), Unverified> {
        if self.verifier.is_stale(now) { Err(Unverified::Stale) } else { Ok(()) }
    }

    /// Returns how long ago the change log was last read to its end.
    pub fn unread_for(&self) -> Duration {
        self.now().since(Timestamp::from_millis(self.followed_at.load(Relaxed)))
    }

    /// Says whether the change log has not been read for `tokens.stale_after`, whatever the consequences.
    pub fn is_stale(&self) -> bool {
        self.unread_for() >= self.config.tokens.stale_after
    }

    /// Notes that everything that others had written at `at` has been read.
    pub(crate) fn followed(&self, at: Timestamp) {
        self.followed_at.store(at.millis(), Relaxed);
        self.renew_freshness();
    }

    /// Notes that something that the server depends on is not as it must be; `None` if it is again.
    pub(crate) fn suspend(&self, cause: Cause, reason: Option<String>) {
        let what = json!({ "cause": cause.as_str(), "reason": reason });
        let act = if reason.is_some() { "server.suspend" } else { "server.resume" };
        if self.suspension.set(cause, reason) && cause != Cause::Notice {
            self.note_event(act, Outcome::Done, &what);
        }
        self.renew_freshness();
    }

    /// Lets the data count for as long as it may, or not at all while the server is suspended.
    fn renew_freshness(&self) {
        let at = Timestamp::from_millis(self.followed_at.load(Relaxed));
        let tokens = &self.config.tokens;
        self.suspension.while_known(|suspended| {
            let until = match tokens.when_stale {
                _ if suspended => Timestamp::from_millis(0),
                WhenStale::Refuse => at.after(tokens.stale_after),
                WhenStale::Serve => Timestamp::MAX,
            };
            self.verifier.set_freshness(Freshness { keys_until: at.after(KEYS_KNOWN_WITHIN), until });
        });
    }

    /// Notes that the change log could not be read. If the clock was set back meanwhile, the data must not count for
    /// longer because of that.
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

    /// Notes whether this server advances the signing keys; returns whether that has changed.
    pub(crate) fn set_rotates_keys(&self, rotates: bool) -> bool {
        self.rotates_keys.swap(rotates, Relaxed) != rotates
    }

    /// Makes an act from its record.
    pub(crate) fn act(&self, record: Draft) -> Act {
        self.unlocked.trail().act(record)
    }

    /// Reloads everything, and returns the position from which to follow.
    pub(crate) async fn reload(&self) -> Result<Position, OpenError> {
        let asked_at = self.now();
        let position = self.store.last_change().await?;
        self.registry.invalidate_ids();
        self.reload_revocations().await?;
        self.reload_keys().await?;
        self.followed(asked_at);
        Ok(position)
    }
}
