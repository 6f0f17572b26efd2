//! Scopes (RFC 6749 §3.3), and the environment of a credential.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A scope: space-separated, case-sensitive words in the order given, each once.
///
/// Cloning shares the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope(Arc<str>);

/// The error for a text that is not a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope is a list of words of printable ASCII without quotes and backslashes, separated by single spaces"
)]
pub struct ScopeError;

impl Scope {
    /// The longest scope, in bytes, that a client can have: it must leave room in a 4 KiB token.
    pub const MAX_LEN: usize = 1024;

    /// Says whether a word may contain a byte (RFC 6749 §3.3, `NQCHAR`).
    pub const fn is_of_a_word(byte: u8) -> bool {
        matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
    }

    /// Makes the scope without words.
    pub fn empty() -> Self {
        Self(Arc::from(""))
    }

    /// Makes a scope from a text that was checked when it was signed.
    pub(crate) fn from_well_formed(text: &str) -> Self {
        debug_assert!(is_well_formed(text));
        Self(Arc::from(text))
    }

    /// Returns the text of the scope in a request and in the claim `scope`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether it has no words.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says whether `token` is one of its words.
    pub fn contains(&self, token: &str) -> bool {
        contains(&self.0, token)
    }

    /// Says whether each of its words is in `other`.
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.words().all(|word| other.contains(word))
    }

    /// Returns the words in their order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|word| !word.is_empty())
    }
}

/// Says whether `token` is a word of the scope text `scope`.
pub(crate) fn contains(scope: &str, token: &str) -> bool {
    scope.as_bytes().split(|byte| *byte == b' ').any(|word| word == token.as_bytes()) && !token.is_empty()
}

/// Says whether `text` could be a scope: `scope-token *( SP scope-token )`, or empty.
pub(crate) fn is_well_formed(text: &str) -> bool {
    // There is one space before the text, between its words and after it.
    let mut before = b' ';
    for byte in text.bytes().chain((!text.is_empty()).then_some(b' ')) {
        if !Scope::is_of_a_word(byte) && (byte != b' ' || before == b' ') {
            return false;
        }
        before = byte;
    }
    true
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        if text.len() > Self::MAX_LEN || !is_well_formed(text) {
            return Err(ScopeError);
        }
        let mut words: Vec<&str> = Vec::new();
        for word in text.split(' ') {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        Ok(Self(words.join(" ").into()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The environment of a client and its tokens: in live mode calls move money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Test mode, the only one that the sandbox accepts.
    Test,
    /// Live mode, in which calls move money.
    Live,
}

impl Environment {
    /// Returns the value of the claim `env`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error for a text that is not an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an environment is `test` or `live`")]
pub struct EnvironmentError;

impl FromStr for Environment {
    type Err = EnvironmentError;

    fn from_str(text: &str) -> Result<Self, EnvironmentError> {
        match text {
            "test" => Ok(Self::Test),
            "live" => Ok(Self::Live),
            _ => Err(EnvironmentError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_keeps_the_order_and_drops_repeats() {
        let scope: Scope = "payments:write payments:read payments:write".parse().unwrap();
        assert_eq!(scope.as_str(), "payments:write payments:read");
        assert!(scope.contains("payments:read"));
        assert!(!scope.contains("payments"));
        assert!(!scope.contains(""));
    }

    #[test]
    fn what_rfc_6749_does_not_allow_is_no_scope() {
        for bad in [" ", "a  b", " a", "a ", "a\"b", "a\\b", "a\tb", "a\nb", "é", "a\0"] {
            assert_eq!(bad.parse::<Scope>(), Err(ScopeError), "{bad:?}");
        }
        assert_eq!("a".repeat(Scope::MAX_LEN + 1).parse::<Scope>(), Err(ScopeError));
        assert!("".parse::<Scope>().unwrap().is_empty());
    }

    #[test]
    fn a_subset_has_no_word_of_its_own() {
        let all: Scope = "a b c".parse().unwrap();
        for (text, expected) in [("", true), ("c a", true), ("a d", false), ("ab", false)] {
            assert_eq!(text.parse::<Scope>().unwrap().is_subset_of(&all), expected, "{text:?}");
        }
    }
}
