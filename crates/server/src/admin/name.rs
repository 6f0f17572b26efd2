//! The names that people give to merchants and clients.

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
}
