//! Verification as a whole: keys, claims, time, revocations, and whether all that is known of them is recent enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use tollgate_core::{Claims, Clock, PayloadBuffer, Timestamp, TokenError, TokenKind, Uptime, VerifyingRing};

use crate::remembered::Remembered;
use crate::{Denial, Principal, Realm, Revocations};

/// What tokens are verified with. Shared by everything that verifies; its parts are replaced while requests run, and
/// reading them takes no lock.
pub struct Verifier {
    keyring: ArcSwap<VerifyingRing>,
    revocations: ArcSwap<Revocations>,
    /// The parts of a [`Freshness`], in milliseconds since the epoch.
    keys_until: AtomicU64,
    until: AtomicU64,
    remembered: Remembered,
    clock: Arc<dyn Clock>,
    realm: Realm,
}

/// Until when a verifier's keys and revocations may be relied on. Whoever reads them from elsewhere moves it on each
/// time it has; who has them at first hand need not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// From then on a signature of no known key is not called wrong: there may be a key that is not known here yet. Nor is
    /// an issuer or an audience, of a token that a known key has signed.
    pub keys_until: Timestamp,
    /// From then on nothing is said of any token: it may have been revoked.
    pub until: Timestamp,
}

/// Why a token was not found to be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// It is not.
    #[error(transparent)]
    Refused(#[from] TokenError),
    /// Nobody can tell here: what is known of keys and revocations is too old.
    #[error("keys and revocations can't be relied on here: the server is not ready")]
    Stale,
}

impl Verifier {
    /// Starts with `keyring` and no revocations, and relies on them until [`Verifier::set_freshness`] says otherwise.
    pub fn new(keyring: VerifyingRing, clock: Arc<dyn Clock>) -> Self {
        Self::of(Arc::new(keyring), Arc::default(), clock)
    }

    fn of(keyring: Arc<VerifyingRing>, revocations: Arc<Revocations>, clock: Arc<dyn Clock>) -> Self {
        Self {
            realm: Realm::of(&keyring.policy().audience),
            keyring: ArcSwap::new(keyring),
            revocations: ArcSwap::new(revocations),
            keys_until: forever(),
            until: forever(),
            remembered: Remembered::new(),
            clock,
        }
    }

    /// The current time, to be read once a request.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What a refusal names: the audience of the tokens.
    pub fn realm(&self) -> &Realm {
        &self.realm
    }

    /// The keys in use.
    pub fn keyring(&self) -> Guard<Arc<VerifyingRing>> {
        self.keyring.load()
    }

    /// Uses other keys from the next request on.
    pub fn set_keyring(&self, keyring: VerifyingRing) {
        self.keyring.store(Arc::new(keyring));
        self.remembered.clear();
    }

    /// The revocations in force.
    pub fn revocations(&self) -> Guard<Arc<Revocations>> {
        self.revocations.load()
    }

    /// Uses other revocations from the next request on.
    pub fn set_revocations(&self, revocations: Revocations) {
        self.revocations.store(Arc::new(revocations));
    }

    /// The same keys and revocations as now, on a clock that stands at `moment`: tells what would be decided then.
    #[must_use]
    pub fn standing_at(&self, moment: Timestamp) -> Self {
        Self::of(self.keyring.load_full(), self.revocations.load_full(), Arc::new(Standing(moment)))
    }

    /// Relies on keys and revocations until then, from the next request on.
    pub fn set_freshness(&self, freshness: Freshness) {
        self.keys_until.store(freshness.keys_until.millis(), Relaxed);
        self.until.store(freshness.until.millis(), Relaxed);
    }

    /// Says whether what is known is too old at `now` to say anything of a token. By a clock that was never set nothing
    /// can be said, either.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        now < Timestamp::YEAR_2020 || now.millis() >= self.until.load(Relaxed)
    }

    /// Verifies a token as one of `kind`: signature first, then claims, time, and whether it was revoked.
    pub fn verify<'b>(
        &self,
        kind: TokenKind,
        token: &[u8],
        now: Timestamp,
        buffer: &'b mut PayloadBuffer,
    ) -> Result<Claims<'b>, Unverified> {
        if self.is_stale(now) {
            return Err(Unverified::Stale);
        }
        let claims =
            self.keyring.load().verify(kind, token, now, buffer).map_err(|error| self.doubted(error, now))?;
        self.check_revocations(&claims)?;
        Ok(claims)
    }

    /// Admits whoever sends an access token that verifies, as by [`Verifier::verify`], and that meets a `requirement`.
    ///
    /// A token that is sent again and again is remembered: its signature and its form are checked once, and everything
    /// that can change is each time.
    pub(crate) fn admit(
        &self,
        token: &[u8],
        now: Timestamp,
        requirement: impl Fn(&Claims<'_>) -> Result<(), Denial>,
    ) -> Result<Principal, Denial> {
        if self.is_stale(now) {
            return Err(Denial::Stale);
        }
        let check = |claims: &Claims<'_>| {
            self.check_revocations(claims)?;
            requirement(claims)
        };
        let keyring = self.keyring.load();
        let decided = self
            .remembered
            .recall(token, &keyring, now, |known| check(&known.claims()).map(|()| known.principal.clone()));
        if let Some(decided) = decided {
            return decided;
        }
        let mut buffer = PayloadBuffer::new();
        let (claims, valid) = keyring
            .verify_for(TokenKind::Access, token, now, &mut buffer)
            .map_err(|error| self.doubted(error, now))?;
        check(&claims)?;
        let principal = Principal::of(&claims);
        self.remembered.remember(token, &keyring, valid, &claims, &principal);
        Ok(principal)
    }

    #[cfg(test)]
    pub(crate) fn remembered(&self) -> &Remembered {
        &self.remembered
    }

    fn check_revocations(&self, claims: &Claims<'_>) -> Result<(), Unverified> {
        if self.revocations.load().revoked(claims) { Err(TokenError::Revoked.into()) } else { Ok(()) }
    }

    /// What is wrong with a token is so for ever, but for its signature, its issuer and its audience: the key that made it,
    /// or whom it is by and for, may be news.
    fn doubted(&self, error: TokenError, now: Timestamp) -> Unverified {
        match error {
            TokenError::Signature | TokenError::Issuer | TokenError::Audience
                if now.millis() >= self.keys_until.load(Relaxed) =>
            {
                Unverified::Stale
            }
            error => Unverified::Refused(error),
        }
    }
}

/// What is known at first hand may be relied on.
fn forever() -> AtomicU64 {
    AtomicU64::new(Timestamp::MAX.millis())
}

/// A clock that stands.
struct Standing(Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn uptime(&self) -> Uptime {
        Uptime { boot: [0; 16], elapsed: Duration::ZERO }
    }
}
