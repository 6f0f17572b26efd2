//! Idempotency keys: a request that is repeated with the same key takes effect once
//! (draft-ietf-httpapi-idempotency-key-header).
//!
//! The key's row is the lock. It is taken by a lease, and completed in the transaction that has the effect, together
//! with the answer; so a process that dies leaves either nothing but a lease, which ends by itself, or the whole.

use http::HeaderMap;
use rand::Rng;
use tollgate_core::{Environment, MerchantId};
use tollgate_http::{Problem, Problems};
use tollgate_store::{Answer, Begun, IdempotencyScope, Lease};

use crate::error::Error;
use crate::host::Host;

/// The header that holds a key.
pub(crate) const HEADER: &str = "Idempotency-Key";

/// The header of an answer that was given before.
pub(crate) const REPLAYED: &str = "Idempotent-Replayed";

/// An idempotency key: 1 to 255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The longest, in characters.
    pub(crate) const MAX: usize = 255;

    /// Reads the one header `Idempotency-Key`; `"k"`, as the draft writes it, and `k` are the same key.
    ///
    /// Proxies may merge the lines of a header by commas (RFC 9110 §5.3). So a comma stands between two keys, unless it
    /// is between quotes: taken for a part of a key, `k, k` would be another key than `k`, and have an effect of its own.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
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

    /// Where the key counts.
    pub(crate) fn scoped(
        self,
        merchant_id: MerchantId,
        environment: Environment,
        route: &'static str,
    ) -> IdempotencyScope {
        IdempotencyScope { merchant_id, environment, route, key: self.0 }
    }
}

/// The string whose opening quote has been read (RFC 9651 §4.2.5). `None` if it doesn't end, or something follows it.
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

/// What to do with a request that has a key.
pub(crate) enum Turn {
    /// It is the first: do what it asks for, and complete the lease.
    First(Lease),
    /// It is a repeat: answer this.
    Repeat(Answer),
}

/// Takes the key, or finds the answer that it already has. A key is free again when its time has passed for certain: not
/// because a clock was set forth.
pub(crate) async fn begin(
    host: &Host,
    scope: IdempotencyScope,
    fingerprint: [u8; 32],
) -> Result<Turn, Error> {
    let mut owner = [0; 16];
    rand::rng().fill_bytes(&mut owner);
    let until = host.steady_now().after(host.settings().idempotency_lease);
    let lease = Lease { scope, fingerprint, owner, until };
    match host.store().begin(&lease, host.passed()).await.map_err(Error::IdempotencyStore)? {
        Begun::Fresh => Ok(Turn::First(lease)),
        Begun::Answered(answer) => Ok(Turn::Repeat(answer)),
        Begun::InProgress { .. } => Err(Error::InProgress),
        Begun::Mismatch => Err(Error::KeyReused),
    }
}

/// Why an invalid request is refused: a key that is taken belongs to a valid one, hence to another.
pub(crate) async fn refuse(host: &Host, scope: Option<IdempotencyScope>, problems: Problems) -> Error {
    let Some(scope) = scope else { return problems.into() };
    match host.store().is_taken(&scope, host.passed()).await {
        Ok(true) => Error::KeyReused,
        Ok(false) => problems.into(),
        Err(error) => Error::IdempotencyStore(error),
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

    /// What a proxy makes of two lines, and what it would make of two that some of them had quoted.
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
