//! A cache of answers about tokens, for half a second, with only one open question about each token.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::authority::Reading;
use crate::problem::Problem;
use tollgate_guard::{Denial, Introspected};

/// How long an answer counts, from when the question was sent: its content was true then or later. The authority itself learns
/// of a revocation by another of its servers within a quarter of a second.
const COUNTS: Duration = Duration::from_millis(500);
/// How many answers are kept, about valid and invalid tokens.
const MOST_ANSWERS: usize = 4096;
/// How many questions may be open at once. Made-up tokens can't cause more.
const MOST_QUESTIONS: usize = 256;
/// How long a request waits, including for questions of other requests.
const PATIENCE: Duration = Duration::from_secs(5);

/// The answers that are known, and the open questions.
pub(super) struct Answers {
    runtime: Handle,
    tokens: Arc<Mutex<Tokens>>,
}

#[derive(Default)]
struct Tokens {
    known: HashMap<Key, State>,
    open: usize,
    problem: Option<String>,
}

enum State {
    Asked(watch::Receiver<Progress>),
    /// The answer, and until when it counts.
    Known(Arc<Introspected>, Instant),
}

/// The state of a question.
#[derive(Clone)]
enum Progress {
    Open,
    /// The answer, and when the question was sent.
    Answered(Arc<Introspected>, Instant),
    Failed,
}

/// The result of [`Answers::find`].
pub(super) enum Found {
    /// The authority's answer is known.
    Known(Arc<Introspected>),
    /// The question is open.
    Asked(Awaited),
    /// Too many questions are open.
    Refused,
}

/// An answer that a request waits for.
pub(super) struct Awaited {
    progress: watch::Receiver<Progress>,
    pub(super) came: Instant,
}

impl Awaited {
    /// Waits for the answer. However long it took, it counts for a request that had come when the question was sent; for
    /// other requests `None` means that it is too old.
    pub(super) async fn come(&mut self) -> Result<Option<Arc<Introspected>>, Denial> {
        let come = self.progress.wait_for(|progress| !matches!(progress, Progress::Open));
        let come = timeout_at(self.came + PATIENCE, come).await;
        match come.map(|come| come.map(|progress| progress.clone())) {
            Ok(Ok(Progress::Answered(introspected, asked)))
                if self.came <= asked || Instant::now() < asked + COUNTS =>
            {
                Ok(Some(introspected))
            }
            Ok(Ok(Progress::Answered(..))) => Ok(None),
            Ok(Ok(Progress::Open | Progress::Failed) | Err(_)) | Err(_) => Err(Denial::Stale),
        }
    }
}

impl Answers {
    /// Makes an empty cache, which asks on tasks of `runtime`.
    pub(super) fn new(runtime: Handle) -> Self {
        Self { runtime, tokens: Arc::default() }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.tokens).known.len()
    }

    /// Finds the answer about a token for a request that came at this time. If there is none and none is awaited, `question`
    /// is asked, which goes on even if the request is dropped.
    pub(super) fn find<Q>(&self, token: &[u8], came: Instant, question: impl FnOnce() -> Q) -> Found
    where
        Q: Future<Output = Result<(Introspected, Reading), Problem>> + Send + 'static,
    {
        let now = Instant::now();
        let mut tokens = lock(&self.tokens);
        match tokens.known.get(token) {
            Some(State::Known(introspected, counts_until)) if now < *counts_until => {
                return Found::Known(introspected.clone());
            }
            Some(State::Asked(progress)) => {
                return Found::Asked(Awaited { progress: progress.clone(), came });
            }
            Some(State::Known(..)) | None => {}
        }
        if tokens.open >= MOST_QUESTIONS {
            return Found::Refused;
        }
        tokens.make_room(now);
        tokens.open += 1;
        let token = Key(Zeroizing::new(token.into()));
        let (answered, progress) = watch::channel(Progress::Open);
        tokens.known.insert(token.clone(), State::Asked(progress.clone()));
        let open = Open { tokens: self.tokens.clone(), token, answered };
        let question = question();
        self.runtime.spawn(async move { open.close(question.await) });
        Found::Asked(Awaited { progress, came })
    }
}

/// A token, which is wiped when its answer is dropped.
#[derive(Clone, PartialEq, Eq)]
struct Key(Zeroizing<Box<[u8]>>);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0[..].hash(state);
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Tokens {
    /// Drops the answers that no longer count, or all answers if that is not enough: they can be asked for again.
    fn make_room(&mut self, now: Instant) {
        if self.known.len() < MOST_ANSWERS {
            return;
        }
        self.known.retain(|_, state| !matches!(state, State::Known(_, until) if *until <= now));
        if self.known.len() >= MOST_ANSWERS {
            self.known.retain(|_, state| matches!(state, State::Asked(_)));
        }
    }
}

/// An open question.
struct Open {
    tokens: Arc<Mutex<Tokens>>,
    token: Key,
    answered: watch::Sender<Progress>,
}

impl Open {
    /// Keeps the answer, and passes it to the requests that wait for it. A question that failed is asked again by the next request.
    fn close(self, outcome: Result<(Introspected, Reading), Problem>) {
        let mut tokens = lock(&self.tokens);
        match outcome {
            Ok((introspected, asked)) => {
                let introspected = Arc::new(introspected);
                let known = State::Known(introspected.clone(), asked.at + COUNTS);
                tokens.known.insert(self.token.clone(), known);
                if tokens.problem.take().is_some() {
                    tracing::info!("the authority answers questions about tokens again");
                }
                self.answered.send_replace(Progress::Answered(introspected, asked.at));
            }
            Err(problem) => {
                let text = problem.to_string();
                if tokens.problem.as_ref() != Some(&text) {
                    tracing::warn!(%problem, "the authority answers no questions about tokens");
                    tokens.problem = Some(text);
                }
                self.answered.send_replace(Progress::Failed);
            }
        }
    }
}

impl Drop for Open {
    /// Closes the question, even if it panicked or its runtime ended, so that no request waits for it any more.
    fn drop(&mut self) {
        let mut tokens = lock(&self.tokens);
        tokens.open -= 1;
        if matches!(tokens.known.get(&self.token), Some(State::Asked(_))) {
            tokens.known.remove(&self.token);
        }
    }
}

fn lock(tokens: &Mutex<Tokens>) -> MutexGuard<'_, Tokens> {
    tokens.lock().expect("nothing panics with the tokens locked")
}
