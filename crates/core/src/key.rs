//! A key in its two halves: the one that signs, which the authority keeps, and the one that verifies.

use std::borrow::Cow;
use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::header;
use crate::hmac_key::{self, HmacKey};
use crate::private_key::PrivateKey;
use crate::public_key::{LONGEST_SIGNATURE, PublicKey};
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

impl Schedule {
    fn new(id: KeyId, activates_at: Timestamp, retires_at: Option<Timestamp>) -> Self {
        Self { id, activates_at, retires_at: retires_at.unwrap_or(Timestamp::MAX) }
    }
}

/// A key that signs tokens. Only the authority has it.
#[derive(Clone)]
pub struct SigningKey {
    pub(crate) schedule: Schedule,
    header: Cow<'static, [u8]>,
    private: Private,
}

#[derive(Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "the key of HS256 is in place: it is read for nearly every token"
)]
enum Private {
    Hs256(HmacKey),
    Asymmetric(Arc<PrivateKey>),
}

impl SigningKey {
    /// Derives a key of [`Algorithm::Hs256`] from 256 bits of key material. Tokens of each kind get a key of their own.
    pub fn derive(
        id: KeyId,
        material: &[u8; 32],
        activates_at: Timestamp,
        retires_at: Option<Timestamp>,
    ) -> Self {
        Self {
            schedule: Schedule::new(id, activates_at, retires_at),
            header: header::of(Algorithm::Hs256, id),
            private: Private::Hs256(HmacKey::derive(material)),
        }
    }

    /// Makes a key of an asymmetric algorithm. It signs access tokens alone.
    pub fn asymmetric(
        id: KeyId,
        key: PrivateKey,
        activates_at: Timestamp,
        retires_at: Option<Timestamp>,
    ) -> Self {
        Self {
            schedule: Schedule::new(id, activates_at, retires_at),
            header: header::of(key.public_key().algorithm(), id),
            private: Private::Asymmetric(Arc::new(key)),
        }
    }

    /// The algorithm that it signs with.
    pub fn algorithm(&self) -> Algorithm {
        match &self.private {
            Private::Hs256(_) => Algorithm::Hs256,
            Private::Asymmetric(key) => key.public_key().algorithm(),
        }
    }

    /// The key that verifies what this one signs.
    ///
    /// For [`Algorithm::Hs256`] both are the same secret, so it must not leave the authority either.
    pub fn verifying_key(&self) -> VerifyingKey {
        let public = match &self.private {
            Private::Hs256(key) => Public::Hs256(key.clone()),
            Private::Asymmetric(key) => Public::Asymmetric(key.public_key().clone()),
        };
        VerifyingKey { schedule: self.schedule, header: self.header.clone(), public }
    }

    pub(crate) fn set_issuer(&mut self, issuer: &str) {
        match &mut self.private {
            Private::Hs256(key) => key.set_issuer(issuer),
            Private::Asymmetric(_) => {}
        }
    }

    /// The first segment of the tokens that it signs, and the dot behind it.
    pub(crate) fn header(&self) -> &[u8] {
        &self.header
    }

    /// The number of characters of its signatures.
    pub(crate) fn signature_len(&self) -> usize {
        match &self.private {
            Private::Hs256(_) => hmac_key::SIGNATURE,
            Private::Asymmetric(key) => base64url::encoded_len(key.public_key().signature_len()),
        }
    }

    /// Writes the signature of a token's first two segments, in base64url, into a buffer of its length. Says whether it
    /// could.
    #[must_use]
    pub(crate) fn sign(&self, kind: TokenKind, signed: &[u8], signature: &mut [u8]) -> bool {
        match &self.private {
            Private::Hs256(key) => {
                key.sign(kind, signed, signature);
                true
            }
            Private::Asymmetric(key) => {
                let mut bytes = [0; LONGEST_SIGNATURE];
                let bytes = &mut bytes[..key.public_key().signature_len()];
                let is_signed = key.sign(signed, bytes);
                base64url::encode(bytes, signature);
                is_signed
            }
        }
    }
}

/// A key that verifies tokens and can't sign any.
#[derive(Clone)]
pub struct VerifyingKey {
    pub(crate) schedule: Schedule,
    header: Cow<'static, [u8]>,
    public: Public,
}

#[derive(Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "the key of HS256 is in place: it is read for nearly every token"
)]
enum Public {
    Hs256(HmacKey),
    Asymmetric(PublicKey),
}

impl VerifyingKey {
    /// Makes the key that verifies what the owner of `key` has signed as the key `id`, until its owner says otherwise.
    pub fn public(id: KeyId, key: PublicKey) -> Self {
        Self {
            schedule: Schedule::new(id, Timestamp::from_millis(0), None),
            header: header::of(key.algorithm(), id),
            public: Public::Asymmetric(key),
        }
    }

    /// Its id.
    pub const fn id(&self) -> KeyId {
        self.schedule.id
    }

    /// The algorithm of the signatures that it verifies.
    pub const fn algorithm(&self) -> Algorithm {
        match &self.public {
            Public::Hs256(_) => Algorithm::Hs256,
            Public::Asymmetric(key) => key.algorithm(),
        }
    }

    /// The key that may be published; `None` for a symmetric one.
    pub const fn public_key(&self) -> Option<&PublicKey> {
        match &self.public {
            Public::Hs256(_) => None,
            Public::Asymmetric(key) => Some(key),
        }
    }

    pub(crate) fn set_issuer(&mut self, issuer: &str) {
        match &mut self.public {
            Public::Hs256(key) => key.set_issuer(issuer),
            Public::Asymmetric(_) => {}
        }
    }

    /// The first segment of the tokens that it verifies, and the dot behind it.
    pub(crate) fn header(&self) -> &[u8] {
        &self.header
    }

    /// The number of characters of the signatures that it verifies.
    pub(crate) fn signature_len(&self) -> usize {
        match &self.public {
            Public::Hs256(_) => hmac_key::SIGNATURE,
            Public::Asymmetric(key) => base64url::encoded_len(key.signature_len()),
        }
    }

    /// Says whether `signature`, in base64url, is that of a token's first two segments. Asymmetric keys sign access tokens
    /// alone.
    pub(crate) fn verifies(&self, kind: TokenKind, signed: &[u8], signature: &[u8]) -> bool {
        match (&self.public, kind) {
            (Public::Hs256(key), _) => key.verifies(kind, signed, signature),
            (Public::Asymmetric(_), TokenKind::Refresh) => false,
            (Public::Asymmetric(key), TokenKind::Access) => {
                let mut buffer = [0; LONGEST_SIGNATURE];
                let bytes = base64url::decode(signature, &mut buffer);
                bytes.is_some_and(|bytes| bytes.len() == key.signature_len() && key.verifies(signed, bytes))
            }
        }
    }
}
