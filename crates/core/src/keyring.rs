//! The keyring: which keys sign and verify at what time, and the token codec on top of them.
//!
//! The accepted headers are a closed set, known byte for byte beforehand: a token's first segment selects an
//! algorithm and its keys, or the token is refused. No header is ever parsed, so `alg: none`, algorithm confusion,
//! `kid` injection, `jku` and `crit` can't be expressed (RFC 8725 §3.1, §3.2).

use std::ops::Range;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::base64url;
use crate::claims::Claims;
use crate::key::SigningKey;
use crate::policy::{Accepted, Policy};
use crate::token::{MAX_TOKEN, MintError, PayloadBuffer, TokenError, TokenKind};
use crate::{KeyId, Timestamp, constant_time};

/// `{"alg":"HS256","typ":"JWT"}` in base64url, and the dot after it.
const HEADER: &[u8] = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";
/// What SHA-256 hashes at a time.
const BLOCK: usize = 64;
/// An HMAC-SHA-256 in base64url.
const SIGNATURE: usize = base64url::encoded_len(32);

/// Where a key is in its life. It signs in one phase only, and verifies in all but the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Known everywhere before it signs.
    Next,
    /// Signs.
    Active,
    /// Signs no more; lasts longer than the longest token that it signed.
    VerifyOnly,
    /// Refused.
    Retired,
}

impl Phase {
    /// Its name, as `tollgate key list` shows it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::VerifyOnly => "verify-only",
            Self::Retired => "retired",
        }
    }
}

/// The keys of an authority and what its tokens must say.
#[derive(Clone)]
pub struct Keyring {
    policy: Policy,
    /// Few, and asked only about tokens that the policy alone would refuse.
    accepted: Vec<Accepted>,
    /// What all tokens of this issuer begin with, as far as it fills a block of SHA-256: header and issuer.
    beginning: Option<[u8; BLOCK]>,
    /// Latest activation first.
    keys: Vec<SigningKey>,
}

impl Keyring {
    /// Puts `keys`, in any order, on a ring.
    pub fn new(policy: Policy, mut keys: Vec<SigningKey>) -> Self {
        keys.sort_by_key(|key| std::cmp::Reverse((key.activates_at, key.id)));
        let beginning = beginning(&policy.issuer);
        if let Some(beginning) = &beginning {
            for key in &mut keys {
                key.begun = key.states.after(beginning);
            }
        }
        Self { policy, accepted: Vec::new(), beginning, keys }
    }

    /// Accepts tokens of these, too. None is minted for them.
    #[must_use]
    pub fn accepting(mut self, accepted: Vec<Accepted>) -> Self {
        self.accepted = accepted;
        self
    }

    /// Whose tokens are accepted beside those of the policy.
    pub fn accepted(&self) -> &[Accepted] {
        &self.accepted
    }

    /// What every token must say.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The phase of the key `id` at `now`; `None` if it is not on the ring.
    pub fn phase(&self, id: KeyId, now: Timestamp) -> Option<Phase> {
        let key = self.keys.iter().find(|key| key.id == id)?;
        Some(if key.retires_at <= now {
            Phase::Retired
        } else if self.signer(now).is_some_and(|signer| signer.id == id) {
            Phase::Active
        } else if key.activates_at > now {
            Phase::Next
        } else {
            Phase::VerifyOnly
        })
    }

    /// Says whether a key signs at `now`.
    pub fn can_sign(&self, now: Timestamp) -> bool {
        self.signer(now).is_some()
    }

    /// The key that signs at `now`: the one activated last. On a clock that is behind, the one activated first.
    fn signer(&self, now: Timestamp) -> Option<&SigningKey> {
        let mut in_force = self.in_force(now);
        in_force.clone().find(|key| key.activates_at <= now).or_else(|| in_force.next_back())
    }

    fn in_force(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = &SigningKey> + Clone {
        self.keys.iter().filter(move |key| key.retires_at > now)
    }

    /// Appends a token to `out`, signed by the key that is active at `now`. Nothing is appended if there is an error.
    ///
    /// It allocates nothing if `out` has room for the token and its claims, about 1,000 bytes.
    pub fn mint(
        &self,
        kind: TokenKind,
        claims: &Claims<'_>,
        now: Timestamp,
        out: &mut Vec<u8>,
    ) -> Result<(), MintError> {
        let key = self.signer(now).ok_or(MintError::NoKey)?;
        let start = out.len();
        claims.write(out);
        let claims_end = out.len();
        let signed_len = HEADER.len() + base64url::encoded_len(claims_end - start);
        let token_len = signed_len + 1 + SIGNATURE;
        if token_len > MAX_TOKEN {
            out.truncate(start);
            return Err(MintError::TooLong);
        }
        // The token is made behind its claims and then moved over them. Zeros behind the claims change none of the
        // characters that are kept, and let all of these be encoded in whole vectors.
        let padded = base64url::in_vectors(claims_end - start);
        out.resize(start + padded, 0);
        out.resize(start + padded + HEADER.len() + base64url::encoded_len(padded) + SIGNATURE, b'.');
        let (claims, token) = out[start..].split_at_mut(padded);
        token[..HEADER.len()].copy_from_slice(HEADER);
        base64url::encode(claims, &mut token[HEADER.len()..]);
        token[signed_len] = b'.';
        let tag = self.hmac(key, kind, &token[..signed_len]).finalize().into_bytes();
        base64url::encode(&tag, &mut token[signed_len + 1..]);
        out.copy_within(start + padded..start + padded + token_len, start);
        out.truncate(start + token_len);
        Ok(())
    }

    /// Verifies a token as one of `kind` at `now`: length, header, signature, then claims, time, issuer, audience.
    /// Nothing of it is parsed before its signature holds. Whether it was revoked is for the caller to ask.
    pub fn verify<'b>(
        &self,
        kind: TokenKind,
        token: &[u8],
        now: Timestamp,
        buffer: &'b mut PayloadBuffer,
    ) -> Result<Claims<'b>, TokenError> {
        self.verify_for(kind, token, now, buffer).map(|(claims, _)| claims)
    }

    /// Verifies a token like [`Keyring::verify`], and says from when and until when this keyring would find the same.
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
        let rest = token.strip_prefix(HEADER).ok_or(TokenError::UnknownHeader)?;
        let dot = rest
            .len()
            .checked_sub(SIGNATURE + 1)
            .filter(|at| rest[*at] == b'.')
            .ok_or(TokenError::Malformed)?;
        let key = self.signed_by(kind, &token[..HEADER.len() + dot], &rest[dot + 1..], now)?;
        let payload = base64url::decode(&rest[..dot], buffer.room(dot)).ok_or(TokenError::Malformed)?;
        let claims = Claims::read(payload).ok_or(TokenError::Claims)?;
        let holds = self.check_claims(&claims, now)?;
        Ok((claims, holds.start..holds.end.min(key.retires_at)))
    }

    /// The key that made a token's signature, of either kind, whether or not it is in force. For `tollgate inspect`: what
    /// such a token says counts for nothing.
    pub fn retired_signer(&self, token: &[u8]) -> Option<KeyId> {
        let dot = token.iter().rposition(|byte| *byte == b'.')?;
        let (signed, signature) = (&token[..dot], &token[dot + 1..]);
        let mut expected = [0; SIGNATURE];
        let mut is_made_by = |key: &&SigningKey| {
            [TokenKind::Access, TokenKind::Refresh].into_iter().any(|kind| {
                let tag = self.hmac(key, kind, signed).finalize().into_bytes();
                constant_time::equal(base64url::encode(&tag, &mut expected), signature)
            })
        };
        self.keys.iter().find(|key| is_made_by(key)).map(|key| key.id)
    }

    /// The key that made a signature.
    fn signed_by(
        &self,
        kind: TokenKind,
        signed: &[u8],
        signature: &[u8],
        now: Timestamp,
    ) -> Result<&SigningKey, TokenError> {
        let mut expected = [0; SIGNATURE];
        // Compared as text, in constant time: so there is one spelling of a signature, and none has to be decoded.
        let is_made_by = |key: &&SigningKey| {
            let tag = self.hmac(key, kind, signed).finalize().into_bytes();
            constant_time::equal(base64url::encode(&tag, &mut expected), signature)
        };
        self.in_force(now).find(is_made_by).ok_or_else(|| {
            let is_one = base64url::decode(signature, &mut [0; 32]).is_some();
            if is_one { TokenError::Signature } else { TokenError::Malformed }
        })
    }

    /// The HMAC of a token's first two segments. Of an own token the first block is hashed already.
    fn hmac(&self, key: &SigningKey, kind: TokenKind, signed: &[u8]) -> Hmac<Sha256> {
        match self.beginning.as_ref().and_then(|beginning| signed.strip_prefix(beginning)) {
            Some(rest) => key.begun.of(kind).chain_update(rest),
            None => key.states.of(kind).chain_update(signed),
        }
    }

    /// From when and until when the claims hold, if they do at `now`.
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
        // The pair counts: a former audience of a former issuer is none of the present one's.
        let is_accepted =
            |accepted: &Accepted| claims.issuer == accepted.issuer && claims.audience == accepted.audience;
        if self.accepted.iter().any(is_accepted) {
            return Ok(start..end);
        }
        Err(if is_own_issuer { TokenError::Audience } else { TokenError::Issuer })
    }
}

/// The first block of the tokens of `issuer`; `None` if the issuer is too short for what follows it to be always the
/// same that far.
fn beginning(issuer: &str) -> Option<[u8; BLOCK]> {
    let mut claims = Vec::new();
    Claims::begin(issuer, &mut claims);
    // A group of three bytes makes four characters that nothing behind them changes.
    claims.truncate(claims.len() / 3 * 3);
    let mut token = HEADER.to_vec();
    token.resize(HEADER.len() + base64url::encoded_len(claims.len()), 0);
    base64url::encode(&claims, &mut token[HEADER.len()..]);
    token.first_chunk().copied()
}

#[cfg(test)]
mod tests;
