//! Tokens and credentials that stores give out for a time.

use std::future::Future;

use tokio::sync::Mutex;
use tollgate_core::Timestamp;

use super::{Reason, Refusal, Secret};

/// Something that is kept until its time is over. Whoever needs it while it is being obtained waits for that.
pub(super) struct Kept<T>(Mutex<Option<(T, Timestamp)>>);

impl<T: Clone> Kept<T> {
    pub(super) fn nothing() -> Self {
        Self(Mutex::new(None))
    }

    /// What is kept, or else what `obtain` brings.
    pub(super) async fn or(
        &self,
        now: Timestamp,
        obtain: impl Future<Output = Result<(T, Timestamp), Reason>>,
    ) -> Result<T, Reason> {
        let mut kept = self.0.lock().await;
        if let Some((value, until)) = &*kept
            && now < *until
        {
            return Ok(value.clone());
        }
        let (value, until) = obtain.await?;
        *kept = Some((value.clone(), until));
        Ok(value)
    }

    /// Reads once, and once more without what was kept where that is refused: it may have been revoked.
    pub(super) async fn reading<F>(&self, now: Timestamp, read: impl Fn() -> F) -> Result<Secret, Reason>
    where
        F: Future<Output = Result<Secret, Reason>>,
    {
        let was_kept = self.0.lock().await.as_ref().is_some_and(|(_, until)| now < *until);
        match read().await {
            Err(Reason::Refused { refusal: Refusal::Denied, .. }) if was_kept => {
                self.0.lock().await.take();
                read().await
            }
            result => result,
        }
    }
}
