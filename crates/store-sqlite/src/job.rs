//! What callers have done by the threads that talk to SQLite. Its type is erased, so that the queues and the threads are compiled
//! once, and not once more for each type that is returned.

use std::any::Any;

use rusqlite::{Connection, Result};
use tokio::sync::oneshot;
use tollgate_store::StoreError;

/// What a caller wants to have done.
pub(crate) type Work = Box<dyn FnOnce(&Connection) -> Result<Value> + Send>;

/// What work returns.
pub(crate) type Value = Box<dyn Any + Send>;

/// Where the caller waits for what its work returns.
pub(crate) type Reply = oneshot::Sender<std::result::Result<Value, StoreError>>;

/// The caller's end of it.
pub(crate) type Answer = oneshot::Receiver<std::result::Result<Value, StoreError>>;

/// Erases the type that work returns.
pub(crate) fn untyped<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
) -> Work {
    Box::new(move |connection| Ok(Box::new(work(connection)?)))
}

/// Returns the value as the type that the work had before [`untyped`].
pub(crate) fn typed<T: 'static>(value: Value) -> T {
    *value.downcast().expect("a job answers with what its work returns")
}
