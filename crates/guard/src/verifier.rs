//! The decision about a request: its token's signature, claims and revocations, and the route's requirements.

use std::convert::Infallible;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderMap;
use tollgate_core::{
    Claims, Clock, Environment, PayloadBuffer, Timestamp, TokenError, TokenKind, Uptime, VerifyingRing,
};
use tollgate_http::{Ambiguous, ClientAddress, Realm, credentials};

use crate::denial::{Denial, Unverified};
use crate::principal::Principal;
use crate::requirement::Requirement;
use crate::revocations::Revocations;
use crate::token_cache::TokenCache;

/// Verifies tokens and decides about requests. All code that verifies shares one verifier; its keys and revocations are replaced
/// while requests run, and reading them takes no lock.
pub struct Verifier {
    keyring: ArcSwap<VerifyingRing>,
    revocations: ArcSwap<Revocations>,
    /// The first part of a [`Freshness`], in milliseconds since 1970.
    keys_until: AtomicU64,
    until: AtomicU64,
    cache: TokenCache,
    clock: Arc<dyn Clock>,
    realm: Realm,
    /// The environment whose tokens alone are admitted, whatever a requirement says; `None` for either.
    environment: Option<Environment>,
}

/// Until when a verifier's keys and revocations may be relied on. A program that reads them from elsewhere extends it with each
/// reading; the authority itself need not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// When a token of an unknown key, issuer or audience is no longer called invalid: they may be new.
    pub keys_until: Timestamp,
    /// When no token is called valid or invalid any more: it may have been revoked.
    pub until: Timestamp,
}

impl Verifier {
    /// Makes a verifier with `keyring` and no revocations. It relies on them without end, unless [`Verifier::set_freshness`] sets an end.
    pub fn new(keyring: VerifyingRing, clock: Arc<dyn Clock>) -> Self {
        Self::of(Arc::new(keyring), Arc::default(), clock)
    }

    fn of(keyring: Arc<VerifyingRing>, revocations: Arc<Revocations>, clock: Arc<dyn Clock>) -> Self {
        Self {
            realm: Realm::of(&keyring.policy().audience),
            keyring: ArcSwap::new(keyring),
            revocations: ArcSwap::new(revocations),
            keys_until: AtomicU64::new(u64::MAX),
            until: AtomicU64::new(u64::MAX),
            cache: TokenCache::new(),
            clock,
            environment: None,
        }
    }

    /// Makes the verifier admit only tokens of this environment, whatever the requirement of a route says.
    #[must_use]
    pub fn of_environment(self, environment: Environment) -> Self {
        Self { environment: Some(environment), ..self }
    }

    /// Returns the current time. A request reads it once.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the realm that challenges name: the audience of the tokens.
    pub fn realm(&self) -> &Realm {
        &self.realm
    }

    /// Returns the keys in use: a snapshot, to be held for a short time only.
    pub fn keyring(&self) -> impl Deref<Target = Arc<VerifyingRing>> {
        self.keyring.load()
    }

    /// Uses other keys from the next request on.
    pub fn set_keyring(&self, keyring: VerifyingRing) {
        self.keyring.store(Arc::new(keyring));
        self.cache.clear();
    }

    /// Returns the revocations in force: a snapshot, to be held for a short time only.
    pub fn revocations(&self) -> impl Deref<Target = Arc<Revocations>> {
        self.revocations.load()
    }

    /// Uses other revocations from the next request on.
    pub fn set_revocations(&self, revocations: Revocations) {
        self.revocations.store(Arc::new(revocations));
    }

    /// Makes a verifier with the same keys and revocations on a clock that stands at `now`, which decides as this one would
    /// then.
    #[must_use]
    pub fn standing_at(&self, now: Timestamp) -> Self {
        let clock = Arc::new(StoppedClock(now));
        let environment = self.environment;
        Self { environment, ..Self::of(self.keyring.load_full(), self.revocations.load_full(), clock) }
    }

    /// Sets until when keys and revocations may be relied on, from the next request on.
    pub fn set_freshness(&self, freshness: Freshness) {
        self.keys_until.store(freshness.keys_until.millis(), Relaxed);
        self.until.store(freshness.until.millis(), Relaxed);
    }

    /// Says whether the data is too old at `now` to decide about a token, or the clock was never set.
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
        let claims = self
            .keyring
            .load()
            .verify(kind, token, now, buffer)
            .map_err(|error| self.unverified(error, now))?;
        self.check_revocations(&claims)?;
        Ok(claims)
    }

    /// Decides about a request by its headers and the address that it comes from: admits it as a principal, or says why
    /// not.
    ///
    /// A token that is sent again and again is in the verified-token cache: its signature and its form are checked once,
    /// and everything that can change is checked each time.
    pub fn decide(
        &self,
        headers: &HeaderMap,
        address: Option<ClientAddress>,
        requirement: &Requirement,
        now: Timestamp,
    ) -> Result<Principal, Denial> {
        let token = bearer_token(headers)?;
        self.admit(token, now, |keyring, claims| requirement.check(keyring, claims, address))
    }

    /// Admits an access token that [`Verifier::verify`] accepts and that meets `requirement`.
    pub(crate) fn admit(
        &self,
        token: &[u8],
        now: Timestamp,
        requirement: impl Fn(&VerifyingRing, &Claims<'_>) -> Result<(), Denial>,
    ) -> Result<Principal, Denial> {
        if self.is_stale(now) {
            return Err(Denial::Stale);
        }
        let keyring = self.keyring.load();
        let check = |claims: &Claims<'_>| {
            self.check_revocations(claims)?;
            if self.environment.is_some_and(|environment| environment != claims.environment) {
                return Err(Denial::Environment);
            }
            requirement(&keyring, claims)
        };
        let cached = self
            .cache
            .find(token, &keyring, now, |entry| check(&entry.claims()).map(|()| entry.principal.clone()));
        if let Some(decision) = cached {
            return decision;
        }
        let mut buffer = PayloadBuffer::new();
        let (claims, valid) = keyring
            .verify_for(TokenKind::Access, token, now, &mut buffer)
            .map_err(|error| self.unverified(error, now))?;
        check(&claims)?;
        let principal = Principal::of(&claims);
        self.cache.note(token, &keyring, valid, &claims, &principal);
        Ok(principal)
    }

    #[cfg(test)]
    pub(crate) fn cache(&self) -> &TokenCache {
        &self.cache
    }

    fn check_revocations(&self, claims: &Claims<'_>) -> Result<(), Unverified> {
        if self.revocations.load().revoked(claims) { Err(TokenError::Revoked.into()) } else { Ok(()) }
    }

    /// Decides whether a token is refused for good. An unknown signature, issuer or audience may be new, once the
    /// keys are too old; everything else that is wrong with a token stays wrong.
    fn unverified(&self, error: TokenError, now: Timestamp) -> Unverified {
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

/// Decides about requests. A [`Verifier`] does so at once; an implementation that may have to ask the authority first sometimes takes
/// longer.
pub trait Decide: Send + Sync + 'static {
    /// The future of a decision that takes longer.
    type Later: Future<Output = Result<Principal, Denial>>;

    /// Decides about a request now, or returns the future of a decision that takes longer.
    fn decide_soon(
        &self,
        headers: &HeaderMap,
        address: Option<ClientAddress>,
        requirement: &Requirement,
    ) -> Decision<Self::Later>;

    /// Returns the realm that challenges name: the audience of the tokens.
    fn realm(&self) -> &Realm;
}

/// The result of [`Decide::decide_soon`].
pub enum Decision<L> {
    /// The request is admitted or refused.
    Made(Result<Principal, Denial>),
    /// The decision takes longer.
    Later(L),
}

impl<L: Future<Output = Result<Principal, Denial>>> Decision<L> {
    /// Waits for the decision if it takes longer.
    pub async fn made(self) -> Result<Principal, Denial> {
        match self {
            Self::Made(made) => made,
            Self::Later(later) => later.await,
        }
    }
}

/// The future of a decision that never takes longer.
pub struct Never(Infallible);

impl Future for Never {
    type Output = Result<Principal, Denial>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0 {}
    }
}

impl Decide for Verifier {
    type Later = Never;

    fn decide_soon(
        &self,
        headers: &HeaderMap,
        address: Option<ClientAddress>,
        requirement: &Requirement,
    ) -> Decision<Never> {
        Decision::Made(self.decide(headers, address, requirement, self.now()))
    }

    fn realm(&self) -> &Realm {
        self.realm()
    }
}

/// Finds the token in the only `Authorization` header (RFC 6750 §2.1). A token in the query, the body or a cookie does not count.
#[inline]
pub fn bearer_token(headers: &HeaderMap) -> Result<&[u8], Denial> {
    match credentials(headers, "Bearer") {
        Ok(Some([]) | None) => Err(Denial::NoToken),
        Ok(Some(token)) => Ok(token),
        Err(Ambiguous) => Err(Denial::InvalidToken(TokenError::Malformed)),
    }
}

/// A clock that always shows the same time.
struct StoppedClock(Timestamp);

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn uptime(&self) -> Uptime {
        Uptime { boot: [0; 16], elapsed: Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::AUTHORIZATION;

    use super::*;

    fn found(lines: &[&[u8]]) -> Result<Vec<u8>, Denial> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(line).unwrap());
        }
        bearer_token(&headers).map(<[u8]>::to_vec)
    }

    #[test]
    fn the_scheme_is_case_insensitive_and_spaces_may_repeat() {
        for line in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c", "BeArEr a.b.c"] {
            assert_eq!(found(&[line.as_bytes()]), Ok(b"a.b.c".to_vec()), "{line:?}");
        }
    }

    #[test]
    fn no_bearer_scheme_or_nothing_after_it_is_no_token() {
        for line in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer    ",
            "Bearer\ta",
            "Basic YTpi",
            "Bear a",
            "Bearera.b.c",
            "a.b.c",
        ] {
            assert_eq!(found(&[line.as_bytes()]), Err(Denial::NoToken), "{line:?}");
        }
        assert_eq!(found(&[]), Err(Denial::NoToken));
    }

    #[test]
    fn two_authorization_lines_are_ambiguous() {
        for lines in [[&b"Bearer a"[..], b"Bearer a"], [b"Bearer a", b"Basic b"], [b"Basic b", b"Bearer a"]] {
            assert_eq!(found(&lines), Err(Denial::InvalidToken(TokenError::Malformed)));
        }
    }
}
