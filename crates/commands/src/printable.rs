//! Makes other people's text harmless for a terminal.

use std::borrow::Cow;

/// Returns a text for a terminal, on one line: characters that would move the cursor, set colours or turn the direction of
/// the text are shown as escapes.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts_on_a_terminal) {
        return text.into();
    }
    let shown =
        text.chars().map(|c| if acts_on_a_terminal(c) { c.escape_unicode().to_string() } else { c.into() });
    shown.collect::<String>().into()
}

/// Says whether a character is a control character, or turns or hides text (Unicode's bidirectional controls, line separators, and other
/// invisible ones).
pub(crate) fn acts_on_a_terminal(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_other_people_moves_nothing_on_a_terminal() {
        for (text, shown) in [
            ("Zoë's 株式会社", "Zoë's 株式会社"),
            ("\u{1b}[2Ja\nb\u{7}", "\\u{1b}[2Ja\\u{a}b\\u{7}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("a\u{202e}b\u{2066}c\u{200f}", "a\\u{202e}b\\u{2066}c\\u{200f}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }
}
