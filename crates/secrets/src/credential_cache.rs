//! Caches of tokens and credentials that stores give out for a time, and of refused logins.

use std::future::Future;
use std::sync::{Mutex as SyncMutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Mutex;
use tollgate_core::Timestamp;

use crate::{Mark, Reading, Reason, Refusal};

/// Keeps a value until it expires. Callers that need it while it is being obtained wait for that.
pub(crate) struct CredentialCache<T>(Mutex<Option<(T, Timestamp)>>);

impl<T: Clone> CredentialCache<T> {
    pub(crate) fn empty() -> Self {
        Self(Mutex::new(None))
    }

    /// Returns the cached value, or else the one that `obtain` returns.
    pub(crate) async fn or(
        &self,
        now: Timestamp,
        obtain: impl Future<Output = Result<(T, Timestamp), Reason>>,
    ) -> Result<T, Reason> {
        let mut cached = self.0.lock().await;
        if let Some((value, until)) = &*cached
            && now < *until
        {
            return Ok(value.clone());
        }
        let (value, until) = obtain.await?;
        *cached = Some((value.clone(), until));
        Ok(value)
    }

    /// Calls `ask`, and once more without the cached value if that is refused, because the value may have been revoked.
    pub(crate) async fn asking<V, F>(&self, now: Timestamp, ask: impl Fn() -> F) -> Result<V, Reason>
    where
        F: Future<Output = Result<V, Reason>>,
    {
        let was_cached = self.0.lock().await.as_ref().is_some_and(|(_, until)| now < *until);
        match ask().await {
            Err(Reason::Refused { refusal: Refusal::Denied, .. }) if was_cached => {
                self.0.lock().await.take();
                ask().await
            }
            result => result,
        }
    }
}

/// Keeps a refused login from being tried again with the same credentials: some stores lock everybody out after a few
/// attempts.
#[derive(Default)]
pub(crate) struct Gate(SyncMutex<Option<Refused>>);

struct Refused {
    with: Mark,
    until: Reading,
    status: u16,
    code: Option<String>,
    advice: &'static str,
}

impl Gate {
    /// Returns the outcome of `log_in`, or the last refusal if it was for the same credentials and its pause has not passed. The
    /// pause depends on the status.
    pub(crate) async fn pass<T>(
        &self,
        with: Mark,
        now: Reading,
        pause: impl Fn(u16) -> Duration,
        log_in: impl Future<Output = Result<T, Reason>>,
    ) -> Result<T, Reason> {
        if let Some(refused) = &*self.refused()
            && refused.with == with
            && now.is_before(refused.until)
        {
            return Err(refused.reason());
        }
        let outcome = log_in.await;
        if let Err(Reason::Refused { refusal: Refusal::Denied, status, code, advice }) = &outcome {
            let until = now.after(pause(*status));
            let code = code.clone();
            *self.refused() = Some(Refused { with, until, status: *status, code, advice });
        }
        outcome
    }

    fn refused(&self) -> MutexGuard<'_, Option<Refused>> {
        self.0.lock().expect("nothing panics with the refusal locked")
    }
}

impl Refused {
    fn reason(&self) -> Reason {
        let (status, code, advice) = (self.status, self.code.clone(), self.advice);
        Reason::Refused { refusal: Refusal::Denied, status, code, advice }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Reading {
        let since = Duration::from_secs(seconds);
        Reading { monotonic: since, wall: since }
    }

    fn denied(status: u16) -> Reason {
        Reason::Refused { refusal: Refusal::Denied, status, code: Some("no".to_owned()), advice: "advice" }
    }

    /// Says whether the login is tried at this time with these credentials, and how it ends.
    async fn is_tried(
        gate: &Gate,
        with: u8,
        now: Reading,
        outcome: Result<(), Reason>,
    ) -> (bool, Option<String>) {
        let mut tried = false;
        let pause = |status| Duration::from_secs(u64::from(status));
        let log_in = async {
            tried = true;
            outcome
        };
        let said = gate.pass(Mark::complete(with), now, pause, log_in).await;
        (tried, said.err().map(|reason| reason.to_string()))
    }

    #[tokio::test]
    async fn a_refused_login_is_tried_again_with_something_else_or_when_its_pause_is_over() {
        let gate = Gate::default();
        let refusal = Some(denied(400).to_string());
        assert_eq!(is_tried(&gate, 1, at(0), Err(denied(400))).await, (true, refusal.clone()));
        assert_eq!(is_tried(&gate, 1, at(399), Ok(())).await, (false, refusal));
        assert_eq!(
            is_tried(&gate, 1, at(400), Err(denied(403))).await,
            (true, Some(denied(403).to_string()))
        );
        assert_eq!(is_tried(&gate, 2, at(401), Ok(())).await, (true, None));
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_at_once() {
        let gate = Gate::default();
        let unreachable = || Reason::Unreachable { host: "h".to_owned(), problem: "p".to_owned() };
        for _ in 0..3 {
            assert!(is_tried(&gate, 1, at(0), Err(unreachable())).await.0);
        }
    }
}
