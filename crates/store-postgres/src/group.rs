//! Group commit: jobs that wait are sent together, as one transaction.
//!
//! Most of the cost of a statement doesn't come from its rows: it is parsed, planned, answered and committed. While all lanes are
//! busy, new jobs wait for the next transaction and share its cost. While a lane is free, no job waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;
use tollgate_store::StoreError;

use crate::column::never_written;
use crate::pool::QUEUE;

/// The most transactions of a kind that run at the same time.
const LANES: usize = 2;

/// The most jobs in one transaction, which bounds how long other jobs wait for it.
const BATCH: usize = 64;

/// Makes statements give up soon on a lock. A row that is locked for long must not hold up jobs that need other rows: each is then
/// sent by itself.
pub(crate) const IMPATIENT: &str = "SELECT set_config('lock_timeout', '50ms', true)";

/// A job that can be done together with others of its kind.
pub(crate) trait Job: Send + Sync + Sized + 'static {
    type Output: Send + 'static;
    /// The engine that the job runs on.
    type Engine: Send + Sync + 'static;

    /// Says whether the job may be in one transaction with the others.
    fn goes_with(&self, others: &[Self]) -> bool;

    /// Does all jobs in one transaction, and returns an output for each. An error concerns all of them. Unless a job is
    /// `alone`, the transaction fails soon if it would wait for a lock, so that the next jobs need not wait.
    fn run(
        jobs: &[Self],
        engine: &Self::Engine,
        deadline: Instant,
        alone: bool,
    ) -> impl Future<Output = Result<Vec<Self::Output>, StoreError>> + Send;
}

/// The waiting jobs of a kind, and their lanes.
pub(crate) struct Group<J: Job>(Mutex<State<J>>);

struct State<J: Job> {
    waiting: VecDeque<Waiting<J>>,
    busy: usize,
}

struct Waiting<J: Job> {
    job: J,
    deadline: Instant,
    reply: oneshot::Sender<Result<J::Output, StoreError>>,
}

impl<J: Job> Group<J> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { waiting: VecDeque::new(), busy: 0 })))
    }

    /// Does a job together with others that wait. The job is done even if the caller stops waiting.
    pub(crate) async fn run(
        self: &Arc<Self>,
        job: J,
        engine: &Arc<J::Engine>,
        deadline: Instant,
    ) -> Result<J::Output, StoreError> {
        let (reply, answer) = oneshot::channel();
        {
            let mut state = self.state();
            if state.waiting.len() >= QUEUE {
                return Err(StoreError::Unavailable("too many requests are waiting for it".to_owned()));
            }
            state.waiting.push_back(Waiting { job, deadline, reply });
            if state.busy < LANES {
                state.busy += 1;
                tokio::spawn(Arc::clone(self).work(Arc::clone(engine)));
            }
        }
        // The task has ended before it answered: with the runtime, or by a panic.
        let lost = |_| Err(StoreError::OutcomeUnknown("it failed inside".to_owned()));
        answer.await.unwrap_or_else(lost)
    }

    /// Returns how many jobs wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Works until no job waits.
    async fn work(self: Arc<Self>, engine: Arc<J::Engine>) {
        let mut lane = Lane { group: &self, free: false };
        while let Some((jobs, replies, deadline)) = lane.take() {
            match J::run(&jobs, &engine, deadline, false).await {
                Ok(outputs) => outputs.into_iter().zip(replies).for_each(|(output, reply)| {
                    // The caller may have stopped waiting, which is not an error.
                    let _ = reply.send(Ok(output));
                }),
                // Nothing was done. One of the jobs may be at fault, so each is sent by itself, outside the lanes.
                Err(StoreError::Unavailable(_)) if Instant::now() < deadline => {
                    for (job, reply) in jobs.into_iter().zip(replies) {
                        let engine = Arc::clone(&engine);
                        tokio::spawn(async move {
                            let outputs = J::run(&[job], &engine, deadline, true).await;
                            let output = outputs
                                .and_then(|outputs| outputs.into_iter().next().ok_or_else(never_written));
                            let _ = reply.send(output);
                        });
                    }
                }
                Err(error) => replies.into_iter().for_each(|reply| {
                    let _ = reply.send(Err(error.clone()));
                }),
            }
        }
    }

    /// Locks the state. Nothing panics while it holds the lock, so a poisoned lock is safe to use.
    fn state(&self) -> MutexGuard<'_, State<J>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A busy lane. It is free again when no job waits, or when its task panics.
struct Lane<'a, J: Job> {
    group: &'a Group<J>,
    free: bool,
}

impl<J: Job> Lane<'_, J> {
    /// Takes the jobs of the next transaction, and the deadline of the first. Returns `None` if no job waits: the lane is free then.
    #[expect(clippy::type_complexity, reason = "it is taken apart at once, in one place")]
    fn take(&mut self) -> Option<(Vec<J>, Vec<oneshot::Sender<Result<J::Output, StoreError>>>, Instant)> {
        let mut state = self.group.state();
        let Some(deadline) = state.waiting.front().map(|first| first.deadline) else {
            state.busy -= 1;
            self.free = true;
            return None;
        };
        let (mut jobs, mut replies, mut rest) = (Vec::new(), Vec::new(), VecDeque::new());
        while let Some(waiting) = state.waiting.pop_front() {
            if jobs.len() < BATCH && waiting.job.goes_with(&jobs) {
                jobs.push(waiting.job);
                replies.push(waiting.reply);
            } else {
                rest.push_back(waiting);
                if jobs.len() == BATCH {
                    break;
                }
            }
        }
        rest.append(&mut state.waiting);
        state.waiting = rest;
        Some((jobs, replies, deadline))
    }
}

impl<J: Job> Drop for Lane<'_, J> {
    fn drop(&mut self) {
        if !self.free {
            self.group.state().busy -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::Semaphore;

    use super::*;

    /// A test's engine, which writes down the jobs that were done together once it is allowed to.
    #[derive(Default)]
    pub(crate) struct Log {
        done: Mutex<Vec<Vec<u32>>>,
    }

    pub(crate) struct Engine {
        log: Log,
        gate: Semaphore,
    }

    /// A test's job: the number 13 is refused, and so is every job in its transaction.
    impl Job for u32 {
        type Output = u32;
        type Engine = Engine;

        fn goes_with(&self, others: &[Self]) -> bool {
            !others.contains(self)
        }

        async fn run(jobs: &[Self], engine: &Engine, _: Instant, _: bool) -> Result<Vec<u32>, StoreError> {
            engine.gate.acquire().await.unwrap().forget();
            engine.log.done.lock().unwrap().push(jobs.to_vec());
            if jobs.contains(&13) {
                return Err(StoreError::Unavailable("a row contradicts those that are there".to_owned()));
            }
            if jobs.contains(&99) {
                return Err(StoreError::OutcomeUnknown("the connection broke".to_owned()));
            }
            Ok(jobs.iter().map(|job| job * 2).collect())
        }
    }

    /// Returns the results of jobs of which the first two find the lanes free, and what was done together.
    async fn outcomes(jobs: &[u32]) -> (Vec<Result<u32, StoreError>>, Vec<Vec<u32>>) {
        let (group, engine) =
            (Group::new(), Arc::new(Engine { log: Log::default(), gate: Semaphore::new(0) }));
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut running = Vec::new();
        for job in jobs {
            let (group, engine, job) = (Arc::clone(&group), Arc::clone(&engine), *job);
            running.push(tokio::spawn(async move { group.run(job, &engine, deadline).await }));
            // The runtime has one thread: each task has come as far as it can.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        }
        engine.gate.add_permits(1000);
        let mut results = Vec::new();
        for running in running {
            results.push(running.await.unwrap());
        }
        let mut done = std::mem::take(&mut *engine.log.done.lock().unwrap());
        // The lanes are in no order.
        done.sort();
        (results, done)
    }

    #[tokio::test]
    async fn what_comes_while_the_lanes_are_busy_goes_together() {
        let (results, done) = outcomes(&[1, 2, 3, 4, 5]).await;
        let doubled: Vec<_> = results.into_iter().map(Result::unwrap).collect();
        assert_eq!(doubled, [2, 4, 6, 8, 10]);
        assert_eq!(done, [vec![1], vec![2], vec![3, 4, 5]]);
    }

    #[tokio::test]
    async fn what_can_t_go_with_the_others_goes_next_and_a_transaction_has_a_bound() {
        let mut jobs = vec![1, 2, 7, 7];
        jobs.extend(1000..1100);
        let (results, done) = outcomes(&jobs).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(done.iter().map(Vec::len).sum::<usize>(), jobs.len());
        assert_eq!(done[2].len(), BATCH);
        assert_eq!(done[2][..2], [7, 1000]);
        assert_eq!(done[3][0], 7);
    }

    #[tokio::test]
    async fn one_that_is_refused_takes_only_itself_back() {
        let (results, done) = outcomes(&[1, 2, 3, 13, 5]).await;
        assert!(matches!(results[3], Err(StoreError::Unavailable(_))));
        for (index, expected) in [(0, 2), (1, 4), (2, 6), (4, 10)] {
            assert_eq!(*results[index].as_ref().unwrap(), expected);
        }
        assert!(done.contains(&vec![3, 13, 5]), "{done:?}");
        assert_eq!(done.len(), 6);
    }

    #[tokio::test]
    async fn an_outcome_that_is_unknown_is_so_for_all_and_nothing_is_done_again() {
        let (results, done) = outcomes(&[1, 2, 3, 99, 5]).await;
        for index in [2, 3, 4] {
            assert!(matches!(results[index], Err(StoreError::OutcomeUnknown(_))), "{index}");
        }
        assert_eq!(done, [vec![1], vec![2], vec![3, 99, 5]]);
    }
}
