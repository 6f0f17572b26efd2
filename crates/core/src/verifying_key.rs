//! A key that verifies tokens, and when it is in force.

use std::borrow::Cow;

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::header;
use crate::hmac_key::HmacKey;
use crate::public_key::{LONGEST_SIGNATURE, PublicKey};
use crate::token::TokenKind;
use crate::{KeyId, Timestamp};

/// The time in which a key is in force.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// The key's id.
    pub id: KeyId,
    /// When it starts to sign.
    pub activates_at: Timestamp,
    /// When it stops to sign and to verify.
    pub retires_at: Timestamp,
}

impl Schedule {
    /// Makes the schedule of a key that is in force from one time to another, or without an end.
    pub fn new(id: KeyId, activates_at: Timestamp, retires_at: Option<Timestamp>) -> Self {
        Self { id, activates_at, retires_at: retires_at.unwrap_or(Timestamp::MAX) }
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
    /// Makes the key that verifies what the owner of `key` has signed as the key `id`, until its owner withdraws it.
    pub fn public(id: KeyId, key: PublicKey) -> Self {
        Self::asymmetric(Schedule::new(id, Timestamp::from_millis(0), None), key)
    }

    /// Makes the key that verifies what the owner of `key` has signed, while it is in force.
    pub fn asymmetric(schedule: Schedule, key: PublicKey) -> Self {
        let header = header::of(key.algorithm(), schedule.id);
        Self { schedule, header, public: Public::Asymmetric(key) }
    }

    /// Makes the key that verifies what `key` signs. It is the same secret, so it must not leave the authority either.
    pub fn symmetric(schedule: Schedule, key: HmacKey) -> Self {
        Self { schedule, header: header::HS256.into(), public: Public::Hs256(key) }
    }

    /// Returns the key's id.
    pub const fn id(&self) -> KeyId {
        self.schedule.id
    }

    /// Returns the algorithm of the signatures that it verifies.
    pub const fn algorithm(&self) -> Algorithm {
        match &self.public {
            Public::Hs256(_) => Algorithm::Hs256,
            Public::Asymmetric(key) => key.algorithm(),
        }
    }

    /// Returns the key that may be published; `None` for a symmetric one.
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

    /// Returns the first segment of the tokens that it verifies, and the dot after it.
    pub(crate) fn header(&self) -> &[u8] {
        &self.header
    }

    /// Returns the number of characters of the signatures that it verifies.
    pub(crate) fn signature_len(&self) -> usize {
        match &self.public {
            Public::Hs256(_) => HmacKey::SIGNATURE,
            Public::Asymmetric(key) => base64url::encoded_len(key.signature_len()),
        }
    }

    /// Says whether `signature`, in base64url, is the signature of a token's first two segments. Asymmetric keys only sign access
    /// tokens.
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
