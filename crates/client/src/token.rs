//! An access token, as it is obtained and as it is used.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::Moment;

const SCHEME: &str = "Bearer ";

/// An access token that was just obtained. Its life is counted from when it was asked for.
#[derive(Clone)]
pub struct Token {
    header: HeaderValue,
    sent: Moment,
    life: Duration,
}

impl Token {
    /// Takes an access token that was asked for at `sent` and is said to live for `life`.
    ///
    /// What can't be a bearer token is refused: an empty text, or one with anything but visible ASCII
    /// (RFC 6750 §2.1).
    pub fn new(access_token: &str, sent: Moment, life: Duration) -> Result<Self, NotAToken> {
        if access_token.is_empty() || !access_token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NotAToken);
        }
        let mut line = Zeroizing::new(Vec::with_capacity(SCHEME.len() + access_token.len()));
        line.extend_from_slice(SCHEME.as_bytes());
        line.extend_from_slice(access_token.as_bytes());
        let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(line)).map_err(|_| NotAToken)?;
        header.set_sensitive(true);
        Ok(Self { header, sent, life })
    }

    /// The value of the `Authorization` header, marked sensitive.
    pub fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// The token itself.
    pub fn expose_token(&self) -> &str {
        expose(&self.header)
    }

    /// How long it lives, counted from when it was asked for.
    pub fn life(&self) -> Duration {
        self.life
    }

    /// When it was asked for.
    pub fn sent(&self) -> Moment {
        self.sent
    }

    /// When it ends.
    pub fn expires(&self) -> Moment {
        self.sent.after(self.life)
    }
}

/// The text is none that a bearer token may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no bearer token: it is empty or has characters that a token can't have")]
pub struct NotAToken;

/// The how-manieth token of its cache a token is. A newer one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generation(u64);

impl Generation {
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// What a request is authorized with: the header, and which token it is.
#[derive(Clone)]
pub struct Authorization {
    header: HeaderValue,
    generation: Generation,
}

impl Authorization {
    pub(crate) fn new(token: &Token, generation: Generation) -> Self {
        Self { header: token.header.clone(), generation }
    }

    /// The value of the `Authorization` header, marked sensitive.
    pub fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// The value of the `Authorization` header, marked sensitive.
    pub fn into_header(self) -> HeaderValue {
        self.header
    }

    /// Which token it is, to be named when the token is refused.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The token itself, for a program that wants it without the header.
    pub fn expose_token(&self) -> &str {
        expose(&self.header)
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").field("generation", &self.generation).finish_non_exhaustive()
    }
}

fn expose(header: &HeaderValue) -> &str {
    let line = header.to_str().expect("a token is visible ASCII");
    line.strip_prefix(SCHEME).expect("every header is made with the scheme")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment { monotonic: Duration::ZERO, wall: Duration::ZERO };

    #[test]
    fn the_header_is_ready_and_sensitive() {
        let token = Token::new("abc.def", NOW, Duration::from_secs(900)).unwrap();
        assert_eq!(token.header(), "Bearer abc.def");
        assert!(token.header().is_sensitive());
        assert_eq!(token.expose_token(), "abc.def");
        let authorization = Authorization::new(&token, Generation(7));
        assert!(authorization.clone().header().is_sensitive());
        assert_eq!(format!("{authorization:?}"), "Authorization { generation: Generation(7), .. }");
    }

    #[test]
    fn what_is_no_bearer_token_is_refused() {
        for text in ["", "a b", "a\r\nX-Other: 1", "a\tb", "tokén"] {
            assert_eq!(Token::new(text, NOW, Duration::ZERO).err(), Some(NotAToken), "{text:?}");
        }
    }
}
