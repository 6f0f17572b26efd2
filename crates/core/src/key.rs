//! A key in its two halves: the one that signs, which the authority keeps, and the one that verifies.

use crate::algorithm::Algorithm;
use crate::hmac_key::HmacKey;
use crate::token::TokenKind;
use crate::{KeyId, Timestamp};

/// When a key is in force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) id: KeyId,
    /// From then on it signs.
    pub(crate) activates_at: Timestamp,
    /// From then on it neither signs nor verifies.
    pub(crate) retires_at: Timestamp,
}

/// A key that signs tokens. Only the authority has it.
#[derive(Clone)]
pub struct SigningKey {
    pub(crate) schedule: Schedule,
    private: Private,
}

#[derive(Clone)]
enum Private {
    Hs256(HmacKey),
}

impl SigningKey {
    /// Derives a key of [`Algorithm::Hs256`] from 256 bits of key material. Tokens of each kind get a key of their own.
    pub fn derive(
        id: KeyId,
        material: &[u8; 32],
        activates_at: Timestamp,
        retires_at: Option<Timestamp>,
    ) -> Self {
        let retires_at = retires_at.unwrap_or(Timestamp::MAX);
        Self {
            schedule: Schedule { id, activates_at, retires_at },
            private: Private::Hs256(HmacKey::derive(material)),
        }
    }

    /// The algorithm that it signs with.
    pub const fn algorithm(&self) -> Algorithm {
        match self.private {
            Private::Hs256(_) => Algorithm::Hs256,
        }
    }

    /// The key that verifies what this one signs.
    ///
    /// For [`Algorithm::Hs256`] both are the same secret, so it must not leave the authority either.
    pub fn verifying_key(&self) -> VerifyingKey {
        let public = match &self.private {
            Private::Hs256(key) => Public::Hs256(key.clone()),
        };
        VerifyingKey { schedule: self.schedule, public }
    }

    pub(crate) fn set_issuer(&mut self, issuer: &str) {
        match &mut self.private {
            Private::Hs256(key) => key.set_issuer(issuer),
        }
    }

    /// Writes the signature of a token's first two segments, in base64url, into a buffer of its length.
    pub(crate) fn sign(&self, kind: TokenKind, signed: &[u8], signature: &mut [u8]) {
        match &self.private {
            Private::Hs256(key) => key.sign(kind, signed, signature),
        }
    }
}

/// A key that verifies tokens and can't sign any.
#[derive(Clone)]
pub struct VerifyingKey {
    pub(crate) schedule: Schedule,
    public: Public,
}

#[derive(Clone)]
enum Public {
    Hs256(HmacKey),
}

impl VerifyingKey {
    /// The algorithm of the signatures that it verifies.
    pub const fn algorithm(&self) -> Algorithm {
        match self.public {
            Public::Hs256(_) => Algorithm::Hs256,
        }
    }

    pub(crate) fn set_issuer(&mut self, issuer: &str) {
        match &mut self.public {
            Public::Hs256(key) => key.set_issuer(issuer),
        }
    }

    /// Says whether `signature`, in base64url, is that of a token's first two segments.
    pub(crate) fn verifies(&self, kind: TokenKind, signed: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            Public::Hs256(key) => key.verifies(kind, signed, signature),
        }
    }
}
