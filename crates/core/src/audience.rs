//! The name of an API that tokens are for.

use std::fmt;
use std::str::FromStr;

/// The longest name of an API, in bytes.
const LONGEST: usize = 255;

/// The name of an API: the claim `aud` of a token (RFC 7519 §4.1.3), and the `resource` that a client asks for (RFC 8707 §2).
///
/// It is 1 to 255 printable ASCII characters without spaces, quotes and backslashes, so that it needs no escapes in JSON and in
/// headers. It is compared byte by byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Audience(Box<str>);

/// The error for a text that is not the name of an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an audience is 1 to 255 printable ASCII characters without spaces, quotes and backslashes")]
pub struct AudienceError;

impl Audience {
    /// Returns the name as text.
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Audience {
    type Err = AudienceError;

    fn from_str(text: &str) -> Result<Self, AudienceError> {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"'\\".contains(&byte);
        if (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_plain) {
            Ok(Self(text.into()))
        } else {
            Err(AudienceError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_printable_and_needs_no_escape() {
        for good in ["payment-api", "https://ledger.example.com/v1?x=1#y", "a", &"a".repeat(255)] {
            assert_eq!(good.parse::<Audience>().unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "a\"", "a'", "a\\", "a\n", "\u{e9}", "a\0", &"a".repeat(256)] {
            assert_eq!(bad.parse::<Audience>(), Err(AudienceError), "{bad:?}");
        }
    }
}
