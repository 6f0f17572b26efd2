//! The threads that read. In WAL mode they never wait for the writer, and it never waits for them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;
use tollgate_store::Measures;

use crate::queue::Queue;

/// A job that reads and answers its caller.
pub(crate) type Read = Box<dyn FnOnce(&Connection) + Send>;

/// Works until the queue is closed. Takes one job at a time, so that a long one does not hold up jobs that another thread
/// could do.
pub(crate) fn run(connection: &Connection, queue: &Queue<Read>, measures: &Measures) {
    let mut jobs = Vec::with_capacity(1);
    while queue.take(&mut jobs, 1, measures.waits()) {
        for job in jobs.drain(..) {
            // A panic is a bug in one job: its caller gets an error, and the thread goes on.
            let _ = catch_unwind(AssertUnwindSafe(|| job(connection)));
        }
    }
}
