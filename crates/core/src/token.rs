//! Tokens: their kinds, why one is refused or can't be made, and room for what one says.

/// The longest token, in bytes; a longer one is refused unseen.
pub const MAX_TOKEN: usize = 4096;
/// More than what the payload of a usual token decodes to.
const SHORT_PAYLOAD: usize = 512;

/// What a token is for. Each kind has keys of its own, so that one can never pass for the other (RFC 8725 §3.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Sent on every call of the API.
    Access,
    /// Exchanged for access tokens at the authority.
    Refresh,
}

/// Why a token is refused. For logs and for `tollgate inspect`; a caller only learns that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than 4 KiB.
    #[error("it is longer than 4096 bytes")]
    TooLong,
    /// Its first segment is none of the known headers.
    #[error("its header is not one that this authority writes")]
    UnknownHeader,
    /// It is not three segments of canonical base64url, the last one as long as a signature.
    #[error("it is not three segments of canonical base64url")]
    Malformed,
    /// No key that is in force made its signature for this kind of token.
    #[error("its signature was made by no key in force for this kind of token")]
    Signature,
    /// Signed, but not the claims that this authority writes.
    #[error("its claims are not in the form that this authority writes")]
    Claims,
    /// Its `exp` has come (RFC 7519 §4.1.4).
    #[error("it has expired")]
    Expired,
    /// Its `iat` lies in the future.
    #[error("it was issued in the future: clocks differ")]
    NotYetValid,
    /// Its `iss` is another authority.
    #[error("another authority issued it")]
    Issuer,
    /// Its `aud` is another API.
    #[error("it is for another API")]
    Audience,
    /// It, its secret, its client or its merchant was revoked. A keyring doesn't know; whoever holds the revocations says so.
    #[error("it was revoked")]
    Revoked,
}

impl TokenError {
    /// All of them.
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

    /// Its name, for metrics.
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

/// Why a token can't be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// No key signs now.
    #[error("no signing key is in force")]
    NoKey,
    /// Its claims don't fit into what a verifier looks at, [`MAX_TOKEN`] bytes.
    #[error("the token would be longer than 4 KiB")]
    TooLong,
}

/// Room for a decoded token, from which its claims borrow. Most tokens find it on the stack.
pub struct PayloadBuffer {
    short: [u8; SHORT_PAYLOAD],
    long: Vec<u8>,
}

impl PayloadBuffer {
    /// Makes room for any token that is looked at.
    pub const fn new() -> Self {
        Self { short: [0; SHORT_PAYLOAD], long: Vec::new() }
    }

    /// Room for what `encoded` characters decode to.
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
