//! What a revocation says: which tokens end before their time.

use std::fmt;

use rand::Rng;

use crate::{ClientId, MerchantId, SecretId, Timestamp};

/// Names one token: the claim `jti` (RFC 7519 §4.1.7), 128 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 16]);

impl TokenId {
    /// Draws one.
    pub fn random(rng: &mut impl Rng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Takes the 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Borrows the 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for TokenId {
    /// As it stands in the claim: unpadded base64url, 22 characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 22];
        let text = crate::base64url::encode(&self.0, &mut text);
        f.write_str(std::str::from_utf8(text).expect("base64url is ASCII"))
    }
}

/// Whose tokens a revocation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// One token.
    Token(TokenId),
    /// Every token obtained with this secret, directly or by refreshing.
    Secret(SecretId),
    /// Every token of this client.
    Client(ClientId),
    /// Every token of this merchant's clients.
    Merchant(MerchantId),
}

/// Ends tokens before their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// Whose.
    pub subject: Revoked,
    /// Tokens issued in this second or before it are refused (the claim `iat`).
    pub issued_until: Timestamp,
    /// When the last token concerned has expired by itself and the revocation can be forgotten.
    pub expires_at: Timestamp,
}
