//! The task that renews the token. It never ends by itself, whatever the source does.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;
use tracing::Instrument;

use crate::cached::shared::{Held, Shared};
use crate::telemetry::{self, Change, State};
use crate::{Authorization, Fault, ObtainError, Reading, Token};

/// The longest sleep of the task. A timer does not notice that the machine was suspended or a clock was set.
const LONGEST_SLEEP: Duration = Duration::from_secs(15);
/// How often the credentials are checked for a change while the client is refused.
const LOOK: Duration = Duration::from_secs(1);
/// The time limit of an attempt. A source has its own, shorter limits for each of its calls.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(30);

/// Renews until the task is aborted.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut told = State::Waiting;
    // An earlier task may have ended during a call, with its runtime.
    shared.schedule().end();
    let mut looked = Duration::ZERO;
    loop {
        let now = shared.clock.now();
        shared.report(now);
        shared.tell(&mut told);
        let due = shared.schedule().due(now);
        if due.is_zero() {
            shared.renew(now).await;
            continue;
        }
        let longest = if shared.schedule().is_refused() { LOOK } else { LONGEST_SLEEP };
        // The loop checks again in either case.
        _ = timeout(due.min(longest), shared.wake.notified()).await;
        shared.look(&mut looked).await;
    }
}

impl Shared {
    async fn renew(&self, began: Reading) {
        let trigger = self.schedule().begin(began);
        let span = tracing::debug_span!("renew_token", trigger = trigger.label());
        let obtained = self.attempt().instrument(span).await;
        let now = self.clock.now();
        let outcome = obtained.and_then(|token| self.take(&token, now)).map_err(Arc::new);
        if let Err(error) = &outcome {
            self.schedule().fail(error.clone(), now);
        }
        let took = now.monotonic.saturating_sub(began.monotonic);
        telemetry::renewed(trigger.label(), outcome.err().as_deref(), took);
        self.attempted.send_replace(());
    }

    /// Replaces the current token.
    fn take(&self, token: &Token, now: Reading) -> Result<(), ObtainError> {
        let mut schedule = self.schedule();
        let (generation, usable_until) = schedule.succeed(token, now)?;
        let authorization = Authorization::new(token, generation);
        // Stored while the schedule is locked: a thread that sees the generation there finds the token here.
        let accepted = AtomicBool::new(false);
        self.held.store(Some(Arc::new(Held { authorization, usable_until, accepted })));
        Ok(())
    }

    /// Asks the source once. A panic counts as a failure.
    async fn attempt(&self) -> Result<Token, ObtainError> {
        let obtaining = pin!(async { self.source.obtain(&*self.clock).await });
        let caught = guarded(obtaining, || Err(Fault::Panicked.into()));
        timeout(LONGEST_ATTEMPT, caught).await.unwrap_or(Err(Fault::Timeout.into()))
    }

    /// Checks, while the client is refused, whether its credentials have changed.
    async fn look(&self, looked: &mut Duration) {
        let began = self.clock.now().monotonic;
        // Callers that wake the task do not make it check more often.
        if !self.schedule().is_refused() || began < looked.saturating_add(LOOK) {
            return;
        }
        *looked = began;
        let looking = pin!(async { self.source.has_changed(&*self.clock).await });
        if timeout(LONGEST_ATTEMPT, guarded(looking, || false)).await.unwrap_or(false) {
            self.schedule().reconsider(self.clock.now());
        }
    }

    fn report(&self, now: Reading) {
        let (age, failures) = {
            let schedule = self.schedule();
            (schedule.age(now), schedule.failing().map_or(0, |(_, failures)| failures))
        };
        telemetry::report(age, self.usable_for(now), failures);
    }

    /// Reports a change of state, once.
    fn tell(&self, told: &mut State) {
        let state = self.state();
        if state == *told {
            return;
        }
        *told = state;
        let change = Change { state, error: self.schedule().failing().map(|(error, _)| error.clone()) };
        change.log();
        if let Some(observer) = &self.settings.observer {
            // Renewing goes on when the observer panics.
            _ = catch_unwind(AssertUnwindSafe(|| observer(&change)));
        }
    }
}

/// Returns the output of a future of the source, or `broken` if it panics.
async fn guarded<T>(mut future: Pin<&mut impl Future<Output = T>>, broken: impl Fn() -> T) -> T {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll,
        Err(_) => Poll::Ready(broken()),
    })
    .await
}
