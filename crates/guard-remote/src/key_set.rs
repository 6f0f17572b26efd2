//! The published set of keys (RFC 7517 §5), and how long it may be kept.

use std::time::Duration;

use http::HeaderMap;
use http::header::{AGE, CACHE_CONTROL};
use serde::Deserialize;
use serde_json::value::RawValue;
use tollgate_core::{Jwk, JwkError, KeyId, VerifyingKey};

use crate::problem::Problem;

pub(crate) const KEYS: &str = "the keys of the authority";

/// The most keys in a set.
const MOST_KEYS: usize = 100;
/// How long a set is kept that doesn't state it.
const USUALLY_KEPT: Duration = Duration::from_secs(5 * 60);
/// How long a set is kept at least and at most, whatever it states.
const SHORTEST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(60 * 60);

#[derive(Deserialize)]
struct KeySet<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// Reads the keys that can be used. Others may be for other verifiers (RFC 7517 §5), unless they are symmetric: then
/// the whole set is refused.
pub(crate) fn read(body: &[u8]) -> Result<Vec<VerifyingKey>, Problem> {
    let set: KeySet<'_> = serde_json::from_slice(body).map_err(|_| Problem::Malformed(KEYS))?;
    if set.keys.len() > MOST_KEYS {
        return Err(Problem::TooManyKeys(MOST_KEYS));
    }
    let mut keys = Vec::with_capacity(set.keys.len());
    for key in set.keys {
        let Ok(jwk) = serde_json::from_str::<Jwk<'_>>(key.get()) else { continue };
        match (jwk.public_key(), jwk.kid.as_deref().map(str::parse::<KeyId>)) {
            (Ok(key), Some(Ok(id))) => keys.push(VerifyingKey::public(id, key)),
            (Err(JwkError::Symmetric), _) => return Err(Problem::SymmetricKey),
            (Err(JwkError::Unsupported | JwkError::Invalid), _) | (Ok(_), Some(Err(_)) | None) => {}
        }
    }
    if keys.is_empty() { Err(Problem::NoKey) } else { Ok(keys) }
}

/// Returns how long a set may be kept, from when it was asked for: its `max-age` less its `Age` (RFC 9111 §4.2).
pub(crate) fn kept(headers: &HeaderMap) -> Duration {
    let seconds = |text: &str| text.trim().parse().ok().map(Duration::from_secs);
    let mut directives = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|directive| directive.trim().to_ascii_lowercase());
    let max_age = directives.find_map(|directive| seconds(directive.strip_prefix("max-age=")?));
    // An age that can't be read may have any value: then the set is kept for the shortest time.
    let age = headers
        .get(AGE)
        .map_or(Duration::ZERO, |age| age.to_str().ok().and_then(seconds).unwrap_or(Duration::MAX));
    max_age.map_or(USUALLY_KEPT, |max_age| max_age.saturating_sub(age)).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use tollgate_core::Algorithm;
    use tollgate_keys::{PrivateKey, RsaBits};

    use super::*;

    fn published(algorithm: Algorithm, id: u8) -> String {
        let key = PrivateKey::generate(algorithm, RsaBits::Bits2048).unwrap();
        let id = KeyId::from_bytes([id; 16]).to_string();
        serde_json::to_string(&Jwk::of(key.public_key(), id)).unwrap()
    }

    fn number(keys: &[&str]) -> Result<usize, String> {
        let set = format!(r#"{{"keys":[{}],"more":1}}"#, keys.join(","));
        read(set.as_bytes()).map(|keys| keys.len()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn keys_that_can_be_used_are_and_others_are_left_out() {
        let (one, two) = (published(Algorithm::Es256, 1), published(Algorithm::EdDsa, 2));
        let unknown = r#"{"kty":"AKP","alg":"ML-DSA-44","kid":"1","pub":"AA"}"#;
        let damaged = one.replace("\"x\":\"", "\"x\":\"AA");
        let strange = one.replace("01010101-0101-0101-0101-010101010101", "1");
        assert_eq!(number(&[&one, &two]), Ok(2));
        assert_eq!(number(&[unknown, "{}", "1", "null", r#"{"kty":1}"#, &damaged, &strange, &two]), Ok(1));
    }

    #[test]
    fn a_set_with_a_symmetric_key_is_not_trusted() {
        let one = published(Algorithm::Es256, 1);
        for symmetric in [
            r#"{"kty":"oct","alg":"HS256","k":"AAAA","kid":"01010101-0101-0101-0101-010101010101"}"#,
            r#"{"kty":"oct"}"#,
            r#"{"kty":"oct","alg":"ES256"}"#,
        ] {
            for keys in [[symmetric, &one], [&one, symmetric]] {
                assert!(number(&keys).unwrap_err().contains("symmetric"), "{symmetric}");
            }
        }
    }

    #[test]
    fn a_set_without_a_key_or_of_another_form_is_a_problem() {
        assert!(number(&[]).unwrap_err().contains("no public key"));
        let one = published(Algorithm::Es256, 1);
        assert!(number(&vec![&*one; 101]).unwrap_err().contains("more than 100"));
        for bad in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, r#"{"keys":["#] {
            assert!(matches!(read(bad.as_bytes()), Err(Problem::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn a_set_is_kept_for_its_max_age_within_bounds() {
        let kept = |lines: &[&str], age: Option<&str>| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(CACHE_CONTROL, line.parse().unwrap());
            }
            headers.extend(age.map(|age| (AGE, age.parse().unwrap())));
            kept(&headers).as_secs()
        };
        assert_eq!(kept(&["public, max-age=300"], None), 300);
        assert_eq!(kept(&["public", "Max-Age=120"], None), 120);
        assert_eq!(kept(&["max-age=300"], Some("100")), 200);
        assert_eq!(kept(&["max-age=300"], Some("1000")), 30);
        assert_eq!(kept(&["max-age=300"], Some("a while")), 30, "it may be any");
        assert_eq!((kept(&["max-age=0"], None), kept(&["max-age=999999999"], None)), (30, 3600));
        for silent in [&[][..], &["no-cache"], &["max-age=a"], &["s-maxage=7"]] {
            assert_eq!(kept(silent, None), 300, "{silent:?}");
        }
    }
}
