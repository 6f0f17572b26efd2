//! Decides when a token call is due. The code has no side effects: the time is an argument, and nothing here waits.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use crate::{Fault, Generation, ObtainError, Reading, Settings, Token, Unavailable};

/// The shortest lifetime of a token that can be used and renewed in time.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(2);
/// How long before its expiry a token is no longer used: the authority counts whole seconds, and a request takes time.
const MARGIN: Duration = Duration::from_secs(2);
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
const FIRST_PROBE: Duration = Duration::from_secs(30);
const LONGEST_PROBE: Duration = Duration::from_secs(300);
/// The longest pause that is honoured. A longer one is a mistake, such as a maintenance page's pause of an hour.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);
/// How young a token must be for a refusal not to be caused by its age.
const FRESH: Duration = Duration::from_secs(5);
/// The pause between token calls after the first refusal of a fresh token. Servers that share a store may differ for 250 ms
/// about which keys are valid; less a quarter by chance, this is longer.
const FIRST_FRESH_PAUSE: Duration = Duration::from_millis(400);
/// The longest pause between token calls while all fresh tokens are refused: another one won't help.
const LONGEST_FRESH_PAUSE: Duration = Duration::from_secs(30);
/// How often the pause is doubled at most while some tokens are accepted: another one does help.
const MOST_REFUSALS_WHILE_ACCEPTED: u32 = 3;

/// Decides when to call the authority, from the outcomes so far.
pub(crate) struct Schedule {
    lead: Duration,
    jitter: Duration,
    rng: StdRng,
    generation: Generation,
    current: Option<Current>,
    /// When the last call began. All times here that are not readings are of the monotonic clock.
    begun: Duration,
    calling: bool,
    not_before: Duration,
    forced: Option<Duration>,
    fresh_refusals: u32,
    fresh_pause: Duration,
    failing: Option<Failing>,
}

struct Current {
    obtained: Duration,
    renew: Reading,
    usable_until: Reading,
    refused: bool,
}

struct Failing {
    error: Arc<ObtainError>,
    failures: u32,
    refusals: u32,
    unusable_since: Option<Duration>,
}

/// The reason for a token call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// There is no token yet.
    Cold,
    /// The time for renewal has come.
    Due,
    /// The current token has expired: the machine was suspended, a clock was set, or renewing failed until then.
    Over,
    /// The API refused the current token.
    Refused,
}

impl Trigger {
    /// Returns the value of the label `trigger` in metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Due => "due",
            Self::Over => "over",
            Self::Refused => "refused",
        }
    }
}

/// What a caller can expect after its token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A newer token is available already.
    Superseded,
    /// A newer one may come soon.
    Renewing,
    /// None will come soon.
    Declined,
}

impl Schedule {
    pub(crate) fn new(settings: &Settings, rng: StdRng) -> Self {
        Self {
            lead: settings.lead,
            jitter: settings.jitter,
            rng,
            generation: Generation::default(),
            current: None,
            begun: Duration::ZERO,
            calling: false,
            not_before: Duration::ZERO,
            forced: None,
            fresh_refusals: 0,
            fresh_pause: Duration::ZERO,
            failing: None,
        }
    }

    /// Returns how long it takes until the next call is due; zero means now.
    pub(crate) fn due(&self, now: Reading) -> Duration {
        let wanted = self.current.as_ref().map_or(Duration::ZERO, |current| {
            let forced = self.forced.map(|at| at.saturating_sub(now.monotonic));
            now.until(current.renew).min(forced.unwrap_or(Duration::MAX))
        });
        wanted.max(self.not_before.saturating_sub(now.monotonic))
    }

    /// Records that a call begins, and returns the reason for it.
    pub(crate) fn begin(&mut self, now: Reading) -> Trigger {
        self.begun = now.monotonic;
        self.calling = true;
        match &self.current {
            None => Trigger::Cold,
            Some(_) if self.forced.is_some() => Trigger::Refused,
            Some(current) if !now.is_before(current.usable_until) => Trigger::Over,
            Some(_) => Trigger::Due,
        }
    }

    /// Records that no call is in progress.
    pub(crate) fn end(&mut self) {
        self.calling = false;
    }

    /// Takes a new token, unless it can't be used. Returns its generation, and until when it is used.
    pub(crate) fn succeed(&mut self, token: &Token, now: Reading) -> Result<(Generation, Reading), Fault> {
        let lifetime = token.lifetime();
        let usable_until = token.sent().after(lifetime.saturating_sub(MARGIN.min(lifetime / 10)));
        if lifetime < SHORTEST_LIFETIME || !now.is_before(usable_until) {
            return Err(Fault::ShortLived);
        }
        let jitter = self.jitter.min(lifetime / 20).mul_f64(self.rng.random_range(0.0..=1.0));
        let renew = token.sent().after(lifetime.saturating_sub(self.lead.min(lifetime / 2) + jitter));
        self.current = Some(Current { obtained: now.monotonic, renew, usable_until, refused: false });
        self.generation = self.generation.next();
        self.calling = false;
        self.forced = None;
        self.failing = None;
        Ok((self.generation, usable_until))
    }

    /// Records that the call failed, and postpones the next one.
    pub(crate) fn fail(&mut self, error: Arc<ObtainError>, now: Reading) {
        self.calling = false;
        let usable = self.is_usable(now);
        let before = self.failing.take();
        let refused = error.is_refusal();
        let failures = before.as_ref().map_or(0, |failing| failing.failures) + 1;
        let refusals = if refused { before.as_ref().map_or(0, |failing| failing.refusals) + 1 } else { 0 };
        let pause = match refusals {
            0 => doubled(FIRST_BACKOFF, failures, LONGEST_BACKOFF),
            _ => doubled(FIRST_PROBE, refusals, LONGEST_PROBE),
        };
        let pause = pause.mul_f64(self.rng.random_range(0.5..=1.0));
        let asked = self.asked(error.retry_after());
        // Counted from the beginning of the call, so that a slow failure does not make recovery slower.
        self.not_before = (self.begun + pause).max(now.monotonic + asked.max(pause / 4));
        let unusable_since = before.and_then(|failing| failing.unusable_since).or(Some(now.monotonic));
        self.failing =
            Some(Failing { error, failures, refusals, unusable_since: unusable_since.filter(|_| !usable) });
    }

    /// Says whether the last call failed because the credentials are refused.
    pub(crate) fn is_refused(&self) -> bool {
        self.failing.as_ref().is_some_and(|failing| failing.refusals > 0)
    }

    /// Allows the next call at once, because the credentials have changed.
    pub(crate) fn reconsider(&mut self, now: Reading) {
        self.not_before = now.monotonic;
    }

    /// Returns the pause that the authority asked for. One that is too long is cut to a random length, so that all clients do not
    /// come back at once.
    fn asked(&mut self, retry_after: Option<Duration>) -> Duration {
        match retry_after {
            Some(asked) if asked > LONGEST_RETRY_AFTER => {
                LONGEST_RETRY_AFTER.mul_f64(self.rng.random_range(0.8..=1.0))
            }
            asked => asked.unwrap_or_default(),
        }
    }

    /// Records that the API refused the token of this generation. Only the first refusal of the current one counts.
    /// `accepted` is whether the API has accepted that token before.
    pub(crate) fn refuse(
        &mut self,
        generation: Generation,
        accepted: bool,
        now: Reading,
        patience: Duration,
    ) -> Verdict {
        if generation < self.generation {
            return Verdict::Superseded;
        }
        if let Some(current) = self.current.as_mut().filter(|current| !current.refused) {
            current.refused = true;
            let age = now.monotonic.saturating_sub(current.obtained);
            self.count_refusal(age, accepted);
            self.forced = Some(now.monotonic.max(self.begun + self.fresh_pause));
        }
        if self.calling || self.due(now) <= patience { Verdict::Renewing } else { Verdict::Declined }
    }

    /// Sets the pause between token calls, after the refusal of a token of this age.
    fn count_refusal(&mut self, age: Duration, accepted: bool) {
        // The longer the pause, the older the last answer of the API may be.
        let fresh = if accepted { FRESH } else { FRESH.max(self.fresh_pause) };
        self.fresh_refusals = if age < fresh { self.fresh_refusals + 1 } else { 0 };
        if accepted {
            self.fresh_refusals = self.fresh_refusals.min(MOST_REFUSALS_WHILE_ACCEPTED);
        }
        self.fresh_pause = match self.fresh_refusals {
            0 => Duration::ZERO,
            refusals => doubled(FIRST_FRESH_PAUSE, refusals, LONGEST_FRESH_PAUSE)
                .mul_f64(self.rng.random_range(0.75..=1.0)),
        };
    }

    /// Returns until when a caller waits for a token, having begun at `began` and waiting for `limit` at most. Fails if none can
    /// come in time.
    pub(crate) fn patience(
        &self,
        now: Reading,
        began: Duration,
        limit: Duration,
    ) -> Result<Duration, Unavailable> {
        let next = if self.calling { Duration::ZERO } else { self.due(now) };
        let mut deadline = began.saturating_add(limit);
        if let Some(failing) = &self.failing {
            // While the authority has been down for a long time, callers do not wait for one more call to fail.
            let down = failing.unusable_since.map_or(Duration::MAX, |since| since.saturating_add(limit));
            deadline = deadline.min(down);
        }
        if now.monotonic + next < deadline {
            return Ok(deadline);
        }
        let error = self.failing.as_ref().map(|failing| failing.error.clone());
        Err(Unavailable { retry_after: next, error })
    }

    /// Returns why the last call failed, and how many failed in a row.
    pub(crate) fn failing(&self) -> Option<(&Arc<ObtainError>, u32)> {
        self.failing.as_ref().map(|failing| (&failing.error, failing.failures))
    }

    /// Says whether the current token can be used.
    pub(crate) fn is_usable(&self, now: Reading) -> bool {
        self.current.as_ref().is_some_and(|current| now.is_before(current.usable_until))
    }

    /// Returns the age of the current token.
    pub(crate) fn age(&self, now: Reading) -> Option<Duration> {
        self.current.as_ref().map(|current| now.monotonic.saturating_sub(current.obtained))
    }
}

/// Returns the pause before try number `n`, which starts at 1.
fn doubled(first: Duration, n: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << (n - 1).min(16)).min(longest)
}

#[cfg(test)]
mod tests;
