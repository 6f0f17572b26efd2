//! The signals that end a command which serves, and SIGHUP, which doesn't.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tollgate_commands::Failure;

use crate::supervisor;

/// The signals that a command which serves waits for. They no longer end the process by themselves.
pub(crate) struct Signals {
    /// How often the process was told to end.
    told_to_end: watch::Receiver<u32>,
    /// SIGHUP, which asks for a reload.
    hung_up: Signal,
}

/// Runs a command that serves, to its end. A second SIGTERM or SIGINT ends it at once, without waiting.
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
        // The task that counts has ended, so the runtime is ending.
        std::future::pending::<()>().await;
    }
}
