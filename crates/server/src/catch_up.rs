//! Reading the change log before a request is refused.
//!
//! What a command or call made is good in the very next request, on every server. The log is read every 250 ms only, so
//! whoever is about to be refused by what is known here has it read once more. What the store is asked does not depend
//! on the id or the secret that was guessed: every refusal takes the same time. One reading serves all who wait for it,
//! and readings keep their distance, so guessing costs the store 200 small queries a second at most, whoever guesses and
//! however often.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep};
use tollgate_core::{Claims, ClientId, PayloadBuffer, Timestamp, TokenError, TokenKind};
use tollgate_guard::Unverified;
use tollgate_store::{Position, StoreError};

use crate::error::Error;
use crate::follower::{self, Place};
use crate::installation::Installation;
use crate::opening::OpenError;
use crate::registry::Registered;

/// How long at least lies between the beginnings of two readings for refusals.
const APART: Duration = Duration::from_millis(5);
/// How long after a reading that failed: a store in trouble is asked no more often than it is without refusals.
const APART_IN_TROUBLE: Duration = Duration::from_millis(250);

/// How old a reading may be for another caller to wait for it: a store that hangs must not hold ever more connections.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where the change log has been read to, and by which reading.
pub(crate) struct ChangeLog {
    log: Mutex<Log>,
    /// How many readings have begun, and how many have ended. There is one at a time.
    begun: AtomicU64,
    ended: AtomicU64,
    /// Since when a reading is under way.
    running: std::sync::Mutex<Option<Instant>>,
    news: Notify,
}

/// Stands for a reading that is under way, until it has ended or was broken off.
struct Running<'a>(&'a ChangeLog);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.running() = None;
    }
}

struct Log {
    place: Place,
    /// When the last reading began, also one that was broken off because whoever waited for it went away.
    began_at: Option<Instant>,
    last: Option<Reading>,
}

struct Reading {
    number: u64,
    outcome: Result<(), StoreError>,
}

impl ChangeLog {
    pub(crate) fn new() -> Self {
        let place = Place { position: Position::START, reloaded_at: None };
        Self {
            log: Mutex::new(Log { place, began_at: None, last: None }),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            running: std::sync::Mutex::default(),
            news: Notify::new(),
        }
    }

    /// Has it read from a position on.
    pub(crate) async fn start_at(&self, position: Position) {
        self.log.lock().await.place.position = position;
    }

    /// Nothing panics while it holds the lock, so a poisoned one is as good as any.
    fn running(&self) -> MutexGuard<'_, Option<Instant>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, log: &mut Log, installation: &Installation) -> Result<(), OpenError> {
        let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        log.began_at = Some(Instant::now());
        *self.running() = log.began_at;
        let _running = Running(self);
        let outcome = follower::apply_all(installation, &mut log.place).await;
        let shared = outcome.as_ref().copied().map_err(as_store_error);
        log.last = Some(Reading { number, outcome: shared });
        self.ended.store(number, Ordering::Release);
        outcome
    }
}

impl Log {
    /// What a reading has come to that answers whoever asked when so many had begun and ended: a success must have begun
    /// after the question, a failure need only have ended after it.
    fn answer(&self, begun: u64, ended: u64) -> Option<Result<(), StoreError>> {
        let last = self.last.as_ref()?;
        let counts = last.number > if last.outcome.is_ok() { begun } else { ended };
        counts.then(|| last.outcome.clone())
    }

    /// How long the next reading has to wait.
    fn pause(&self) -> Duration {
        let is_in_trouble = self.last.as_ref().is_some_and(|last| last.outcome.is_err());
        let apart = if is_in_trouble { APART_IN_TROUBLE } else { APART };
        self.began_at.map_or(Duration::ZERO, |began_at| apart.saturating_sub(began_at.elapsed()))
    }
}

fn as_store_error(error: &OpenError) -> StoreError {
    match error {
        OpenError::Store(error) => error.clone(),
        OpenError::WrongMasterKey | OpenError::SigningKey { .. } => StoreError::Corrupt(error.to_string()),
    }
}

impl Installation {
    /// Has the change log read soon, because what was seen says that there may be news.
    pub(crate) fn expect_news(&self) {
        self.changes().news.notify_one();
    }

    /// Waits until there may be news.
    pub(crate) async fn news(&self) {
        self.changes().news.notified().await;
    }

    /// Applies every change that has been written so far.
    pub(crate) async fn read_changes(&self) -> Result<(), OpenError> {
        let mut log = self.changes().log.lock().await;
        self.changes().read(&mut log, self).await
    }

    /// Applies every change that had been written when this was called. What is not known then is not there; what the
    /// store could not say is not called wrong.
    pub(crate) async fn catch_up(&self) -> Result<(), Error> {
        let changes = self.changes();
        if changes.running().is_some_and(|since| since.elapsed() >= PATIENCE) {
            return Err(StoreError::Unavailable("it is slow to say what has changed".to_owned()).into());
        }
        let ended = changes.ended.load(Ordering::Acquire);
        let begun = changes.begun.load(Ordering::Acquire);
        loop {
            let pause = {
                let mut log = changes.log.lock().await;
                if let Some(outcome) = log.answer(begun, ended) {
                    return Ok(outcome?);
                }
                let pause = log.pause();
                if pause.is_zero() {
                    return changes.read(&mut log, self).await.map_err(|error| as_store_error(&error).into());
                }
                pause
            };
            sleep(pause).await;
        }
    }

    /// Asks `judge` about the client `id`, as it is known here. A refusal counts only by what the store says now.
    pub(crate) async fn judge<T>(
        &self,
        id: ClientId,
        judge: impl Fn(Option<Arc<Registered>>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let registry = self.registry();
        let version = registry.version();
        let refusal = match judge(registry.client(id).await?) {
            Ok(good) => return Ok(good),
            Err(refusal) => refusal,
        };
        self.catch_up().await?;
        if registry.version() == version { Err(refusal) } else { judge(registry.client(id).await?) }
    }

    /// Verifies a token as one of `kind`. A refusal for what may have changed meanwhile counts only by what the store
    /// says now.
    pub(crate) async fn verify<'b>(
        &self,
        kind: TokenKind,
        token: &[u8],
        now: Timestamp,
        buffers: &'b mut TokenBuffers,
    ) -> Result<Claims<'b>, Error> {
        let TokenBuffers { first, second } = buffers;
        match self.verifier().verify(kind, token, now, first) {
            Err(Unverified::Refused(TokenError::Signature | TokenError::Revoked)) => {}
            outcome => return Ok(outcome?),
        }
        self.catch_up().await?;
        let second = second.insert(Box::new(PayloadBuffer::new()));
        Ok(self.verifier().verify(kind, token, now, second)?)
    }
}

/// Room for a token that may have to be verified twice.
pub(crate) struct TokenBuffers {
    first: PayloadBuffer,
    second: Option<Box<PayloadBuffer>>,
}

impl TokenBuffers {
    pub(crate) const fn new() -> Self {
        Self { first: PayloadBuffer::new(), second: None }
    }
}
