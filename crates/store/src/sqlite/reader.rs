//! The threads that read. In WAL mode they never wait for the writer, nor it for them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;

use super::queue::Queue;

/// Something to read; it answers its caller itself.
pub(super) type Read = Box<dyn FnOnce(&Connection) + Send>;

/// Works until the queue is closed. Jobs are taken one at a time, so that a long one holds up nothing that another
/// thread could do.
pub(super) fn run(connection: &Connection, queue: &Queue<Read>) {
    let mut jobs = Vec::with_capacity(1);
    while queue.take(&mut jobs, 1) {
        for job in jobs.drain(..) {
            // A panic is a bug in one job: its caller learns that it won't be answered, others find the thread alive.
            let _ = catch_unwind(AssertUnwindSafe(|| job(connection)));
        }
    }
}
