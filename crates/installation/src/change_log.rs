//! Where the change log has been read to, and when it may be read again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, watch};
use tokio::time::Instant;
use tollgate_admin::OpenError;
use tollgate_store::{Position, StoreError};

/// How long at least lies between the beginnings of two readings for refusals.
const APART: Duration = Duration::from_millis(5);
/// How long after a reading that failed: a store in trouble is asked no more often than it is without refusals.
const APART_IN_TROUBLE: Duration = Duration::from_millis(250);
/// How old a reading may be for another caller to wait for it: a store that hangs must not hold ever more connections.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is known of the change log. One reading of it is under way at a time.
pub(crate) struct ChangeLog {
    log: Mutex<Log>,
    /// How many readings have begun, and how many have ended.
    begun: AtomicU64,
    ended: AtomicU64,
    /// Since when a reading is under way.
    running: std::sync::Mutex<Option<Instant>>,
    news: Notify,
    /// Tells whoever waits that changes were applied.
    applied: watch::Sender<()>,
}

/// Where the log has been read to, and how the last reading of it ended.
pub(crate) struct Log {
    pub(crate) place: Place,
    /// When the last reading began, also one that was broken off because whoever waited for it went away.
    began_at: Option<Instant>,
    last: Option<Outcome>,
}

/// Where the log has been read to.
pub(crate) struct Place {
    /// Behind the last change that was applied.
    pub(crate) position: Position,
    /// When everything was last loaded because the log did not go on from there.
    pub(crate) reloaded_at: Option<Instant>,
}

struct Outcome {
    number: u64,
    result: Result<(), StoreError>,
}

/// How many readings had begun and ended when somebody asked.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    begun: u64,
    ended: u64,
}

impl ChangeLog {
    /// A log that was not read yet.
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

    /// Has it read from a position on.
    pub(crate) async fn start_at(&self, position: Position) {
        self.log.lock().await.place.position = position;
    }

    /// Has it read soon, because what was seen says that there may be news.
    pub(crate) fn expect_news(&self) {
        self.news.notify_one();
    }

    /// Waits until there may be news.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// Notes that changes were read and count from now on.
    pub(crate) fn apply(&self) {
        self.applied.send_replace(());
    }

    /// Sees each time that changes are applied.
    pub(crate) fn applied(&self) -> watch::Receiver<()> {
        self.applied.subscribe()
    }

    /// Waits for the reading that is under way.
    pub(crate) async fn lock(&self) -> tokio::sync::MutexGuard<'_, Log> {
        self.log.lock().await
    }

    /// Notes that somebody wants to know what was written so far; an error if readings take too long to wait for one.
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

    /// Nothing panics while it holds the lock, so a poisoned one is as good as any.
    fn running(&self) -> MutexGuard<'_, Option<Instant>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reading that is under way, until it has ended or was broken off.
pub(crate) struct Reading<'a> {
    of: &'a ChangeLog,
    number: u64,
}

impl Reading<'_> {
    /// Notes how it ended.
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
    /// The outcome that answers whoever asked: a success must have begun after the question, a failure need only have
    /// ended after it.
    pub(crate) fn answer(&self, asked: Asked) -> Option<Result<(), StoreError>> {
        let last = self.last.as_ref()?;
        let counts = last.number > if last.result.is_ok() { asked.begun } else { asked.ended };
        counts.then(|| last.result.clone())
    }

    /// How long the next reading has to wait.
    pub(crate) fn pause(&self) -> Duration {
        let is_in_trouble = self.last.as_ref().is_some_and(|last| last.result.is_err());
        let apart = if is_in_trouble { APART_IN_TROUBLE } else { APART };
        self.began_at.map_or(Duration::ZERO, |began_at| apart.saturating_sub(began_at.elapsed()))
    }
}

/// What whoever waited for a reading is told of its failure.
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
