//! The texts of a payment request: each is a type that only a well-formed text can become.

use tollgate_http::fields::{FromJson, Refused};
use tollgate_http::json::Json;
use uuid::Uuid;

use super::{country, locale};
use tollgate_core::MerchantId;

/// Makes a type of the texts that a parser accepts.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $parse:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
        #[serde(into = "String")]
        pub struct $name(String);

        impl $name {
            /// Borrows the value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = tollgate_http::fields::Refused;

            fn from_str(text: &str) -> Result<Self, tollgate_http::fields::Refused> {
                $parse(text).map(|text| Self(text.into()))
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl tollgate_http::fields::FromJson for $name {
            fn from_json(json: &tollgate_http::json::Json) -> Result<Self, tollgate_http::fields::Refused> {
                $crate::payments::text::string(json)?.parse()
            }
        }
    };
}
pub(super) use text;

text!(
    /// A line of free text: 1 to 255 characters, not all of them white space, none of them a control character.
    Line,
    line
);
text!(
    /// A postal code: a line of at most 32 characters. Its form depends on the country.
    PostalCode,
    postal_code
);
text!(
    /// The merchant's reference for the payment: 1 to 18 of `[A-Za-z0-9]`, so that it fits a bank statement.
    PaymentReference,
    payment_reference
);
text!(
    /// A telephone number in the international form of ITU-T E.164: `+` and 7 to 15 digits, the first not 0.
    PhoneNumber,
    phone_number
);
text!(
    /// A country: an ISO 3166-1 alpha-2 code in upper case.
    Country,
    country::parse
);
text!(
    /// A language tag (RFC 5646), well-formed and in the case that §2.1.1 recommends: `en-GB`.
    Locale,
    locale::parse
);

/// The id of a bank that the person chose beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub(crate) struct BankId(Uuid);

impl std::fmt::Display for BankId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromJson for BankId {
    fn from_json(json: &Json) -> Result<Self, Refused> {
        // The other spellings that `uuid` accepts are not UUIDs in this API.
        let text = Some(string(json)?).filter(|text| text.len() == 36).ok_or(NO_UUID)?;
        Uuid::try_parse(text).map(Self).map_err(|_| NO_UUID.into())
    }
}

/// The id of a merchant as a member of a body.
pub(crate) struct Merchant(pub MerchantId);

impl FromJson for Merchant {
    fn from_json(json: &Json) -> Result<Self, Refused> {
        string(json)?.parse().map(Self).map_err(|_| NO_UUID.into())
    }
}

const NO_UUID: &str = "must be a UUID in its hyphenated form";

/// Reads a JSON string.
pub(crate) fn string(json: &Json) -> Result<&str, Refused> {
    match json {
        Json::String(text) => Ok(text),
        other => Err(Refused::ill_typed("a string", other)),
    }
}

impl Line {
    /// The greatest length, in characters.
    pub(super) const MAX: usize = 255;
}

fn line(text: &str) -> Result<&str, Refused> {
    of_length(text, Line::MAX)
}

impl PostalCode {
    /// The greatest length, in characters.
    pub(super) const MAX: usize = 32;
}

fn postal_code(text: &str) -> Result<&str, Refused> {
    of_length(text, PostalCode::MAX)
}

fn of_length(text: &str, max: usize) -> Result<&str, Refused> {
    if text.trim().is_empty() {
        return Err("must not be empty".into());
    }
    if text.contains(is_control) {
        return Err("must not contain control characters".into());
    }
    if text.chars().count() > max {
        return Err(format!("must have at most {max} characters").into());
    }
    Ok(text)
}

/// Says whether a character controls the text instead of being part of it: a control character, a line or paragraph
/// separator, or one that overrides the direction of the text around it (Unicode Standard Annex #9 §2).
pub(super) fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

impl PaymentReference {
    /// The greatest length, in characters.
    pub(super) const MAX: usize = 18;
}

fn payment_reference(text: &str) -> Result<&str, Refused> {
    let fits = (1..=PaymentReference::MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits {
        Ok(text)
    } else {
        let max = PaymentReference::MAX;
        Err(format!("must be 1 to {max} letters and digits (A-Z, a-z, 0-9)").into())
    }
}

impl PhoneNumber {
    /// The number of digits of a telephone number.
    pub(super) const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
}

fn phone_number(text: &str) -> Result<&str, Refused> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    let fits = PhoneNumber::DIGITS.contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if fits {
        Ok(text)
    } else {
        Err("must be an E.164 number: + and 7 to 15 digits, such as +442071838750".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_any_text_that_a_person_can_read() {
        let longest = "ü".repeat(255);
        for good in
            ["x", "Zoë Müller-Łukasz", "مریم\u{200c}ها", "株式会社", "O'Neil & <Sons>", " padded ", &longest]
        {
            assert_eq!(good.parse::<Line>().unwrap().as_str(), good);
        }
        let long = "ü".repeat(256);
        for bad in [
            "",
            " ",
            "\u{3000}",
            "a\0b",
            "a\nb",
            "a\tb",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{202e}b",
            &long,
        ] {
            assert!(bad.parse::<Line>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(32).parse::<PostalCode>().is_ok());
        assert!("x".repeat(33).parse::<PostalCode>().is_err());
    }

    #[test]
    fn a_payment_reference_is_1_to_18_letters_and_digits() {
        for good in ["a", "INV2026", "ABCDEFGHIJKLMNOPQR"] {
            assert!(good.parse::<PaymentReference>().is_ok(), "{good}");
        }
        for bad in ["", "ABCDEFGHIJKLMNOPQRS", "INV-1", "INV 1", "é", "１", "a\n"] {
            assert!(bad.parse::<PaymentReference>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_phone_number_is_e164() {
        for good in ["+442071838750", "+6834002", "+123456789012345"] {
            assert!(good.parse::<PhoneNumber>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "+",
            "442071838750",
            "00442071838750",
            "+042071838750",
            "+44 2071838750",
            "+44(0)2071838750",
            "+683400",
            "+1234567890123456",
            "++442071838750",
            "+44２071838750",
        ] {
            assert!(bad.parse::<PhoneNumber>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_id_is_a_hyphenated_uuid() {
        let id = |text: &str| BankId::from_json(&Json::String(text.into()));
        assert_eq!(
            id("0191E0A1-5c3b-7def-8123-456789abcdef").unwrap().to_string(),
            "0191e0a1-5c3b-7def-8123-456789abcdef"
        );
        for bad in [
            "",
            "0191e0a15c3b7def8123456789abcdef",
            "{0191e0a1-5c3b-7def-8123-456789abcdef}",
            "urn:uuid:0191e0a1-5c3b-7def-8123-456789abcdef",
            "0191e0a1-5c3b-7def-8123-456789abcdeg",
        ] {
            assert!(id(bad).is_err(), "{bad}");
            assert!(Merchant::from_json(&Json::String(bad.into())).is_err(), "{bad}");
        }
        assert!(BankId::from_json(&Json::Null).is_err());
    }

    #[test]
    fn a_text_is_stored_as_it_was() {
        let line: Line = "a \"quoted\" line".parse().unwrap();
        assert_eq!(serde_json::to_string(&line).unwrap(), r#""a \"quoted\" line""#);
    }
}
