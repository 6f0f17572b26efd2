//! Reading the change log before a request is refused.
//!
//! An object that a command or call has created is valid in the very next request, on every server. The log is only read every 250 ms, so
//! it is read once more before a request is refused by what is known here. The queries to the store do not depend
//! on the id or the secret that was guessed: every refusal takes the same time. One reading serves all who wait for it,
//! and readings keep their distance, so guessing costs the store 200 small queries a second at most, whoever guesses and
//! however often.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tollgate_admin::OpenError;
use tollgate_core::{Claims, ClientId, PayloadBuffer, Timestamp, TokenError, TokenKind};
use tollgate_guard::Unverified;
use tollgate_store::{Change, Changed, StoreError};

use crate::change_log::{Log, Place, as_store_error};
use crate::installation::Installation;
use crate::registered::Registered;

/// How many changes are read at a time.
const BATCH: u32 = 1_000;

impl Installation {
    /// Makes the change log be read soon, because there may be new changes.
    pub fn expect_news(&self) {
        self.changes().expect_news();
    }

    /// Returns a receiver that is notified each time that changes are applied.
    pub fn applied(&self) -> watch::Receiver<()> {
        self.changes().applied()
    }

    /// Waits until there may be new changes.
    pub(crate) async fn news(&self) {
        self.changes().news().await;
    }

    /// Applies every change that has been written so far.
    pub(crate) async fn read_changes(&self) -> Result<(), OpenError> {
        let mut log = self.changes().lock().await;
        self.read(&mut log).await
    }

    /// Applies every change that had been written when this was called. What is not known afterwards does not exist; if the
    /// store can't be asked, nothing is refused as wrong.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        let changes = self.changes();
        let asked = changes.ask()?;
        loop {
            let pause = {
                let mut log = changes.lock().await;
                if let Some(outcome) = log.answer(asked) {
                    return outcome;
                }
                let pause = log.pause();
                if pause.is_zero() {
                    return self.read(&mut log).await.map_err(|error| as_store_error(&error));
                }
                pause
            };
            sleep(pause).await;
        }
    }

    async fn read(&self, log: &mut Log) -> Result<(), OpenError> {
        let reading = self.changes().begin(log);
        let outcome = apply_all(self, &mut log.place).await;
        reading.end(log, &outcome);
        outcome
    }

    /// Asks `judge` about the client `id`, as it is known here. A refusal is repeated with the store's current data before it counts.
    pub async fn judge<T, E: From<StoreError>>(
        &self,
        id: ClientId,
        judge: impl Fn(Option<Arc<Registered>>) -> Result<T, E>,
    ) -> Result<T, E> {
        let registry = self.registry();
        let version = registry.version();
        let refusal = match judge(registry.client(id).await?) {
            Ok(good) => return Ok(good),
            Err(refusal) => refusal,
        };
        Box::pin(self.catch_up()).await?;
        if registry.version() == version { Err(refusal) } else { judge(registry.client(id).await?) }
    }

    /// Verifies a token as one of `kind`. A refusal that newer changes could lift is repeated with the store's
    /// current data before it counts.
    pub async fn verify<'b, E: From<StoreError> + From<Unverified>>(
        &self,
        kind: TokenKind,
        token: &[u8],
        now: Timestamp,
        buffers: &'b mut TokenBuffers,
    ) -> Result<Claims<'b>, E> {
        let TokenBuffers { first, second } = buffers;
        match self.verifier().verify(kind, token, now, first) {
            Err(Unverified::Refused(TokenError::Signature | TokenError::Revoked)) => {}
            outcome => return Ok(outcome?),
        }
        Box::pin(self.catch_up()).await?;
        let second = second.insert(Box::new(PayloadBuffer::new()));
        Ok(self.verifier().verify(kind, token, now, second)?)
    }
}

/// Applies every change that has been written so far, from `place` on.
async fn apply_all(installation: &Installation, place: &mut Place) -> Result<(), OpenError> {
    loop {
        let asked_at = installation.now();
        let Some(changes) = installation.store().changes_since(place.position, BATCH).await? else {
            if place.reloaded_at.is_some_and(|at| at.elapsed() < RELOADS_APART) {
                return Err(StoreError::Corrupt(GOES_NOT_ON.to_owned()).into());
            }
            tracing::warn!("the change log does not go on from here: everything is reloaded");
            place.reloaded_at = Some(Instant::now());
            place.position = installation.reload().await?;
            continue;
        };
        apply(installation, &changes).await?;
        if let Some(last) = changes.last() {
            place.position = last.position;
            installation.changes().apply();
        }
        if changes.len() < BATCH as usize {
            installation.followed(asked_at);
            return Ok(());
        }
    }
}

/// The shortest time between two reloads: a store whose log is always cut off must not be read in full again and again.
const RELOADS_APART: Duration = Duration::from_secs(1);

const GOES_NOT_ON: &str = "the change log does not go on from where everything was loaded a moment ago";

async fn apply(installation: &Installation, changes: &[Change]) -> Result<(), OpenError> {
    let mut revocations = Vec::new();
    let mut merchants = HashSet::new();
    let mut keys_changed = false;
    for change in changes {
        match change.what {
            Changed::Client(id) => installation.registry().invalidate(id),
            Changed::Merchant(id) => drop(merchants.insert(id)),
            Changed::SigningKeys => keys_changed = true,
            Changed::Revocation(revocation) => revocations.push(revocation),
        }
    }
    // Once for all merchants, because it looks at every client in memory.
    if !merchants.is_empty() {
        installation.registry().invalidate_clients_of(&merchants);
    }
    installation.apply_revocations(&revocations).await;
    if keys_changed {
        installation.reload_keys().await?;
    }
    Ok(())
}

/// Buffers for a token that may have to be verified twice.
pub struct TokenBuffers {
    first: PayloadBuffer,
    second: Option<Box<PayloadBuffer>>,
}

impl TokenBuffers {
    /// Makes empty buffers.
    #[inline]
    pub const fn new() -> Self {
        Self { first: PayloadBuffer::new(), second: None }
    }
}

impl Default for TokenBuffers {
    fn default() -> Self {
        Self::new()
    }
}
