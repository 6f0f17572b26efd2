//! Tasks that run beside the requests. A task that panics would end silently, and with it something that the server
//! promises: so readiness reports it.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::installation::Installation;
use crate::panics::catch_panic;
use crate::readiness::Task;

/// Runs a task. If it panics, the server is not ready from then on, and says why.
pub fn spawn(
    task: Task,
    installation: Arc<Installation>,
    work: impl Future<Output = ()> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        if catch_panic(work).await.is_err() {
            // The panic hook has logged where.
            tracing::error!(task = task.as_str(), "a background task has panicked: restart the server");
            installation.task_panicked(task);
        }
    })
}
