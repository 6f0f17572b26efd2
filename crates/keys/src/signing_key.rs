//! A key that signs tokens.

use std::borrow::Cow;
use std::sync::Arc;

use tollgate_core::{
    Algorithm, HmacKey, KeyId, LONGEST_SIGNATURE, Schedule, Timestamp, TokenKind, VerifyingKey, base64url,
    header,
};

use crate::private_key::PrivateKey;

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
    /// Derives a key of [`Algorithm::Hs256`] from 256 bits of key material. Each kind of token gets its own key.
    pub fn derive(
        id: KeyId,
        material: &[u8; 32],
        activates_at: Timestamp,
        retires_at: Option<Timestamp>,
    ) -> Self {
        Self {
            schedule: Schedule::new(id, activates_at, retires_at),
            header: header::HS256.into(),
            private: Private::Hs256(HmacKey::derive(material)),
        }
    }

    /// Makes a key of an asymmetric algorithm. It only signs access tokens.
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

    /// Returns the algorithm that it signs with.
    pub fn algorithm(&self) -> Algorithm {
        match &self.private {
            Private::Hs256(_) => Algorithm::Hs256,
            Private::Asymmetric(key) => key.public_key().algorithm(),
        }
    }

    /// Returns the key that verifies what this one signs.
    ///
    /// For [`Algorithm::Hs256`] both are the same secret, so it must not leave the authority either.
    pub fn verifying_key(&self) -> VerifyingKey {
        match &self.private {
            Private::Hs256(key) => VerifyingKey::symmetric(self.schedule, key.clone()),
            Private::Asymmetric(key) => VerifyingKey::asymmetric(self.schedule, key.public_key().clone()),
        }
    }

    pub(crate) fn set_issuer(&mut self, issuer: &str) {
        match &mut self.private {
            Private::Hs256(key) => key.set_issuer(issuer),
            Private::Asymmetric(_) => {}
        }
    }

    /// Returns the first segment of the tokens that it signs, and the dot after it.
    pub(crate) fn header(&self) -> &[u8] {
        &self.header
    }

    /// Returns the number of characters of its signatures.
    pub(crate) fn signature_len(&self) -> usize {
        match &self.private {
            Private::Hs256(_) => HmacKey::SIGNATURE,
            Private::Asymmetric(key) => base64url::encoded_len(key.public_key().signature_len()),
        }
    }

    /// Writes the signature of a token's first two segments, in base64url, into a buffer of its length. Returns whether it
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
