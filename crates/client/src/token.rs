//! Access tokens, as the client holds them.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::Reading;

const SCHEME: &str = "Bearer ";

/// An access token that was just obtained. Its lifetime is counted from when it was requested.
#[derive(Clone)]
pub struct Token {
    header: HeaderValue,
    sent: Reading,
    lifetime: Duration,
}

impl Token {
    /// Makes a token from an access token that was requested at `sent` and is valid for `lifetime`.
    ///
    /// Fails for a text that is empty or has anything but visible ASCII (RFC 6750 §2.1).
    pub fn new(access_token: &str, sent: Reading, lifetime: Duration) -> Result<Self, NotAToken> {
        if access_token.is_empty() || !access_token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NotAToken);
        }
        let mut line = Zeroizing::new(Vec::with_capacity(SCHEME.len() + access_token.len()));
        line.extend_from_slice(SCHEME.as_bytes());
        line.extend_from_slice(access_token.as_bytes());
        let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(line)).map_err(|_| NotAToken)?;
        header.set_sensitive(true);
        Ok(Self { header, sent, lifetime })
    }

    /// Returns the value of the `Authorization` header, marked sensitive.
    pub fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// Returns the token itself.
    pub fn expose_token(&self) -> &str {
        expose(&self.header)
    }

    /// Returns the lifetime, counted from when the token was requested.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Returns when it was requested.
    pub fn sent(&self) -> Reading {
        self.sent
    }

    /// Returns when it expires.
    pub fn expires(&self) -> Reading {
        self.sent.after(self.lifetime)
    }
}

/// The error for a text that can't be a bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a bearer token: it is empty or has characters that a token can't have")]
pub struct NotAToken;

/// The number of a token within its cache. A newer token has a greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generation(u64);

impl Generation {
    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The token of a request: the header, and its generation.
#[derive(Clone)]
pub struct Authorization {
    header: HeaderValue,
    generation: Generation,
}

impl Authorization {
    pub(crate) fn new(token: &Token, generation: Generation) -> Self {
        Self { header: token.header.clone(), generation }
    }

    /// Returns the value of the `Authorization` header, marked sensitive.
    pub fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// Returns the value of the `Authorization` header, marked sensitive.
    pub fn into_header(self) -> HeaderValue {
        self.header
    }

    /// Returns the generation, to be named when the token is refused.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Returns the token itself, for a program that needs it without the header.
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

    const NOW: Reading = Reading { monotonic: Duration::ZERO, wall: Duration::ZERO };

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
