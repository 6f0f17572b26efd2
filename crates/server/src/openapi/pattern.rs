//! Regular expressions (ECMA-262, as JSON Schema has them) made of the rules that the parsers apply.

use std::fmt::Write;
use std::ops::RangeInclusive;

/// The class of the characters that a rule admits. It is made by asking the rule about each of the Basic Multilingual
/// Plane; beyond that plane no rule here tells characters apart.
pub(crate) fn class(admits: impl Fn(char) -> bool) -> String {
    let (negation, listed) = if admits('\u{10000}') { ("^", false) } else { ("", true) };
    let mut ranges: Vec<RangeInclusive<char>> = Vec::new();
    let mut is_open = false;
    for c in '\0'..='\u{FFFF}' {
        let is_listed = admits(c) == listed;
        match ranges.last_mut().filter(|_| is_listed && is_open) {
            Some(last) => *last = *last.start()..=c,
            None if is_listed => ranges.push(c..=c),
            None => {}
        }
        is_open = is_listed;
    }
    let mut class = format!("[{negation}");
    for range in ranges {
        class.push_str(&written(*range.start()));
        if range.start() != range.end() {
            class.push('-');
            class.push_str(&written(*range.end()));
        }
    }
    class.push(']');
    class
}

/// The class of the bytes that a rule admits, all of them ASCII.
pub(crate) fn ascii(admits: impl Fn(u8) -> bool) -> String {
    class(|c| u8::try_from(c).is_ok_and(|byte| byte.is_ascii() && admits(byte)))
}

/// A word in any case.
pub(crate) fn any_case(word: &str) -> String {
    let mut pattern = String::new();
    for c in word.chars() {
        if c.is_ascii_alphabetic() {
            let _ = write!(pattern, "[{}{}]", c.to_ascii_uppercase(), c.to_ascii_lowercase());
        } else {
            pattern.push(c);
        }
    }
    pattern
}

/// A character as it is written in a class of any dialect.
fn written(c: char) -> String {
    if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\u{:04X}", u32::from(c)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_lists_what_is_admitted_or_what_is_not_whichever_ends() {
        assert_eq!(ascii(|byte| byte.is_ascii_digit() || byte == b'-'), r"[\u002D0-9]");
        assert_eq!(class(|c| !c.is_control()), r"[^\u0000-\u001F\u007F-\u009F]");
        assert_eq!(class(|c| c != '\u{FFFF}'), r"[^\uFFFF]");
        assert_eq!(any_case("en-1"), "[Ee][Nn]-1");
    }
}
