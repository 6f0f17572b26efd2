//! How an engine is doing: how long its operations take, and how many are waiting.
//!
//! An engine counts in arrays of atomics, which the program that runs it reads when it reports metrics. An observer can also
//! be told of every operation, for traces.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use crate::StoreError;

/// Upper bounds of the buckets that durations are counted in, in microseconds.
pub const BOUNDS: [u64; 12] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000];

/// The kind of work that an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Reads data.
    Read,
    /// Changes something, and waits until that is committed.
    Write,
    /// Takes an idempotency key, or writes its answer with the effect.
    Idempotency,
    /// Reads the change log, as each server does several times a second.
    ChangeLog,
}

impl Operation {
    /// Every kind of operation.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Idempotency, Self::ChangeLog];

    /// Returns the name that metrics use.
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
    /// It did its work.
    Done,
    /// It returned an error.
    Failed,
    /// The caller stopped waiting for it.
    Abandoned,
}

/// An operation that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Observed {
    /// The kind of operation.
    pub operation: Operation,
    /// How long it took, including waiting.
    pub took: Duration,
    /// How it ended.
    pub ended: Ended,
}

/// A function that is called with every operation that has ended, in the task that asked for it.
type Observer = dyn Fn(Observed) + Send + Sync;

/// What an engine has counted since it was opened.
#[derive(Default)]
pub struct Measures {
    operations: [Durations; Operation::ALL.len()],
    failed: [AtomicU64; Operation::ALL.len()],
    waits: Durations,
    observer: OnceLock<Box<Observer>>,
}

/// A histogram of durations.
#[derive(Debug, Default)]
pub struct Durations {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Durations {
    /// Returns how many durations fall into each bucket: at most [`BOUNDS`]`[i]` and longer than the bound before; the last counts the
    /// ones that are longer than every bound.
    pub fn buckets(&self) -> [u64; BOUNDS.len() + 1] {
        std::array::from_fn(|place| self.buckets[place].load(Relaxed))
    }

    /// Returns the sum of the durations, in microseconds.
    pub fn micros(&self) -> u64 {
        self.micros.load(Relaxed)
    }

    /// Counts a duration.
    pub fn note(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.buckets[BOUNDS.partition_point(|bound| *bound < micros)].fetch_add(1, Relaxed);
        self.micros.fetch_add(micros, Relaxed);
    }
}

impl Measures {
    /// Returns how long operations of a kind took, from the call to its end.
    pub fn durations(&self, operation: Operation) -> &Durations {
        &self.operations[operation as usize]
    }

    /// Returns how many operations of a kind have failed.
    pub fn failures(&self, operation: Operation) -> u64 {
        self.failed[operation as usize].load(Relaxed)
    }

    /// Returns how long work waited for the thread that does it, or for a connection.
    pub fn waits(&self) -> &Durations {
        &self.waits
    }

    /// Calls `observer` from now on with each operation that has ended, in the task that asked for it. Only the first call of
    /// this method has an effect.
    pub fn observe(&self, observer: impl Fn(Observed) + Send + Sync + 'static) {
        let _ = self.observer.set(Box::new(observer));
    }

    /// Starts to measure an operation. If it is dropped before its end, its caller has abandoned it.
    pub fn start(&self, operation: Operation) -> Running<'_> {
        Running { measures: self, operation, since: Instant::now(), ended: Ended::Abandoned }
    }
}

/// An operation that is being measured.
pub struct Running<'a> {
    measures: &'a Measures,
    operation: Operation,
    since: Instant,
    ended: Ended,
}

impl Running<'_> {
    /// Notes how the operation ended, and returns the result.
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

/// The work that is waiting in a queue of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queued {
    /// The name of the queue in metrics.
    pub queue: &'static str,
    /// How many operations are waiting.
    pub waiting: usize,
    /// How many operations may wait; more are refused.
    pub limit: usize,
}

/// The connections to a database, counted by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Open connections that nobody uses.
    pub idle: usize,
    /// Connections that are in use or being opened.
    pub busy: usize,
    /// How many connections there may be.
    pub limit: usize,
}

/// The measurements of an engine.
pub trait Measured: Send + Sync {
    /// Returns what the engine has counted.
    fn measures(&self) -> &Measures;

    /// Returns the work that is waiting now, by queue.
    fn queued(&self) -> Vec<Queued>;

    /// Returns the connections to the database; `None` for an embedded engine.
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
