//! Language tags: the grammar of RFC 5646 §2.1.

use std::collections::HashSet;
use std::iter::Peekable;
use std::str::Split;

use tollgate_http::fields::Refused;

/// How long a tag may be, in bytes; RFC 5646 §4.4.1 asks for 35 at least.
pub(super) const MAX_LEN: usize = 100;

/// Tags from before the grammar that do not follow it (RFC 5646 §2.1, `irregular`). The `regular` ones do.
pub(super) const IRREGULAR: [&str; 17] = [
    "en-GB-oed",
    "i-ami",
    "i-bnn",
    "i-default",
    "i-enochian",
    "i-hak",
    "i-klingon",
    "i-lux",
    "i-mingo",
    "i-navajo",
    "i-pwn",
    "i-tao",
    "i-tay",
    "i-tsu",
    "sgn-BE-FR",
    "sgn-BE-NL",
    "sgn-CH-DE",
];

/// Reads a well-formed tag and writes it in the case that RFC 5646 §2.1.1 recommends.
///
/// `_` may stand for `-`, as POSIX writes it. Whether the subtags are registered is not looked up, but a variant or an
/// extension that comes twice is refused (§2.2.5, §2.2.6).
pub(super) fn parse(text: &str) -> Result<String, Refused> {
    let tag = text.replace('_', "-");
    if let Some(known) = IRREGULAR.iter().find(|known| known.eq_ignore_ascii_case(&tag)) {
        return Ok((*known).to_owned());
    }
    let in_range =
        tag.len() <= MAX_LEN && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    in_range
        .then(|| Tag::new(&tag).read())
        .flatten()
        .ok_or_else(|| "must be a BCP 47 language tag, such as en-GB".into())
}

/// A tag that is read subtag by subtag, from left to right.
struct Tag<'a> {
    rest: Peekable<Split<'a, char>>,
    written: String,
}

impl<'a> Tag<'a> {
    fn new(tag: &'a str) -> Self {
        Self { rest: tag.split('-').peekable(), written: String::with_capacity(tag.len()) }
    }

    fn read(mut self) -> Option<String> {
        if !self.next_is(is_private_use) {
            self.language()?;
            if let Some(script) = self.next_if(|subtag| subtag.len() == 4 && is_alpha(subtag)) {
                self.write(&title_case(script));
            }
            if let Some(region) = self.next_if(is_region) {
                self.write(&region.to_ascii_uppercase());
            }
            self.variants()?;
            self.extensions()?;
        }
        self.private_use()?;
        self.rest.next().is_none().then_some(self.written)
    }

    /// `2*3ALPHA ["-" extlang] / 4ALPHA / 5*8ALPHA`, where `extlang` is one to three subtags of three letters.
    fn language(&mut self) -> Option<()> {
        let language = self.next_if(|subtag| (2..=8).contains(&subtag.len()) && is_alpha(subtag))?;
        self.write(&language.to_ascii_lowercase());
        let extended = if language.len() <= 3 { 3 } else { 0 };
        for _ in 0..extended {
            let Some(subtag) = self.next_if(|subtag| subtag.len() == 3 && is_alpha(subtag)) else { break };
            self.write(&subtag.to_ascii_lowercase());
        }
        Some(())
    }

    fn variants(&mut self) -> Option<()> {
        let mut seen = HashSet::new();
        while let Some(variant) = self.next_if(is_variant) {
            let variant = variant.to_ascii_lowercase();
            self.write(&variant);
            seen.insert(variant).then_some(())?;
        }
        Some(())
    }

    fn extensions(&mut self) -> Option<()> {
        let mut seen = HashSet::new();
        while let Some(singleton) = self.next_if(|subtag| subtag.len() == 1 && !is_private_use(subtag)) {
            let singleton = singleton.to_ascii_lowercase();
            self.write(&singleton);
            seen.insert(singleton).then_some(())?;
            self.one_or_more(2)?;
        }
        Some(())
    }

    fn private_use(&mut self) -> Option<()> {
        if self.next_if(is_private_use).is_none() {
            return Some(());
        }
        self.write("x");
        self.one_or_more(1)
    }

    /// Takes as many subtags of `shortest` to 8 characters as there are, at least one.
    fn one_or_more(&mut self, shortest: usize) -> Option<()> {
        let is_part = |subtag: &str| (shortest..=8).contains(&subtag.len());
        let first = self.next_if(is_part)?;
        self.write(&first.to_ascii_lowercase());
        while let Some(subtag) = self.next_if(is_part) {
            self.write(&subtag.to_ascii_lowercase());
        }
        Some(())
    }

    fn next_is(&mut self, wanted: impl Fn(&str) -> bool) -> bool {
        self.rest.peek().is_some_and(|subtag| wanted(subtag))
    }

    fn next_if(&mut self, wanted: impl Fn(&str) -> bool) -> Option<&'a str> {
        self.rest.next_if(|subtag| wanted(subtag))
    }

    fn write(&mut self, subtag: &str) {
        if !self.written.is_empty() {
            self.written.push('-');
        }
        self.written.push_str(subtag);
    }
}

fn is_private_use(subtag: &str) -> bool {
    subtag.eq_ignore_ascii_case("x")
}

fn is_region(subtag: &str) -> bool {
    (subtag.len() == 2 && is_alpha(subtag))
        || (subtag.len() == 3 && subtag.bytes().all(|b| b.is_ascii_digit()))
}

fn is_variant(subtag: &str) -> bool {
    (5..=8).contains(&subtag.len()) || (subtag.len() == 4 && subtag.starts_with(|c: char| c.is_ascii_digit()))
}

fn is_alpha(subtag: &str) -> bool {
    subtag.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn title_case(subtag: &str) -> String {
    let (first, rest) = subtag.split_at(1);
    first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_rfc_5646_appendix_a_are_well_formed() {
        for good in [
            "de",
            "fr",
            "ja",
            "i-enochian",
            "zh-Hant",
            "zh-Hans",
            "sr-Cyrl",
            "sr-Latn",
            "zh-cmn-Hans-CN",
            "cmn-Hans-CN",
            "zh-yue-HK",
            "yue-HK",
            "zh-Hans-CN",
            "sr-Latn-RS",
            "sl-rozaj",
            "sl-rozaj-biske",
            "sl-nedis",
            "de-CH-1901",
            "sl-IT-nedis",
            "hy-Latn-IT-arevela",
            "de-DE",
            "en-US",
            "es-419",
            "de-CH-x-phonebk",
            "az-Arab-x-aze-derbend",
            "x-whatever",
            "qaa-Qaaa-QM-x-southern",
            "de-Qaaa",
            "sr-Latn-QM",
            "sr-Qaaa-RS",
            "en-US-u-islamcal",
            "zh-CN-a-myext-x-private",
            "en-a-myext-b-another",
            "en-a-bbb-x-a-ccc",
        ] {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
    }

    #[test]
    fn grandfathered_tags_are_well_formed() {
        for good in IRREGULAR {
            assert_eq!(parse(&good.to_ascii_uppercase()).as_deref(), Ok(good));
        }
        for good in [
            "art-lojban",
            "cel-gaulish",
            "no-bok",
            "no-nyn",
            "zh-guoyu",
            "zh-hakka",
            "zh-min",
            "zh-min-nan",
            "zh-xiang",
        ] {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
    }

    #[test]
    fn underscores_and_case_are_normalised() {
        for (text, tag) in [
            ("en_GB", "en-GB"),
            ("EN-gb", "en-GB"),
            ("zh_hANT_tw", "zh-Hant-TW"),
            ("MN-cYRL-mn", "mn-Cyrl-MN"),
            ("DE-ch-1901-X-PHONEBK", "de-CH-1901-x-phonebk"),
            ("en-CA-X-CA", "en-CA-x-ca"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(tag));
        }
    }

    #[test]
    fn what_the_grammar_does_not_allow_is_refused() {
        let long = "en-x".to_owned() + &"-abcdefgh".repeat(12);
        for bad in [
            "",
            "e",
            "1",
            "-",
            "en-",
            "-en",
            "en--GB",
            "en GB",
            "en-GB ",
            "en_GB.UTF-8",
            "en-GB@euro",
            "english9",
            "languagex",
            "a-DE",
            "i-nothing",
            "en-x",
            "en-u",
            "en-u-a",
            "en-a-x-b",
            "de-DE-1901-1901",
            "ar-a-aaa-b-bbb-a-ccc",
            "de-419-DE",
            "en-GB-US",
            "en-Latn-Latn",
            "zh-cmn-yue-hak-nan",
            "abcd-efg",
            "en-123456789",
            "en-GB\n",
            "ён",
            "en-é",
            "x-",
            "x-123456789",
            &long,
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_itself(text in "[a-zA-Z0-9]{1,8}([-_][a-zA-Z0-9]{1,8}){0,5}") {
            if let Ok(tag) = parse(&text) {
                prop_assert!(tag.eq_ignore_ascii_case(&text.replace('_', "-")));
                prop_assert_eq!(parse(&tag), Ok(tag));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
