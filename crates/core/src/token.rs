//! Tokens: their kinds, why one is refused, and a buffer to decode one into.

/// The longest token, in bytes. A longer one is refused before any of it is read.
pub const MAX_TOKEN: usize = 4096;
/// The size of the buffer on the stack, in bytes: more than the payload of a usual token has.
const SHORT_PAYLOAD: usize = 512;

/// The kind of a token. Each kind has its own keys, so that one can't pass for the other (RFC 8725 §3.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// An access token, which is sent with every call of the API.
    Access,
    /// A refresh token, which is exchanged for access tokens at the authority.
    Refresh,
}

/// Why a token is refused, for logs and for `tollgate inspect`. A caller learns only that it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is longer than 4 KiB.
    #[error("it is longer than 4096 bytes")]
    TooLong,
    /// Its first segment is not a known header.
    #[error("its header is not one that this authority writes")]
    UnknownHeader,
    /// It is not three segments of canonical base64url, the last of which has the length of a signature.
    #[error("it is not three segments of canonical base64url")]
    Malformed,
    /// Its signature was not made by a key in force for this kind of token.
    #[error("its signature was made by no key in force for this kind of token")]
    Signature,
    /// It is signed, but its claims are not in the form that this authority writes.
    #[error("its claims are not in the form that this authority writes")]
    Claims,
    /// Its `exp` has been reached (RFC 7519 §4.1.4).
    #[error("it has expired")]
    Expired,
    /// Its `iat` is in the future.
    #[error("it was issued in the future: clocks differ")]
    NotYetValid,
    /// Its `iss` names another authority.
    #[error("another authority issued it")]
    Issuer,
    /// Its `aud` names another API.
    #[error("it is for another API")]
    Audience,
    /// The token, its secret, its client or its merchant was revoked. A keyring doesn't know this; the guard adds it.
    #[error("it was revoked")]
    Revoked,
}

impl TokenError {
    /// Every reason, in the order of the variants.
    pub const ALL: [Self; 10] = [
        Self::TooLong,
        Self::UnknownHeader,
        Self::Malformed,
        Self::Signature,
        Self::Claims,
        Self::Expired,
        Self::NotYetValid,
        Self::Issuer,
        Self::Audience,
        Self::Revoked,
    ];

    /// Returns the name of the reason in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::UnknownHeader => "unknown_header",
            Self::Malformed => "malformed",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Revoked => "revoked",
        }
    }
}

/// A buffer for a decoded token, from which its claims borrow. Most tokens fit into the part on the stack.
pub struct PayloadBuffer {
    short: [u8; SHORT_PAYLOAD],
    long: Vec<u8>,
}

impl PayloadBuffer {
    /// Makes a buffer for a token of any length that is accepted.
    pub const fn new() -> Self {
        Self { short: [0; SHORT_PAYLOAD], long: Vec::new() }
    }

    /// Returns the part of the buffer that `encoded` characters decode to.
    pub(crate) fn room(&mut self, encoded: usize) -> &mut [u8] {
        let len = encoded * 3 / 4;
        if len <= SHORT_PAYLOAD {
            return &mut self.short;
        }
        self.long.resize(len, 0);
        &mut self.long
    }
}

impl Default for PayloadBuffer {
    fn default() -> Self {
        Self::new()
    }
}
