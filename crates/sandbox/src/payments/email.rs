//! The parser of email addresses.

use email_address::{EmailAddress, Options};
use tollgate_http::fields::Refused;

use super::text::{is_control, text};

text!(
    /// An email address: see [`parse`] for the rule.
    Email,
    parse
);

/// The longest address, in characters.
const MAX_LEN: usize = 254;

/// Accepts an address that people have on the public Internet: `local@domain`, with letters of every script in
/// both (RFC 5322 §3.4.1, RFC 6531 §3.3).
///
/// Display names, quoted local parts, address literals and bare host names are refused: they are usually
/// mistakes.
pub(super) fn parse(text: &str) -> Result<&str, Refused> {
    let options =
        Options::default().without_display_text().without_domain_literal().with_minimum_sub_domains(2);
    let is_good = text.chars().count() <= MAX_LEN
        && !text.contains(|c: char| c == '"' || c.is_whitespace() || is_control(c))
        && EmailAddress::parse_with_options(text, options).is_ok_and(|address| is_public(address.domain()));
    if is_good { Ok(text) } else { Err("must be an email address, such as jane@example.com".into()) }
}

/// Says whether a domain can be registered: letters, digits and hyphens in any script, and not an IPv4 address.
fn is_public(domain: &str) -> bool {
    let is_of_a_label = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let last = domain.rsplit('.').next().unwrap_or_default();
    domain.chars().all(is_of_a_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
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
        let long_international = format!("{}@example.com", "é".repeat(33));
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
            "jane@exa!mple.com",
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
            &long_international,
            &long_label,
            &long,
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
