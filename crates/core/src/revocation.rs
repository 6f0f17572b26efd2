//! Revocations, which end tokens before they expire.

use std::fmt;
use std::str::FromStr;

use rand::Rng;

use crate::{ClientId, MerchantId, SecretId, Timestamp, base64url};

/// The id of a token: the claim `jti` (RFC 7519 §4.1.7), 128 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 16]);

impl TokenId {
    /// Draws a random id.
    pub fn random(rng: &mut impl Rng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Returns the id of the refresh token that is issued together with the access token of this id: the next number, so that the
    /// access token need not name its refresh token.
    #[must_use]
    pub const fn of_its_refresh_token(self) -> Self {
        Self(u128::from_be_bytes(self.0).wrapping_add(1).to_be_bytes())
    }

    /// Makes the id from its 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Borrows the id's 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Returns the value of the claim, in ASCII: unpadded base64url.
    pub fn encode(&self) -> [u8; 22] {
        let mut text = [0; 22];
        base64url::encode(&self.0, &mut text);
        text
    }
}

impl fmt::Display for TokenId {
    /// Writes the value of the claim.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.encode()).expect("base64url is ASCII"))
    }
}

/// The error for a text that is not a token id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the claim `jti` of a token, which is 22 characters of base64url")]
pub struct TokenIdError;

impl FromStr for TokenId {
    type Err = TokenIdError;

    /// Reads the value of the claim, and no other spelling.
    fn from_str(text: &str) -> Result<Self, TokenIdError> {
        let mut bytes = [0; 16];
        let is_as_long = text.len() == base64url::encoded_len(bytes.len());
        base64url::decode(text.as_bytes(), &mut bytes).filter(|_| is_as_long).ok_or(TokenIdError)?;
        Ok(Self(bytes))
    }
}

/// The generation of a client's or a merchant's tokens: how often all of them have been ended.
///
/// The row of the client or merchant has it, and so has each token. An act that ends all tokens (disabling, revoking them, a change of
/// a client's networks) raises the generation in the row, which ends every token of an earlier generation, whatever any clock shows
/// and whichever server issued it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generation(u64);

impl Generation {
    /// The generation of a new client or merchant.
    pub const FIRST: Self = Self(0);

    /// The generation that no token reaches: a revocation of all earlier tokens ends every present and future token.
    pub const END: Self = Self(i64::MAX as u64);

    /// Makes the generation with this number, at most [`Generation::END`].
    pub const fn from_number(number: u64) -> Self {
        if number < Self::END.0 { Self(number) } else { Self::END }
    }

    /// Returns the generation's number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// Returns the generation after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self::from_number(self.0 + 1)
    }
}

/// The tokens that a revocation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// One token and, if it is a refresh token, every access token that was obtained with it (RFC 7009 §2.1).
    Token(TokenId),
    /// Every token obtained with this secret, directly or by refreshing.
    Secret(SecretId),
    /// Every token of this client whose generation is earlier than this one.
    Client(ClientId, Generation),
    /// Every token of this merchant's clients whose merchant generation is earlier than this one.
    Merchant(MerchantId, Generation),
}

/// A revocation, which ends tokens before they expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// The tokens that it ends.
    pub subject: Revoked,
    /// When the last of these tokens has expired by itself, and the revocation can be deleted.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_token_comes_back_from_its_text_and_from_no_other() {
        let id = TokenId::from_bytes([0xfe; 16]);
        let text = id.to_string();
        assert_eq!(text.parse(), Ok(id));
        let not_canonical = format!("{}z", &text[..21]);
        for bad in ["", "a", &text[1..], &format!("{text}A"), &not_canonical, &text.replace('_', "/")] {
            assert_eq!(bad.parse::<TokenId>(), Err(TokenIdError), "{bad:?}");
        }
    }
}
