//! The keys that sign, and how a token is made.

use tollgate_core::{Algorithm, Claims, Form, KeyId, MAX_TOKEN, Timestamp, TokenKind, base64url};

use crate::signing_key::SigningKey;

/// The keys that an authority signs tokens with, each in its time.
#[derive(Clone)]
pub struct SigningRing {
    /// The keys, the one with the latest activation first.
    keys: Vec<SigningKey>,
}

/// The phase of a signing key. A key signs in one phase only, and verifies in all but the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The key doesn't sign yet, so that every server knows it before it does.
    Next,
    /// The key signs.
    Active,
    /// The key no longer signs. The phase lasts longer than the longest token that the key has signed.
    VerifyOnly,
    /// Tokens of the key are refused.
    Retired,
}

impl Phase {
    /// Returns the name that `tollgate key list` shows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::VerifyOnly => "verify-only",
            Self::Retired => "retired",
        }
    }
}

impl SigningRing {
    /// Puts `keys`, in any order, on a ring for the tokens of `issuer`.
    pub fn new(issuer: &str, mut keys: Vec<SigningKey>) -> Self {
        keys.sort_by_key(|key| std::cmp::Reverse((key.schedule.activates_at, key.schedule.id)));
        for key in &mut keys {
            key.set_issuer(issuer);
        }
        Self { keys }
    }

    /// Returns the phase of the key `id` at `now`; `None` if it is not on the ring.
    pub fn phase(&self, id: KeyId, now: Timestamp) -> Option<Phase> {
        let signing = self.keys.iter().find(|key| key.schedule.id == id)?;
        let key = signing.schedule;
        Some(if key.retires_at <= now {
            Phase::Retired
        } else if self.active(signing.algorithm(), now).is_some_and(|active| active.schedule.id == id) {
            Phase::Active
        } else if key.activates_at > now {
            Phase::Next
        } else {
            Phase::VerifyOnly
        })
    }

    /// Says whether a key of this algorithm signs at `now`.
    pub fn can_sign(&self, algorithm: Algorithm, now: Timestamp) -> bool {
        self.active(algorithm, now).is_some()
    }

    /// Returns since when the key of this algorithm that signs at `now` has signed; if the clock is behind, a future time.
    pub fn signs_since(&self, algorithm: Algorithm, now: Timestamp) -> Option<Timestamp> {
        self.active(algorithm, now).map(|key| key.schedule.activates_at)
    }

    /// Returns the key of an algorithm that signs at `now`: the one activated last. If the clock is behind, the one activated
    /// first.
    fn active(&self, algorithm: Algorithm, now: Timestamp) -> Option<&SigningKey> {
        let in_force = move |key: &&SigningKey| key.schedule.retires_at > now && key.algorithm() == algorithm;
        let mut in_force = self.keys.iter().filter(in_force);
        in_force.clone().find(|key| key.schedule.activates_at <= now).or_else(|| in_force.next_back())
    }

    /// Appends a token to `out`, signed by the key of `algorithm` that is active at `now`. On an error nothing is appended.
    ///
    /// A refresh token is only read by the authority, and always signed with [`Algorithm::Hs256`]. With that algorithm
    /// nothing is allocated if `out` has room for the token and its claims, about 1,000 bytes.
    pub fn mint(
        &self,
        kind: TokenKind,
        algorithm: Algorithm,
        claims: &Claims<'_>,
        now: Timestamp,
        out: &mut Vec<u8>,
    ) -> Result<(), MintError> {
        let algorithm = match kind {
            TokenKind::Access => algorithm,
            TokenKind::Refresh => Algorithm::Hs256,
        };
        let key = self.active(algorithm, now).ok_or(MintError::NoKey)?;
        let (header, signature_len) = (key.header(), key.signature_len());
        let start = out.len();
        claims.write(Form::of(algorithm), out);
        let claims_end = out.len();
        let signed_len = header.len() + base64url::encoded_len(claims_end - start);
        let token_len = signed_len + 1 + signature_len;
        if token_len > MAX_TOKEN {
            out.truncate(start);
            return Err(MintError::TooLong);
        }
        // The token is made after its claims and then moved over them. Zeros after the claims change none of the
        // characters that are kept, and let all of these be encoded in whole vectors.
        let padded = base64url::in_vectors(claims_end - start);
        out.resize(start + padded, 0);
        out.resize(start + padded + header.len() + base64url::encoded_len(padded) + signature_len, b'.');
        let (claims, token) = out[start..].split_at_mut(padded);
        token[..header.len()].copy_from_slice(header);
        base64url::encode(claims, &mut token[header.len()..]);
        token[signed_len] = b'.';
        let (signed, signature) = token.split_at_mut(signed_len + 1);
        if !key.sign(kind, &signed[..signed_len], &mut signature[..signature_len]) {
            out.truncate(start);
            return Err(MintError::NoRandomBytes);
        }
        out.copy_within(start + padded..start + padded + token_len, start);
        out.truncate(start + token_len);
        Ok(())
    }
}

/// Why a token can't be minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// No key of the algorithm is active.
    #[error("no signing key is in force")]
    NoKey,
    /// The system gave no random bytes, which a signature needs.
    #[error("the system gave no random bytes")]
    NoRandomBytes,
    /// The token would be longer than [`MAX_TOKEN`] bytes, so that no verifier would accept it.
    #[error("the token would be longer than 4 KiB")]
    TooLong,
}
