//! How an engine is doing: how long its operations take, and what waits for it.
//!
//! An engine counts by itself, in arrays of atomics, and whoever runs it reads them when somebody looks. What an operation did
//! can be watched besides, for traces.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use crate::StoreError;

/// Upper bounds of the buckets that durations are counted in, in microseconds.
pub const BOUNDS: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000];

/// What kind of work an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Reads what was asked for.
    Read,
    /// Changes something, and waits until that is committed.
    Write,
    /// Takes an idempotency key, or writes its answer with the effect.
    Idempotency,
    /// Reads the change log, as each server does several times a second.
    ChangeLog,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Idempotency, Self::ChangeLog];

    /// The name, as metrics have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Idempotency => "idempotency",
            Self::ChangeLog => "change_log",
        }
    }
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It did what it was for.
    Done,
    /// It failed.
    Failed,
    /// Whoever had asked went away.
    Abandoned,
}

/// An operation that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Observed {
    /// What it was.
    pub operation: Operation,
    /// How long it took, waiting included.
    pub took: Duration,
    /// How it ended.
    pub ended: Ended,
}

/// What is called with every operation that has ended, in the task that asked for it.
type Observer = dyn Fn(Observed) + Send + Sync;

/// What an engine has counted since it was opened.
#[derive(Default)]
pub struct Measures {
    operations: [Durations; Operation::ALL.len()],
    failed: [AtomicU64; Operation::ALL.len()],
    waits: Durations,
    observer: OnceLock<Box<Observer>>,
}

/// Durations by how long they were.
#[derive(Debug, Default)]
pub struct Durations {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Durations {
    /// How many were at most as long as each of [`BOUNDS`] and longer than the one before, and how many were longer than all.
    pub fn buckets(&self) -> [u64; BOUNDS.len() + 1] {
        std::array::from_fn(|place| self.buckets[place].load(Relaxed))
    }

    /// Their sum, in microseconds.
    pub fn micros(&self) -> u64 {
        self.micros.load(Relaxed)
    }

    /// Counts one more.
    pub fn note(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.buckets[BOUNDS.partition_point(|bound| *bound < micros)].fetch_add(1, Relaxed);
        self.micros.fetch_add(micros, Relaxed);
    }
}

impl Measures {
    /// How long operations of a kind took, from the call to its end.
    pub fn durations(&self, operation: Operation) -> &Durations {
        &self.operations[operation as usize]
    }

    /// How many operations of a kind have failed.
    pub fn failures(&self, operation: Operation) -> u64 {
        self.failed[operation as usize].load(Relaxed)
    }

    /// How long work waited for the thread that does it, or for a connection.
    pub fn waits(&self) -> &Durations {
        &self.waits
    }

    /// From now on `observer` is called with each operation that has ended, in the task that asked for it. Only the first one
    /// counts.
    pub fn observe(&self, observer: impl Fn(Observed) + Send + Sync + 'static) {
        let _ = self.observer.set(Box::new(observer));
    }

    /// Starts to measure an operation. One that is dropped before its end was abandoned by whoever had asked.
    pub fn start(&self, operation: Operation) -> Running<'_> {
        Running { measures: self, operation, since: Instant::now(), ended: Ended::Abandoned }
    }
}

/// An operation that is measured.
pub struct Running<'a> {
    measures: &'a Measures,
    operation: Operation,
    since: Instant,
    ended: Ended,
}

impl Running<'_> {
    /// Notes how it ended.
    pub fn end<T>(mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.ended = if result.is_ok() { Ended::Done } else { Ended::Failed };
        result
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Self { measures, operation, since, ended } = *self;
        let took = since.elapsed();
        measures.operations[operation as usize].note(took);
        if ended == Ended::Failed {
            measures.failed[operation as usize].fetch_add(1, Relaxed);
        }
        if let Some(observer) = measures.observer.get() {
            observer(Observed { operation, took, ended });
        }
    }
}

/// What waits for an engine at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued {
    /// What it waits for, as metrics name it.
    pub queue: &'static str,
    /// How much of it there is.
    pub waiting: usize,
    /// How much there may be; more is refused.
    pub limit: usize,
}

/// The connections to a database at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Open, and used by nobody.
    pub idle: usize,
    /// On loan, or being made.
    pub busy: usize,
    /// How many there may be.
    pub limit: usize,
}

/// How an engine is doing.
pub trait Measured: Send + Sync {
    /// What it has counted.
    fn measures(&self) -> &Measures;

    /// What waits for it now.
    fn queued(&self) -> Vec<Queued>;

    /// Its connections, if it is a database that is connected to.
    fn connections(&self) -> Option<Connections>;
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_duration_is_counted_where_it_belongs() {
        let durations = Durations::default();
        for micros in [0, 50, 51, 2_500_000, 2_500_001] {
            durations.note(Duration::from_micros(micros));
        }
        assert_eq!(durations.buckets(), [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(durations.micros(), 5_000_102);
    }

    #[test]
    fn an_operation_is_counted_however_it_ends() {
        let (measures, seen) = (Measures::default(), Arc::new(Mutex::new(Vec::new())));
        let noted = seen.clone();
        measures.observe(move |observed| noted.lock().unwrap().push((observed.operation, observed.ended)));
        measures.start(Operation::Write).end(Ok(())).unwrap();
        measures.start(Operation::Write).end(Err::<(), _>(StoreError::Overtaken)).unwrap_err();
        drop(measures.start(Operation::Read));
        let count = |operation| measures.durations(operation).buckets().iter().sum::<u64>();
        assert_eq!(Operation::ALL.map(count), [1, 2, 0, 0]);
        assert_eq!(Operation::ALL.map(|operation| measures.failures(operation)), [0, 1, 0, 0]);
        let (write, read) = (Operation::Write, Operation::Read);
        let expected = [(write, Ended::Done), (write, Ended::Failed), (read, Ended::Abandoned)];
        assert_eq!(*seen.lock().unwrap(), expected);
    }
}
