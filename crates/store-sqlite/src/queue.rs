//! A bounded queue between the tasks that ask and the threads that talk to SQLite.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tollgate_store::{Durations, StoreError};

/// A queue of jobs that wait for a thread. A caller never waits for room: a full queue refuses the job, so that overload is answered at
/// once instead of growing.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    capacity: usize,
}

struct State<T> {
    /// The jobs, each with the time at which it came.
    waiting: VecDeque<(Instant, T)>,
    closed: bool,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State { waiting: VecDeque::new(), closed: false };
        Self { state: Mutex::new(state), arrived: Condvar::new(), capacity }
    }

    /// Adds a job, unless the queue is full.
    pub(crate) fn push(&self, job: T) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.waiting.len() >= self.capacity {
            return Err(StoreError::Unavailable("too many requests are waiting for it".to_owned()));
        }
        state.waiting.push_back((Instant::now(), job));
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for a job, then moves it and those behind it, at most `most` in all, to `jobs`, and notes how long each waited. Returns
    /// `false` once the queue is closed and empty.
    pub(crate) fn take(&self, jobs: &mut Vec<T>, most: usize, waits: &Durations) -> bool {
        let mut state = self
            .arrived
            .wait_while(self.state(), |state| state.waiting.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let count = state.waiting.len().min(most);
        let now = Instant::now();
        jobs.extend(state.waiting.drain(..count).map(|(since, job)| {
            waits.note(now.saturating_duration_since(since));
            job
        }));
        count > 0
    }

    /// Returns how many jobs wait, and how many may.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.state().waiting.len(), self.capacity)
    }

    /// Closes the queue: its threads end once no job waits any more.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_all();
    }

    /// Locks the state. Nothing panics while it holds the lock, so a poisoned lock is safe to use.
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_at_once() {
        let queue = Queue::new(2);
        queue.push(1).unwrap();
        queue.push(2).unwrap();
        assert!(matches!(queue.push(3), Err(StoreError::Unavailable(_))));
    }

    #[test]
    fn a_closed_queue_is_emptied_first() {
        let queue = Queue::new(9);
        for job in 0..5 {
            queue.push(job).unwrap();
        }
        queue.close();
        let (mut jobs, waits) = (Vec::new(), Durations::default());
        assert!(queue.take(&mut jobs, 3, &waits));
        assert_eq!(jobs, [0, 1, 2]);
        assert_eq!(queue.waiting(), (2, 9));
        assert!(queue.take(&mut jobs, 3, &waits));
        assert!(!queue.take(&mut jobs, 3, &waits));
        assert_eq!(jobs, [0, 1, 2, 3, 4]);
        assert_eq!(waits.buckets().iter().sum::<u64>(), 5);
    }
}
