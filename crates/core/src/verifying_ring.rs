//! The keys that verify, and how a token is verified.
//!
//! The accepted headers are a closed set, known byte for byte beforehand: a token's first segment selects an
//! algorithm and its keys, or the token is refused. No header is ever parsed, so `alg: none`, algorithm confusion,
//! `kid` injection, `jku` and `crit` can't be expressed (RFC 8725 §3.1, §3.2).

use std::ops::Range;

use crate::base64url;
use crate::claims::{Claims, Form};
use crate::header;
use crate::policy::{Accepted, Policy};
use crate::public_key::{LONGEST_SIGNATURE, PublicKey};
use crate::token::{MAX_TOKEN, PayloadBuffer, TokenError, TokenKind};
use crate::verifying_key::VerifyingKey;
use crate::{KeyId, Timestamp};

/// The keys that verify an authority's tokens, and what these must say. It has no way to sign a token:
///
/// ```compile_fail
/// fn mint(ring: &tollgate_core::VerifyingRing, claims: &tollgate_core::Claims<'_>) {
///     let (kind, now) = (tollgate_core::TokenKind::Access, tollgate_core::Timestamp::YEAR_2020);
///     ring.mint(kind, claims, now, &mut Vec::new());
/// }
/// ```
#[derive(Clone)]
pub struct VerifyingRing {
    policy: Policy,
    /// The additional issuers and audiences: few, and checked only for tokens that the policy alone would refuse.
    accepted: Vec<Accepted>,
    /// The keys, the one with the latest activation first.
    keys: Vec<VerifyingKey>,
}

impl VerifyingRing {
    /// Puts `keys`, in any order, on a ring.
    pub fn new(policy: Policy, keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_by_key(|key| std::cmp::Reverse((key.schedule.activates_at, key.schedule.id)));
        for key in &mut keys {
            key.set_issuer(&policy.issuer);
        }
        Self { policy, accepted: Vec::new(), keys }
    }

    /// Makes the ring accept tokens of these issuers and audiences, too.
    #[must_use]
    pub fn accepting(mut self, accepted: Vec<Accepted>) -> Self {
        self.accepted = accepted;
        self
    }

    /// Says whether verified claims are for another API than the policy's, under its present, former and future names.
    pub fn is_for_other_api(&self, claims: &Claims<'_>) -> bool {
        let is_its_own = claims.audience == self.policy.audience && claims.issuer == self.policy.issuer;
        !is_its_own && self.accepted_as(claims).is_none_or(|accepted| accepted.is_other_api)
    }

    /// Returns the pair of issuer and audience by which claims are accepted, unless it is the policy's.
    pub fn accepted_as(&self, claims: &Claims<'_>) -> Option<&Accepted> {
        // The pair counts: a former audience of a former issuer is not an audience of the present issuer.
        self.accepted
            .iter()
            .find(|accepted| claims.issuer == accepted.issuer && claims.audience == accepted.audience)
    }

    /// Returns the issuers and audiences that are accepted beside those of the policy.
    pub fn accepted(&self) -> &[Accepted] {
        &self.accepted
    }

    /// Returns the requirements that every token must meet.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Verifies a token as one of `kind` at `now`: length, header, signature, then claims, time, issuer, audience.
    /// Nothing of it is parsed before its signature is verified. The caller must check whether it was revoked.
    pub fn verify<'b>(
        &self,
        kind: TokenKind,
        token: &[u8],
        now: Timestamp,
        buffer: &'b mut PayloadBuffer,
    ) -> Result<Claims<'b>, TokenError> {
        self.verify_for(kind, token, now, buffer).map(|(claims, _)| claims)
    }

    /// Verifies a token like [`VerifyingRing::verify`], and returns from when and until when this ring gives the same result.
    pub fn verify_for<'b>(
        &self,
        kind: TokenKind,
        token: &[u8],
        now: Timestamp,
        buffer: &'b mut PayloadBuffer,
    ) -> Result<(Claims<'b>, Range<Timestamp>), TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::TooLong);
        }
        let of_its_header = self.with_the_header_of(token)?;
        let header = of_its_header.header().len();
        let dot = token
            .len()
            .checked_sub(of_its_header.signature_len() + 1)
            .filter(|at| *at >= header && token[*at] == b'.')
            .ok_or(TokenError::Malformed)?;
        let key = self.key_of(of_its_header, kind, &token[..dot], &token[dot + 1..], now)?;
        let payload = &token[header..dot];
        let payload = base64url::decode(payload, buffer.room(payload.len())).ok_or(TokenError::Malformed)?;
        let claims = Claims::read(payload, Form::of(key.algorithm())).ok_or(TokenError::Claims)?;
        let holds = self.check_claims(&claims, now)?;
        Ok((claims, holds.start..holds.end.min(key.schedule.retires_at)))
    }

    /// Returns the key that made a token's signature, of either kind, whether or not it is in force. For `tollgate inspect`:
    /// the token's claims can't be trusted.
    pub fn retired_signer(&self, token: &[u8]) -> Option<KeyId> {
        let of_its_header = self.with_the_header_of(token).ok()?;
        let dot = token.iter().rposition(|byte| *byte == b'.')?;
        let (signed, signature) = (&token[..dot], &token[dot + 1..]);
        let has_made_it = |key: &&VerifyingKey| {
            let kinds = [TokenKind::Access, TokenKind::Refresh];
            kinds.into_iter().any(|kind| key.verifies(kind, signed, signature))
        };
        self.alike(of_its_header).find(has_made_it).map(|key| key.schedule.id)
    }

    /// Returns the keys that may be published, of those that verify at `now` or later.
    pub fn public_keys(&self, now: Timestamp) -> impl Iterator<Item = (KeyId, &PublicKey)> {
        let in_force = move |key: &&VerifyingKey| key.schedule.retires_at > now;
        self.keys.iter().filter(in_force).filter_map(|key| Some((key.id(), key.public_key()?)))
    }

    /// Says whether a token's header names a key of an asymmetric algorithm that is not on the ring: a new one, or one that doesn't
    /// exist.
    pub fn lacks_key_of(&self, token: &[u8]) -> bool {
        header::names_a_key(token) && !self.keys.iter().any(|key| token.starts_with(key.header()))
    }

    /// Returns a key whose tokens have the header of this one. A header that names a key which is not on the ring is not an unknown
    /// header: the key may be new.
    fn with_the_header_of(&self, token: &[u8]) -> Result<&VerifyingKey, TokenError> {
        let has_header = |key: &&VerifyingKey| token.starts_with(key.header());
        self.keys.iter().find(has_header).ok_or_else(|| {
            let may_be_new = token.starts_with(header::HS256) || header::names_a_key(token);
            if may_be_new { TokenError::Signature } else { TokenError::UnknownHeader }
        })
    }

    /// Returns the keys whose tokens have the same header.
    fn alike<'r>(&'r self, key: &'r VerifyingKey) -> impl Iterator<Item = &'r VerifyingKey> {
        // All keys of HS256 share a header, every other key has its own.
        let is_alike = move |other: &&VerifyingKey| {
            other.algorithm() == key.algorithm() && (key.public_key().is_none() || other.id() == key.id())
        };
        self.keys.iter().filter(is_alike)
    }

    /// Returns the key in force at `now` that made a signature, among those with a header.
    fn key_of<'r>(
        &'r self,
        of_its_header: &'r VerifyingKey,
        kind: TokenKind,
        signed: &[u8],
        signature: &[u8],
        now: Timestamp,
    ) -> Result<&'r VerifyingKey, TokenError> {
        let has_made_it =
            |key: &&VerifyingKey| key.schedule.retires_at > now && key.verifies(kind, signed, signature);
        self.alike(of_its_header).find(has_made_it).ok_or_else(|| {
            let is_canonical = base64url::decode(signature, &mut [0; LONGEST_SIGNATURE]).is_some();
            if is_canonical { TokenError::Signature } else { TokenError::Malformed }
        })
    }

    /// Returns from when and until when the claims are valid, if they are at `now`.
    fn check_claims(&self, claims: &Claims<'_>, now: Timestamp) -> Result<Range<Timestamp>, TokenError> {
        let end = claims.expires_at.after(self.policy.exp_leeway);
        if now >= end {
            return Err(TokenError::Expired);
        }
        let start = claims.issued_at.before(self.policy.iat_leeway);
        if now < start {
            return Err(TokenError::NotYetValid);
        }
        let is_own_issuer = claims.issuer == self.policy.issuer;
        if is_own_issuer && claims.audience == self.policy.audience {
            return Ok(start..end);
        }
        if self.accepted_as(claims).is_some() {
            return Ok(start..end);
        }
        Err(if is_own_issuer { TokenError::Audience } else { TokenError::Issuer })
    }
}
