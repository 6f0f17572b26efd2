//! The keys that sign tokens.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::token::TokenKind;
use crate::{KeyId, Timestamp};

/// A signing key, ready for use: the HMAC states of both kinds are computed once.
#[derive(Clone)]
pub struct SigningKey {
    pub(crate) id: KeyId,
    pub(crate) activates_at: Timestamp,
    pub(crate) retires_at: Timestamp,
    pub(crate) states: States,
    /// The states after the beginning of this issuer's tokens; a keyring knows that, so it sets them.
    pub(crate) begun: States,
}

/// The HMAC states of both kinds of token, over nothing or over what their tokens begin with.
#[derive(Clone)]
pub(crate) struct States {
    pub(crate) access: Hmac<Sha256>,
    refresh: Hmac<Sha256>,
}

impl States {
    pub(crate) fn of(&self, kind: TokenKind) -> Hmac<Sha256> {
        match kind {
            TokenKind::Access => self.access.clone(),
            TokenKind::Refresh => self.refresh.clone(),
        }
    }

    pub(crate) fn after(&self, beginning: &[u8]) -> Self {
        let after = |kind| self.of(kind).chain_update(beginning);
        Self { access: after(TokenKind::Access), refresh: after(TokenKind::Refresh) }
    }
}

impl SigningKey {
    /// Derives the keys of both kinds from 256 bits of key material, each under its own label (RFC 5869).
    pub fn derive(
        id: KeyId,
        material: &[u8; 32],
        activates_at: Timestamp,
        retires_at: Option<Timestamp>,
    ) -> Self {
        let derived = |label: &str| {
            let mut key = Zeroizing::new([0; 32]);
            Hkdf::<Sha256>::new(None, material)
                .expand(label.as_bytes(), key.as_mut())
                .expect("HKDF-SHA-256 gives 32 bytes");
            Hmac::new_from_slice(key.as_ref()).expect("HMAC takes keys of any length")
        };
        let states = States {
            access: derived("tollgate v1 access token"),
            refresh: derived("tollgate v1 refresh token"),
        };
        let retires_at = retires_at.unwrap_or(Timestamp::MAX);
        Self { id, activates_at, retires_at, begun: states.clone(), states }
    }
}
