//! The jobs that callers hand to the threads that talk to SQLite. A job's type is erased, so that the queues and the threads are compiled
//! once, and not once for each type of result.

use std::any::Any;

use rusqlite::{Connection, Result};
use tokio::sync::oneshot;
use tollgate_store::StoreError;

/// The work that a caller hands over.
pub(crate) type Work = Box<dyn FnOnce(&Connection) -> Result<Value> + Send>;

/// The result of work, with its type erased.
pub(crate) type Value = Box<dyn Any + Send>;

/// The end through which the result of work is sent to the caller.
pub(crate) type Reply = oneshot::Sender<std::result::Result<Value, StoreError>>;

/// The end at which the caller waits for the result of its work.
pub(crate) type Answer = oneshot::Receiver<std::result::Result<Value, StoreError>>;

/// Erases the type of the work's result.
pub(crate) fn untyped<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
) -> Work {
    Box::new(move |connection| Ok(Box::new(work(connection)?)))
}

/// Returns the value as the type that the work had before it was passed to [`untyped`].
pub(crate) fn typed<T: 'static>(value: Value) -> T {
    *value.downcast().expect("a job answers with what its work returns")
}
