//! What ends a command that serves, and what does not.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tollgate_commands::Failure;

use crate::supervisor;

/// Signals that a command which serves waits for. From now on they do not end the process by themselves.
pub(crate) struct Signals {
    /// How often it was told to end.
    told_to_end: watch::Receiver<u32>,
    /// SIGHUP: to read anew what it was started with.
    hung_up: Signal,
}

/// Runs a command that serves, to its end. The second SIGTERM or SIGINT ends it at once: whoever sends two does not want to wait.
pub(crate) async fn serving<F>(command: impl FnOnce(Signals) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let signals = Signals::listen()?;
    let at_once = times(signals.told_to_end.clone(), 2);
    tokio::select! {
        result = command(signals) => result,
        never = supervisor::watchdog() => match never {},
        () = at_once => Err(Failure::new("ended at once by a second signal; what was in progress was cut off")),
    }
}

impl Signals {
    /// Waits for SIGTERM, SIGINT and SIGHUP from now on.
    fn listen() -> Result<Self, Failure> {
        let failed = |error| Failure::new(format!("signals can't be waited for: {error}"));
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let hung_up = signal(SignalKind::hangup()).map_err(failed)?;
        let (count, told_to_end) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    () = count.closed() => return,
                }
                count.send_modify(|count| *count += 1);
            }
        });
        Ok(Self { told_to_end, hung_up })
    }

    /// Completes when the process is told to end: by SIGTERM or SIGINT.
    pub(crate) fn end(&self) -> impl Future<Output = ()> + Send + use<> {
        supervisor::stopping(times(self.told_to_end.clone(), 1))
    }

    /// Waits for the next SIGHUP.
    pub(crate) async fn hung_up(&mut self) {
        if self.hung_up.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

async fn times(mut told_to_end: watch::Receiver<u32>, times: u32) {
    if told_to_end.wait_for(|count| *count >= times).await.is_err() {
        // Nobody counts any more: the runtime ends.
        std::future::pending::<()>().await;
    }
}
