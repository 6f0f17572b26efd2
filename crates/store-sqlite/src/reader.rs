//! The threads that read. In WAL mode they never wait for the writer, and it never waits for them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;
use tokio::sync::oneshot;
use tollgate_store::Measures;

use crate::error::failed;
use crate::job::{Answer, Reply, Work};
use crate::queue::Queue;

/// A job that reads and answers its caller.
pub(crate) struct Read {
    work: Work,
    reply: Reply,
}

impl Read {
    /// Makes a job, and the receiver at which its caller waits for the answer.
    pub(crate) fn new(work: Work) -> (Self, Answer) {
        let (reply, answer) = oneshot::channel();
        (Self { work, reply }, answer)
    }
}

/// Works until the queue is closed. Takes one job at a time, so that a long one does not hold up jobs that another thread
/// could do.
pub(crate) fn run(connection: &Connection, queue: &Queue<Read>, measures: &Measures) {
    let mut jobs = Vec::with_capacity(1);
    while queue.take(&mut jobs, 1, measures.waits()) {
        for Read { work, reply } in jobs.drain(..) {
            // A panic is a bug in one job: its caller gets an error, and the thread goes on.
            if let Ok(result) = catch_unwind(AssertUnwindSafe(|| work(connection))) {
                // The caller may have stopped waiting, which is not an error.
                let _ = reply.send(result.map_err(failed));
            }
        }
    }
}
