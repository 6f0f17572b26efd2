//! Language tags of BCP 47.

use std::collections::HashSet;
use std::hash::Hash;

use oxilangtag::LanguageTag;
use tollgate_http::fields::Refused;

/// The longest tag, in bytes; RFC 5646 §4.4.1 asks for 35 at least.
const MAX_LEN: usize = 100;

/// Reads a well-formed tag and writes it in the case that RFC 5646 §2.1.1 recommends.
///
/// `_` may replace `-`, as POSIX writes it. Subtags need not be registered, but a duplicate variant or extension is refused (§2.2.5,
/// §2.2.6).
pub(super) fn parse(text: &str) -> Result<String, Refused> {
    let tag = (text.len() <= MAX_LEN).then(|| text.replace('_', "-"));
    tag.and_then(|tag| LanguageTag::parse_and_normalize(&tag).ok())
        .filter(|tag| are_distinct(tag.variant_subtags()))
        .filter(|tag| are_distinct(tag.extension_subtags().map(|(singleton, _)| singleton)))
        .map(LanguageTag::into_inner)
        .ok_or_else(|| "must be a BCP 47 language tag, such as en-GB".into())
}

fn are_distinct(mut subtags: impl Iterator<Item = impl Eq + Hash>) -> bool {
    let mut seen = HashSet::new();
    subtags.all(|subtag| seen.insert(subtag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Tags from before the grammar that do not follow it (RFC 5646 §2.1, `irregular`).
    const IRREGULAR: [&str; 17] = [
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
