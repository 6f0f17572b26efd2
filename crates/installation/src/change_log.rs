//! The state of reading the change log: how far it has been read, and when it may be read again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, watch};
use tokio::time::Instant;
use tollgate_admin::OpenError;
use tollgate_store::{Position, StoreError};

/// The shortest time between the beginnings of two readings for refusals.
const APART: Duration = Duration::from_millis(5);
/// The same after a failed reading: a store with problems is asked no more often than it is without refusals.
const APART_IN_TROUBLE: Duration = Duration::from_millis(250);
/// How old a reading may be for another caller to wait for it: a store that hangs must not hold more and more connections.
const PATIENCE: Duration = Duration::from_secs(1);

/// The state of reading the change log. Only one reading takes place at a time.
pub(crate) struct ChangeLog {
    log: Mutex<Log>,
    /// How many readings have begun, and how many have ended.
    begun: AtomicU64,
    ended: AtomicU64,
    /// When the present reading began; `None` if there is none.
    running: std::sync::Mutex<Option<Instant>>,
    news: Notify,
    /// Notifies receivers that changes were applied.
    applied: watch::Sender<()>,
}

/// How far the log has been read, and how the last reading ended.
pub(crate) struct Log {
    pub(crate) place: Place,
    /// When the last reading began, even if it was aborted because its caller stopped waiting.
    began_at: Option<Instant>,
    last: Option<Outcome>,
}

/// The place up to which the log has been read.
pub(crate) struct Place {
    /// The position behind the last change that was applied.
    pub(crate) position: Position,
    /// When everything was last reloaded because the log did not go on from there.
    pub(crate) reloaded_at: Option<Instant>,
}

struct Outcome {
    number: u64,
    result: Result<(), StoreError>,
}

/// How many readings had begun and ended at the time of a question.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    begun: u64,
    ended: u64,
}

impl ChangeLog {
    /// Makes the state for a log that has not been read yet.
    pub(crate) fn new() -> Self {
        let place = Place { position: Position::START, reloaded_at: None };
        Self {
            log: Mutex::new(Log { place, began_at: None, last: None }),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            running: std::sync::Mutex::default(),
            news: Notify::new(),
            applied: watch::Sender::new(()),
        }
    }

    /// Sets the position from which the log is read.
    pub(crate) async fn start_at(&self, position: Position) {
        self.log.lock().await.place.position = position;
    }

    /// Makes the log be read soon, because there may be new changes.
    pub(crate) fn expect_news(&self) {
        self.news.notify_one();
    }

    /// Waits until there may be new changes.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// Notifies receivers that changes were applied.
    pub(crate) fn apply(&self) {
        self.applied.send_replace(());
    }

    /// Returns a receiver that is notified each time that changes are applied.
    pub(crate) fn applied(&self) -> watch::Receiver<()> {
        self.applied.subscribe()
    }

    /// Waits for the present reading to end.
    pub(crate) async fn lock(&self) -> tokio::sync::MutexGuard<'_, Log> {
        self.log.lock().await
    }

    /// Notes that a caller needs all changes that were written so far; fails if the present reading has already taken too long to wait
    /// for the next one.
    pub(crate) fn ask(&self) -> Result<Asked, StoreError> {
        if self.running().is_some_and(|since| since.elapsed() >= PATIENCE) {
            return Err(StoreError::Unavailable("it is slow to say what has changed".to_owned()));
        }
        let ended = self.ended.load(Ordering::Acquire);
        let begun = self.begun.load(Ordering::Acquire);
        Ok(Asked { begun, ended })
    }

    /// Notes that a reading begins.
    pub(crate) fn begin(&self, log: &mut Log) -> Reading<'_> {
        let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        log.began_at = Some(Instant::now());
        *self.running() = log.began_at;
        Reading { of: self, number }
    }

    /// Locks the time. Nothing panics while it holds the lock, so a poisoned lock is safe to use.
    fn running(&self) -> MutexGuard<'_, Option<Instant>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reading, until it has ended or was aborted.
pub(crate) struct Reading<'a> {
    of: &'a ChangeLog,
    number: u64,
}

impl Reading<'_> {
    /// Notes how the reading ended.
    pub(crate) fn end(self, log: &mut Log, outcome: &Result<(), OpenError>) {
        let result = outcome.as_ref().copied().map_err(as_store_error);
        log.last = Some(Outcome { number: self.number, result });
        self.of.ended.store(self.number, Ordering::Release);
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        *self.of.running() = None;
    }
}

impl Log {
    /// Returns the outcome that answers a caller: a success must have begun after the question, a failure need only have
    /// ended after it.
    pub(crate) fn answer(&self, asked: Asked) -> Option<Result<(), StoreError>> {
        let last = self.last.as_ref()?;
        let counts = last.number > if last.result.is_ok() { asked.begun } else { asked.ended };
        counts.then(|| last.result.clone())
    }

    /// Returns how long the next reading must wait.
    pub(crate) fn pause(&self) -> Duration {
        let is_in_trouble = self.last.as_ref().is_some_and(|last| last.result.is_err());
        let apart = if is_in_trouble { APART_IN_TROUBLE } else { APART };
        self.began_at.map_or(Duration::ZERO, |began_at| apart.saturating_sub(began_at.elapsed()))
    }
}

/// Returns the error that a caller who waited for a failed reading gets.
pub(crate) fn as_store_error(error: &OpenError) -> StoreError {
    match error {
        OpenError::Store(error) => error.clone(),
        OpenError::NotInstalled
        | OpenError::WrongMasterKey
        | OpenError::SealedAnew
        | OpenError::SecretsKey
        | OpenError::TrailKey
        | OpenError::SigningKey { .. }
        | OpenError::NewKey(_) => StoreError::Corrupt(error.to_string()),
    }
}
