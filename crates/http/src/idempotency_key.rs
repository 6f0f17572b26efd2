//! Idempotency keys: a request that is repeated with the same key takes effect once
//! (draft-ietf-httpapi-idempotency-key-header).

use http::{HeaderMap, HeaderName};

use crate::problems::Problem;

/// The header that holds a key.
const HEADER: &str = "Idempotency-Key";

/// The header of an answer that repeats an earlier one.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// An idempotency key: 1 to 255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The greatest length, in characters.
    pub const MAX: usize = 255;

    /// Reads the only header `Idempotency-Key`; `"k"`, as the draft writes it, and `k` are the same key.
    ///
    /// Proxies may merge the lines of a header by commas (RFC 9110 §5.3). So a comma separates two keys, unless it
    /// is between quotes: as a part of a key, `k, k` would be another key than `k`, and have an effect of its own.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut lines = headers.get_all(HEADER).iter();
        let Some(line) = lines.next() else { return Ok(None) };
        let problem = |message: &str| Err(Problem::new(HEADER, message));
        if lines.next().is_some() {
            return problem("is there twice");
        }
        let key = match line.as_bytes() {
            [b'"', rest @ ..] => match unquoted(rest) {
                Some(key) => key,
                None => return problem("must be one string between quotes, with nothing behind it"),
            },
            line if line.contains(&b',') => {
                return problem("must be one key: put quotes around a key that has a comma in it");
            }
            line => line.to_vec(),
        };
        if !(1..=Self::MAX).contains(&key.len()) || !key.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return problem(&format!("must be 1 to {} printable ASCII characters", Self::MAX));
        }
        Ok(Some(Self(String::from_utf8_lossy(&key).into_owned())))
    }
}

impl From<IdempotencyKey> for String {
    fn from(key: IdempotencyKey) -> Self {
        key.0
    }
}

/// Returns the string whose opening quote has been read (RFC 9651 §4.2.5); `None` if it doesn't end, or something follows it.
fn unquoted(rest: &[u8]) -> Option<Vec<u8>> {
    let mut string = Vec::with_capacity(rest.len());
    let mut bytes = rest.iter();
    loop {
        match bytes.next()? {
            b'"' => return bytes.as_slice().is_empty().then_some(string),
            b'\\' => string.push(*bytes.next().filter(|escaped| matches!(escaped, b'"' | b'\\'))?),
            byte => string.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn key(lines: &[&[u8]]) -> Result<Option<String>, Problem> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HEADER, HeaderValue::from_bytes(line).unwrap());
        }
        Ok(IdempotencyKey::of(&headers)?.map(|key| key.0))
    }

    #[test]
    fn the_quoted_form_is_the_same_key() {
        assert_eq!(key(&[b"\"k-1\""]), Ok(Some("k-1".to_owned())));
        assert_eq!(key(&[b"k-1"]), Ok(Some("k-1".to_owned())));
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&["k".repeat(255).as_bytes()]), Ok(Some("k".repeat(255))));
        assert_eq!(key(&[br#"a"b"#]), key(&[br#""a\"b""#]));
        assert_eq!(key(&[br"a\b"]), key(&[br#""a\\b""#]));
        assert_eq!(key(&[b"\"a, b\""]), Ok(Some("a, b".to_owned())));
        assert_eq!(key(&[format!("\"{}\"", "k".repeat(255)).as_bytes()]), Ok(Some("k".repeat(255))));
    }

    /// Tries the results of merging two lines, with and without quotes.
    #[test]
    fn keys_that_a_proxy_merged_are_refused() {
        for line in [
            "k, k",
            "k,k",
            "k,",
            ",k",
            ",",
            "k, \"k\"",
            "\"k\", k",
            "\"k\", \"k\"",
            "\"k\",\"k\"",
            "\"a,b\", c",
        ] {
            assert!(key(&[line.as_bytes()]).is_err(), "{line}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for lines in [
            &[&b""[..]][..],
            &[b"\"\""],
            &["k".repeat(256).as_bytes()],
            &[b"\xc3\xa9"],
            &[b"a\tb"],
            &[b"\""],
            &[b"\"k"],
            &[b"\"a\"b\""],
            &[b"\"k\" "],
            &[b"\"k\";p=1"],
            &[b"\"k\\\""],
            &[b"\"\\k\""],
            &[format!("\"{}\"", "k".repeat(256)).as_bytes()],
            &[b"a", b"a"],
        ] {
            assert!(key(lines).is_err(), "{lines:?}");
        }
    }
}
