//! Texts that people write: the names of merchants and clients, and the reasons for acts.

use std::str::FromStr;

/// A name for people: 1 to 255 characters, without characters that affect how others are shown, and without spaces at its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Borrows the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

/// The error for a text that is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 255 characters that are not all white space, and no control characters")]
pub struct NameError;

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if is_line(text, 255) { Ok(Self(text.to_owned())) } else { Err(NameError) }
    }
}

/// The reason for an act: 1 to 500 characters, without characters that affect how others are shown, and without spaces at its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

/// The error for a text that is not a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 500 characters that are not all white space, and no control characters")]
pub struct ReasonError;

impl FromStr for Reason {
    type Err = ReasonError;

    fn from_str(text: &str) -> Result<Self, ReasonError> {
        let text = text.trim();
        if is_line(text, 500) { Ok(Self(text.to_owned())) } else { Err(ReasonError) }
    }
}

/// Says whether a text is one line that people can read: 1 to `most` characters that are not all white space. Line separators and
/// marks that change the direction of writing can make one name look like another.
pub fn is_line(text: &str, most: usize) -> bool {
    let acts = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.trim().is_empty() && text.chars().count() <= most && !text.contains(acts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_has_a_bound_and_no_control_characters() {
        assert_eq!(" Zoë's Shop ".parse::<Name>().unwrap().as_str(), "Zoë's Shop");
        assert_eq!("ë".repeat(255).parse::<Name>().map(|name| name.as_str().chars().count()), Ok(255));
        for bad in [
            "",
            "  ",
            "a\nb",
            "\u{1b}[2J",
            &"n".repeat(256),
            "a\u{202e}b",
            "a\u{2028}b",
            "a\u{2067}b",
            "a\u{85}b",
        ] {
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
