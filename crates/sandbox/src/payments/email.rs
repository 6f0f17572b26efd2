//! Email addresses, by a rule of thumb.

use tollgate_http::fields::Refused;

use super::text::{is_control, text};

text!(
    /// An email address: see [`parse`] for the rule.
    Email,
    parse
);

/// The longest address, in characters.
pub(super) const MAX_LEN: usize = 254;

/// The longest local part, in characters.
pub(super) const MAX_LOCAL_PART: usize = 64;

/// The longest label of a domain, in characters.
pub(super) const MAX_LABEL: usize = 63;

/// Accepts what people have on the public Internet: `local@domain` with one `@`.
///
/// The local part is a dot-atom (RFC 5322 §3.2.3) of 1 to 64 characters, with any letter beyond ASCII (RFC 6531 §3.3);
/// the domain has two labels or more, each 1 to 63 letters, digits and inner hyphens in any script, the last not all
/// digits; the whole is at most 254 characters (RFC 5321 §4.5.3.1.3 less the brackets). Lengths count characters, as a
/// schema does; beyond ASCII the mail's own limits, in bytes, are narrower. Quoted local parts, comments, address literals
/// and bare host names are refused: where they are met, it is by mistake.
pub(super) fn parse(text: &str) -> Result<&str, Refused> {
    let well_formed = text.chars().count() <= MAX_LEN
        && text.split_once('@').is_some_and(|(local, domain)| is_local_part(local) && is_domain(domain));
    if well_formed { Ok(text) } else { Err("must be an email address, such as jane@example.com".into()) }
}

fn is_local_part(text: &str) -> bool {
    let is_atom = |atom: &str| !atom.is_empty() && atom.chars().all(is_atom_character);
    text.chars().count() <= MAX_LOCAL_PART && text.split('.').all(is_atom)
}

fn is_domain(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    text.contains('.') && text.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.chars().count())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(is_label_character)
}

pub(super) fn is_label_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || is_international(c)
}

pub(super) fn is_atom_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_international(c)
}

fn is_international(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && !is_control(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_people_have_are_accepted() {
        let longest = format!("{}@{}.com", "l".repeat(64), "d".repeat(63));
        for good in [
            "jane@example.com",
            "j@x.co",
            "jane.o'neil+shop@mail.example.co.uk",
            "müller@bücher.example",
            "用户@例子.公司",
            "संपर्क@डाटामेल.भारत",
            "x@xn--bcher-kva.example",
            &longest,
        ] {
            assert_eq!(parse(good).ok(), Some(good));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.com", "l".repeat(65));
        let long_label = format!("a@{}.com", "d".repeat(64));
        let long = format!("a@{}com", "dddddddd.".repeat(30));
        for bad in [
            "",
            "jane",
            "@",
            "jane@",
            "@example.com",
            "jane@@example.com",
            "jane@a@example.com",
            "jane@example",
            "jane@.com",
            "jane@example.",
            "jane@example..com",
            "jane@-example.com",
            "jane@example-.com",
            "jane@exa_mple.com",
            "jane@192.0.2.1",
            "jane@[192.0.2.1]",
            ".jane@example.com",
            "jane.@example.com",
            "ja..ne@example.com",
            "ja ne@example.com",
            "\"ja ne\"@example.com",
            "Jane <jane@example.com>",
            "jane@example.com\n",
            " jane@example.com",
            "jane@example.com,joe@example.com",
            "ja\u{a0}ne@example.com",
            "ja\u{202e}ne@example.com",
            "ja\0ne@example.com",
            &long_local,
            &long_label,
            &long,
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
