//! Rotation of the signing keys, by one of the servers that share a store.
//!
//! A key's phase follows from its times, so every server that has read the keys advances them in the same way. What remains to
//! do is to add the next key in time, which is the leader's task. Two servers may believe that they lead, since clocks
//! differ: so the store doesn't add a second successor to a key.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tollgate_admin::key_times::{lead, newest, next_activation, others_retire_at};
use tollgate_admin::{NewKey, OpenError};
use tollgate_core::{Algorithm, KeyId, Timestamp};
use tollgate_store::{LeaderLease, Object, RecordFilter, RecordOrder, StoreError};

use crate::installation::Installation;
use crate::ticks::ticks;

/// The name of the leader's task.
const TASK: &str = "signing keys";
/// How long a leader lease lasts. If the leader dies, nobody advances the keys for at most this long.
const LEASE: Duration = Duration::from_secs(60);
/// How often the leader renews its lease, and the others ask for it.
const INTERVAL: Duration = Duration::from_secs(20);
/// Advances the signing keys of an installation while this server leads.
pub struct Rotation {
    installation: Arc<Installation>,
    /// The id that tells this server from the others.
    holder: [u8; 16],
    failing: bool,
    /// The phases of keys that are certainly in the audit trail.
    recorded: Mutex<HashSet<(KeyId, &'static str)>>,
}

impl Rotation {
    /// Makes the rotation of an installation's keys, according to its configuration.
    pub fn new(installation: Arc<Installation>) -> Self {
        Self { installation, holder: rand::random(), failing: false, recorded: Mutex::default() }
    }

    /// Advances the keys until the sender of `stopped` is dropped, then gives the leader lease back.
    pub async fn run(mut self, mut stopped: watch::Receiver<()>) {
        let mut ticks = ticks(INTERVAL);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.step_or_warn().await,
                _ = stopped.changed() => break,
            }
        }
        if self.installation.rotates_keys() {
            // Best effort: otherwise the others wait until the lease ends.
            let _ = self.stop_leading().await;
        }
    }

    async fn step_or_warn(&mut self) {
        let result = self.step().await;
        match &result {
            Err(error) if !self.failing => tracing::warn!(%error, "the signing keys can't be advanced"),
            Ok(()) if self.failing => tracing::info!("the signing keys can be advanced again"),
            Ok(()) | Err(_) => {}
        }
        self.failing = result.is_err();
    }

    /// Acquires or renews the leader lease and, if this server leads, adds the next key when it is time.
    pub async fn step(&self) -> Result<(), OpenError> {
        let now = self.installation.now();
        let leads = self.installation.store().lead(&self.lease(now), now).await;
        if self.installation.set_rotates_keys(matches!(leads, Ok(true))) {
            if self.installation.rotates_keys() {
                tracing::info!("this server rotates the signing keys from now on");
            } else {
                tracing::info!("this server no longer rotates the signing keys");
            }
        }
        if leads? {
            self.installation.add_first_keys().await?;
            for algorithm in self.installation.config().algorithms() {
                self.add_key_in_time(algorithm).await?;
            }
            self.record_phases().await?;
        }
        Ok(())
    }

    /// Records which keys have begun to sign, and which have stopped being valid, once for all servers: everything that is not in the
    /// audit trail yet, since the trail begins.
    async fn record_phases(&self) -> Result<(), StoreError> {
        let (store, now) = (self.installation.store(), self.installation.store_time());
        let oldest = store.records(&RecordFilter::default(), RecordOrder::OldestFirst, None, 1).await?;
        let Some(begin) = oldest.first().map(|oldest| oldest.at) else { return Ok(()) };
        for key in store.signing_keys().await? {
            for (act, at) in [("key.activate", Some(key.activates_at)), ("key.retire", key.retires_at)] {
                let Some(at) = at.filter(|at| (begin..=now).contains(at)) else { continue };
                if !self.is_recorded(key.id, act) {
                    self.record_phase(key.id, act, at).await?;
                }
            }
        }
        Ok(())
    }

    async fn record_phase(&self, key: KeyId, act: &'static str, at: Timestamp) -> Result<(), StoreError> {
        let store = self.installation.store();
        let newest = store.trail().await?.newest;
        let object = Some(Object::SigningKey(key).to_string());
        let wanted = RecordFilter { object, act: Some(act.to_owned()), ..RecordFilter::default() };
        if store.records(&wanted, RecordOrder::OldestFirst, None, 1).await?.is_empty() {
            let phase = self.installation.key_phase(key, act, at).on(newest);
            match store.record(&phase).await {
                // Another server may have recorded this phase. It is checked again the next time.
                Err(StoreError::Overtaken) => return Ok(()),
                outcome => outcome?,
            }
        }
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).insert((key, act));
        Ok(())
    }

    fn is_recorded(&self, key: KeyId, act: &'static str) -> bool {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).contains(&(key, act))
    }

    /// Gives the leader lease back, so that another server need not wait until it ends.
    pub async fn stop_leading(&self) -> Result<(), StoreError> {
        let lease = self.lease(self.installation.now());
        self.installation.set_rotates_keys(false);
        self.installation.store().stop_leading(&lease).await
    }

    fn lease(&self, now: Timestamp) -> LeaderLease {
        LeaderLease { task: TASK, holder: self.holder, until: now.after(LEASE) }
    }

    async fn add_key_in_time(&self, algorithm: Algorithm) -> Result<(), OpenError> {
        let (config, store) = (self.installation.config(), self.installation.store());
        let keys = store.signing_keys().await?;
        // Read after the store has answered: the time for which the key is known before it signs begins here.
        let now = self.installation.now();
        let next = next_activation(config, algorithm, &keys, now);
        let Some((newest, activates_at)) = newest(algorithm, &keys).zip(next) else {
            return Ok(());
        };
        if activates_at > now.after(lead(config, algorithm)).after(INTERVAL) {
            return Ok(());
        }
        let rsa_bits = config.keys.rsa_bits;
        let new = NewKey { algorithm, rsa_bits, created_at: now, activates_at };
        let key = self.installation.new_signing_key(new).await?;
        let longest = store.longest_lifetime(Duration::ZERO).await?;
        let retire_at = others_retire_at(config, activates_at, longest);
        let act = self.installation.adds_key(&key, retire_at, self.installation.store_time());
        if store.succeed_signing_key(newest.id, &key, retire_at, &act).await? {
            tracing::info!(
                key_id = %key.id,
                %algorithm,
                signs_in_seconds = activates_at.since(now).as_secs(),
                "the next signing key was added"
            );
        }
        Ok(())
    }
}
