//! How long keys and revocations count: by two clocks, and not at all without an answer from the authority.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tollgate_core::{Timestamp, VerifyingRing};
use tollgate_guard::{Freshness, Revocations, Verifier};

use crate::authority::Reading;
use crate::problem::Problem;

/// How long keys count while none can be read. A compromised key is withdrawn by a set without it.
const KEYS_LAST: Duration = Duration::from_secs(24 * 60 * 60);
/// How much later than `max-age` keys may be read again.
const KEYS_LATE: Duration = Duration::from_secs(30);
/// How often it is checked that time has passed by both clocks.
const CHECK_EVERY: Duration = Duration::from_secs(1);
const NEVER: Timestamp = Timestamp::from_millis(0);

/// What a guard does when it has not heard of the authority's revocations for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenCutOff {
    /// It refuses every request with 503: a token may have been revoked.
    #[default]
    Refuse,
    /// It goes on to admit tokens by the revocations that it knows, until it has read no keys for a day.
    Admit,
}

/// How a guard gets revocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revoking {
    /// It gets none: tokens are valid until they expire.
    Unknown,
    /// It asks for them. When the last answer is as old as this, it does what the second value says.
    Followed(Duration, WhenCutOff),
}

/// Keeps the data of a verifier, and determines until when it counts.
pub(crate) struct Keeper {
    verifier: Arc<Verifier>,
    revoking: Revoking,
    state: Mutex<State>,
    ready: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    keys: Option<Keys>,
    /// When the last answer with revocations was asked for.
    revocations: Option<Reading>,
    problems: [Option<Problem>; 2],
}

/// When keys were asked for, how long the authority lets them be kept, and whether an unknown key could not be asked for.
#[derive(Clone, Copy)]
struct Keys {
    read: Reading,
    kept: Duration,
    is_one_missed: bool,
}

/// The kind of data that is read from the authority.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject {
    Keys,
    Revocations,
}

impl Subject {
    const fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Revocations => "revocations",
        }
    }
}

impl Keeper {
    /// Makes a keeper for the data of `verifier`, which has none yet.
    pub(crate) fn new(verifier: Arc<Verifier>, revoking: Revoking) -> Self {
        verifier.set_freshness(Freshness { keys_until: NEVER, until: NEVER });
        Self { verifier, revoking, state: Mutex::default(), ready: watch::Sender::new(false) }
    }

    pub(crate) async fn ready(&self) {
        // It can't fail while `self` has the sender.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    pub(crate) fn problem(&self) -> Option<Problem> {
        self.state().problems.iter().flatten().next().cloned()
    }

    /// Takes keys that may be kept for this long; `None` if they are the same as before.
    pub(crate) fn keys(&self, ring: Option<VerifyingRing>, read: Reading, kept: Duration) {
        if let Some(ring) = ring {
            self.verifier.set_keyring(ring);
        }
        self.state().keys = Some(Keys { read, kept, is_one_missed: false });
        self.solved(Subject::Keys);
        self.renew();
    }

    /// Takes all revocations; `None` if they are the same as before.
    pub(crate) fn revocations(&self, known: Option<&Revocations>, asked: Reading) {
        if let Some(known) = known {
            self.verifier.set_revocations(known.clone());
        }
        self.state().revocations = Some(asked);
        self.solved(Subject::Revocations);
        self.renew();
    }

    /// Notes why something can't be read. If a token names an unknown key meanwhile, it can't be called wrong.
    pub(crate) fn failed(&self, subject: Subject, problem: &Problem, is_one_missed: bool) {
        let mut state = self.state();
        if let Some(keys) = &mut state.keys {
            keys.is_one_missed |= is_one_missed;
        }
        let before = state.problems[subject as usize].replace(problem.clone());
        drop(state);
        // Logged once, until the problem changes.
        if before.is_none_or(|before| before.to_string() != problem.to_string()) {
            tracing::warn!(%problem, "the {} of the authority can't be read", subject.name());
        }
        self.renew();
    }

    fn solved(&self, subject: Subject) {
        if self.state().problems[subject as usize].take().is_some() {
            tracing::info!("the {} of the authority can be read again", subject.name());
        }
    }

    /// Checks both clocks at intervals. If one of them goes back or stands still, nothing counts for longer because of that.
    pub(crate) async fn watch(&self) {
        loop {
            sleep(CHECK_EVERY).await;
            self.renew();
        }
    }

    fn renew(&self) {
        let state = self.state();
        let freshness = freshness(&state, self.revoking, Instant::now());
        self.verifier.set_freshness(freshness);
        drop(state);
        if freshness.until > NEVER {
            self.ready.send_if_modified(|ready| !std::mem::replace(ready, true));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics with the state locked")
    }
}

/// Returns until when the data counts. Data that was asked for at some time was true then.
fn freshness(state: &State, revoking: Revoking, now: Instant) -> Freshness {
    let Some(keys) = state.keys else { return Freshness { keys_until: NEVER, until: NEVER } };
    let keys_last = ends(keys.read, KEYS_LAST, now);
    let until = match (revoking, state.revocations) {
        (Revoking::Unknown, _) | (Revoking::Followed(_, WhenCutOff::Admit), Some(_)) => keys_last,
        (Revoking::Followed(..), None) => NEVER,
        (Revoking::Followed(bound, WhenCutOff::Refuse), Some(asked)) => {
            ends(asked, bound, now).min(keys_last)
        }
    };
    let keys_until =
        if keys.is_one_missed { NEVER } else { ends(keys.read, keys.kept.saturating_add(KEYS_LATE), now) };
    Freshness { keys_until, until }
}

/// Returns until when something from `since` counts by the wall clock; [`NEVER`] if its time is over by the monotonic clock.
fn ends(since: Reading, counts: Duration, now: Instant) -> Timestamp {
    if now.duration_since(since.at) < counts { since.wall.after(counts) } else { NEVER }
}
