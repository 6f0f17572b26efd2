//! The uses of secrets, with their sources. Relevant ones are noted in memory, and in the store once a minute: issuing a token
//! writes nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tollgate_core::{ClientId, SecretId, Timestamp};
use tollgate_http::ClientAddress;
use tollgate_installation::{Installation, ticks};
use tollgate_store::{SecretUse, StoreError, Uses as Store};

/// How often uses are noted in the store.
const FLUSH_EVERY: Duration = Duration::from_secs(60);
/// How many uses may wait to be stored. The same number may come again every minute.
const WAITING: usize = 50_000;
/// How many uses are stored at a time.
const BATCH: usize = 1_000;

/// The uses that are not in the store yet.
#[derive(Default)]
pub(crate) struct Uses(Mutex<HashMap<Key, Timestamp>>);

type Key = (ClientId, SecretId, ClientAddress);

impl Uses {
    /// Notes a use. If too many wait, it is dropped: nothing is decided by it.
    pub(crate) fn note(&self, client: ClientId, secret: SecretId, from: ClientAddress, now: Timestamp) {
        let (mut waiting, key) = (self.waiting(), (client, secret, from));
        if waiting.len() < WAITING || waiting.contains_key(&key) {
            waiting.insert(key, now);
        }
    }

    /// Writes the waiting uses to the store. Those that it does not take go on waiting.
    pub(crate) async fn flush(&self, store: &(impl Store + ?Sized)) -> Result<(), StoreError> {
        loop {
            let batch: Vec<_> = {
                let mut waiting = self.waiting();
                let keys: Vec<_> = waiting.keys().take(BATCH).copied().collect();
                keys.iter().filter_map(|key| waiting.remove_entry(key)).collect()
            };
            if batch.is_empty() {
                return Ok(());
            }
            let uses: Vec<_> = batch.iter().map(|(key, at)| used(*key, *at)).collect();
            if let Err(error) = store.note_uses(&uses).await {
                for ((client, secret, from), at) in batch {
                    self.note(client, secret, from, at);
                }
                return Err(error);
            }
        }
    }

    /// Locks the waiting uses. Nothing panics while it holds the lock, so a poisoned lock is safe to use.
    fn waiting(&self) -> MutexGuard<'_, HashMap<Key, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn used((client, secret, from): Key, at: Timestamp) -> SecretUse {
    let source = match from {
        ClientAddress::Unknown => "unknown".to_owned(),
        ClientAddress::Known(address) => address.to_canonical().to_string(),
    };
    SecretUse { client, secret, source, at }
}

/// Writes uses to the store until the sender of `stopped` is dropped, and then those that are left.
pub(crate) async fn run(uses: Arc<Uses>, installation: Arc<Installation>, mut stopped: watch::Receiver<()>) {
    let mut ticks = ticks(FLUSH_EVERY);
    let mut goes_on = true;
    while goes_on {
        goes_on = tokio::select! {
            _ = ticks.tick() => true,
            _ = stopped.changed() => false,
        };
        if let Err(error) = uses.flush(installation.store()).await {
            tracing::debug!(%error, "when secrets were used can't be noted yet");
        }
    }
}
