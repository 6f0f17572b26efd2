//! When a token call is due. Pure: the time is an argument, and nothing here waits.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use crate::{Fault, Generation, Moment, ObtainError, Settings, Token, Unavailable};

/// A token that lives shorter can't be used and renewed in time.
const SHORTEST_LIFE: Duration = Duration::from_secs(2);
/// A token is not used in its last moments: the authority counts whole seconds, and a request takes time to arrive.
const MARGIN: Duration = Duration::from_secs(2);
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
const FIRST_PROBE: Duration = Duration::from_secs(30);
const LONGEST_PROBE: Duration = Duration::from_secs(300);
/// Who asks for a longer pause has made a mistake, such as a page of maintenance that says an hour: then it is probed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);
/// A token refused younger than this was not refused for its age.
const FRESH: Duration = Duration::from_secs(5);
/// The distance of token calls when the first fresh token is refused. Servers that share a store may differ for 250 ms
/// about which keys are good; less a quarter by chance, this is longer.
const FIRST_FRESH_PAUSE: Duration = Duration::from_millis(400);
/// The distance of token calls when all fresh tokens are refused: then another one won't help.
const LONGEST_FRESH_PAUSE: Duration = Duration::from_secs(30);
/// The pause is not doubled any more often while tokens are accepted, too: another one does help.
const MOST_REFUSALS_WHILE_ACCEPTED: u32 = 3;

/// Decides when to call the authority, from what came of it so far.
pub(crate) struct Schedule {
    lead: Duration,
    jitter: Duration,
    rng: StdRng,
    generation: Generation,
    current: Option<Current>,
    /// When the last call began, by the monotonic clock, as all times here that are not moments.
    begun: Duration,
    calling: bool,
    not_before: Duration,
    forced: Option<Duration>,
    fresh_refusals: u32,
    fresh_pause: Duration,
    failing: Option<Failing>,
}

struct Current {
    came: Duration,
    renew: Moment,
    usable_until: Moment,
    refused: bool,
}

struct Failing {
    error: Arc<ObtainError>,
    failures: u32,
    refusals: u32,
    unusable_since: Option<Duration>,
}

/// Why a token is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// There is none yet.
    Cold,
    /// It is time.
    Due,
    /// The one at hand is over: the machine slept, a clock was set, or renewing failed until the end.
    Over,
    /// The API refused the one at hand.
    Refused,
}

/// What becomes of a refusal of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A newer token is at hand already.
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

    /// In how long the next call is due. Zero is now.
    pub(crate) fn due(&self, now: Moment) -> Duration {
        let wanted = self.current.as_ref().map_or(Duration::ZERO, |current| {
            let forced = self.forced.map(|at| at.saturating_sub(now.monotonic));
            now.until(current.renew).min(forced.unwrap_or(Duration::MAX))
        });
        wanted.max(self.not_before.saturating_sub(now.monotonic))
    }

    /// Notes that a call begins, and says why.
    pub(crate) fn begin(&mut self, now: Moment) -> Trigger {
        self.begun = now.monotonic;
        self.calling = true;
        match &self.current {
            None => Trigger::Cold,
            Some(_) if self.forced.is_some() => Trigger::Refused,
            Some(current) if !now.is_before(current.usable_until) => Trigger::Over,
            Some(_) => Trigger::Due,
        }
    }

    /// Notes that no call is under way.
    pub(crate) fn end(&mut self) {
        self.calling = false;
    }

    /// Takes the token that came, unless it can't be used. Its generation, and until when it is used.
    pub(crate) fn succeed(&mut self, token: &Token, now: Moment) -> Result<(Generation, Moment), Fault> {
        let life = token.life();
        let usable_until = token.sent().after(life.saturating_sub(MARGIN.min(life / 10)));
        if life < SHORTEST_LIFE || !now.is_before(usable_until) {
            return Err(Fault::ShortLived);
        }
        let jitter = self.jitter.min(life / 20).mul_f64(self.rng.random_range(0.0..=1.0));
        let renew = token.sent().after(life.saturating_sub(self.lead.min(life / 2) + jitter));
        self.current = Some(Current { came: now.monotonic, renew, usable_until, refused: false });
        self.generation = self.generation.next();
        self.calling = false;
        self.forced = None;
        self.failing = None;
        Ok((self.generation, usable_until))
    }

    /// Notes that the call failed, and puts the next one off.
    pub(crate) fn fail(&mut self, error: Arc<ObtainError>, now: Moment) {
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
        // Counted from the beginning of the call, so that one which took its time does not make recovery slower.
        self.not_before = (self.begun + pause).max(now.monotonic + asked.max(pause / 4));
        let unusable_since = before.and_then(|failing| failing.unusable_since).or(Some(now.monotonic));
        self.failing =
            Some(Failing { error, failures, refusals, unusable_since: unusable_since.filter(|_| !usable) });
    }

    /// Whether the last call failed because somebody is refused who must first be given something else to ask with.
    pub(crate) fn is_refused(&self) -> bool {
        self.failing.as_ref().is_some_and(|failing| failing.refusals > 0)
    }

    /// Lets the next call come without its pause: there is something else to ask with.
    pub(crate) fn reconsider(&mut self, now: Moment) {
        self.not_before = now.monotonic;
    }

    /// How long the authority is left alone because it asked for it. What is too long is not believed, and cut by chance,
    /// so that all who were told the same do not come back at once.
    fn asked(&mut self, retry_after: Option<Duration>) -> Duration {
        match retry_after {
            Some(asked) if asked > LONGEST_RETRY_AFTER => {
                LONGEST_RETRY_AFTER.mul_f64(self.rng.random_range(0.8..=1.0))
            }
            asked => asked.unwrap_or_default(),
        }
    }

    /// Takes notice that the API refused the token of this generation. Only the first refusal of the current one counts.
    /// `accepted` is whether the API has accepted that token before.
    pub(crate) fn refuse(
        &mut self,
        generation: Generation,
        accepted: bool,
        now: Moment,
        patience: Duration,
    ) -> Verdict {
        if generation < self.generation {
            return Verdict::Superseded;
        }
        if let Some(current) = self.current.as_mut().filter(|current| !current.refused) {
            current.refused = true;
            let age = now.monotonic.saturating_sub(current.came);
            self.count_refusal(age, accepted);
            self.forced = Some(now.monotonic.max(self.begun + self.fresh_pause));
        }
        if self.calling || self.due(now) <= patience { Verdict::Renewing } else { Verdict::Declined }
    }

    /// Decides how far apart token calls are, after the refusal of a token of this age.
    fn count_refusal(&mut self, age: Duration, accepted: bool) {
        // The longer the pause, the longer ago the last word of the API may be.
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

    /// Until when somebody waits for a token who began at `began` and has `limit`; an error where that is in vain.
    pub(crate) fn patience(
        &self,
        now: Moment,
        began: Duration,
        limit: Duration,
    ) -> Result<Duration, Unavailable> {
        let next = if self.calling { Duration::ZERO } else { self.due(now) };
        let mut deadline = began.saturating_add(limit);
        if let Some(failing) = &self.failing {
            // Who comes when it has been down for long does not wait in a queue for each of its calls to fail.
            let down = failing.unusable_since.map_or(Duration::MAX, |since| since.saturating_add(limit));
            deadline = deadline.min(down);
        }
        if now.monotonic + next < deadline {
            return Ok(deadline);
        }
        let error = self.failing.as_ref().map(|failing| failing.error.clone());
        Err(Unavailable { retry_after: next, error })
    }

    /// Why the last call failed, and how many did in a row.
    pub(crate) fn failing(&self) -> Option<(&Arc<ObtainError>, u32)> {
        self.failing.as_ref().map(|failing| (&failing.error, failing.failures))
    }

    /// Whether a token is at hand that can be used.
    pub(crate) fn is_usable(&self, now: Moment) -> bool {
        self.current.as_ref().is_some_and(|current| now.is_before(current.usable_until))
    }

    /// How old the token at hand is.
    pub(crate) fn age(&self, now: Moment) -> Option<Duration> {
        self.current.as_ref().map(|current| now.monotonic.saturating_sub(current.came))
    }
}

/// The pause before the `n`th try, the first of which is 1.
fn doubled(first: Duration, n: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << (n - 1).min(16)).min(longest)
}

#[cfg(test)]
mod tests;
