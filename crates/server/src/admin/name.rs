//! What people write: the names of merchants and clients, and the reasons that they give.

use std::str::FromStr;

/// A name for people: 1 to 255 bytes without control characters, and without spaces at its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// A text that is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 255 bytes and no control characters")]
pub struct NameError;

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        match text.len() {
            1..=255 if !text.chars().any(char::is_control) => Ok(Self(text.to_owned())),
            _ => Err(NameError),
        }
    }
}

/// Why something is done: 1 to 500 bytes without control characters, and without spaces at its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

/// A text that is no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reason has 1 to 500 bytes and no control characters")]
pub struct ReasonError;

impl FromStr for Reason {
    type Err = ReasonError;

    fn from_str(text: &str) -> Result<Self, ReasonError> {
        let text = text.trim();
        match text.len() {
            1..=500 if !text.chars().any(char::is_control) => Ok(Self(text.to_owned())),
            _ => Err(ReasonError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_has_a_bound_and_no_control_characters() {
        assert_eq!(" Zoë's Shop ".parse::<Name>().unwrap().as_str(), "Zoë's Shop");
        assert_eq!("n".repeat(255).parse::<Name>().map(|name| name.as_str().len()), Ok(255));
        for bad in ["", "  ", "a\nb", "\u{1b}[2J", &"n".repeat(256)] {
            assert_eq!(bad.parse::<Name>(), Err(NameError), "{bad:?}");
        }
    }

    #[test]
    fn a_reason_has_a_bound_and_no_control_characters() {
        assert_eq!(" ticket 7 ".parse::<Reason>().map(String::from), Ok("ticket 7".to_owned()));
        for bad in ["", " ", "a\nb", "\u{9b}2J", &"r".repeat(501)] {
            assert_eq!(bad.parse::<Reason>(), Err(ReasonError), "{bad:?}");
        }
    }
}
