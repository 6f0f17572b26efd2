//! The headers of tokens: the first segment and the dot after it. Each is known before a token is examined.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::algorithm::Algorithm;
use crate::{KeyId, base64url};

/// The header `{"alg":"HS256","typ":"JWT"}`, which is published, and the same for all keys of the algorithm.
pub const HS256: &[u8] = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";

/// Returns the header of the tokens that a key signs.
pub fn of(algorithm: Algorithm, id: KeyId) -> Cow<'static, [u8]> {
    if algorithm.is_asymmetric() { of_key(algorithm, id).into() } else { HS256.into() }
}

/// Returns the header of an access token that anyone can verify (RFC 9068 §2.1), which names its key.
fn of_key(algorithm: Algorithm, id: KeyId) -> Vec<u8> {
    let json = format!(r#"{{"alg":"{algorithm}","typ":"at+jwt","kid":"{id}"}}"#);
    let mut header = vec![0; base64url::encoded_len(json.len())];
    base64url::encode(json.as_bytes(), &mut header);
    header.push(b'.');
    header
}

/// Says whether a token begins like one of a key that may exist, whichever it is.
pub(crate) fn names_a_key(token: &[u8]) -> bool {
    BEGINNINGS.iter().any(|beginning| token.starts_with(beginning))
}

/// The beginnings of the headers of each algorithm's keys: as many characters as don't depend on the key's id.
static BEGINNINGS: LazyLock<[Vec<u8>; 4]> = LazyLock::new(|| {
    [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256, Algorithm::Rs256].map(|algorithm| {
        let mut beginning = of_key(algorithm, KeyId::from_bytes([0; 16]));
        let json = format!(r#"{{"alg":"{algorithm}","typ":"at+jwt","kid":""#);
        beginning.truncate(json.len() / 3 * 4);
        beginning
    })
});

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(header: &[u8]) -> String {
        let mut buffer = [0; 256];
        let json = base64url::decode(header.strip_suffix(b".").unwrap(), &mut buffer).unwrap();
        String::from_utf8(json.to_vec()).unwrap()
    }

    #[test]
    fn a_header_names_its_algorithm_and_is_the_beginning_of_no_other() {
        let headers: Vec<_> =
            Algorithm::ALL.iter().map(|algorithm| of(*algorithm, KeyId::from_bytes([7; 16]))).collect();
        assert_eq!(decoded(&headers[0]), r#"{"alg":"HS256","typ":"JWT"}"#);
        for (algorithm, header) in Algorithm::ALL.into_iter().zip(&headers).skip(1) {
            let id = "07070707-0707-0707-0707-070707070707";
            assert_eq!(decoded(header), format!(r#"{{"alg":"{algorithm}","typ":"at+jwt","kid":"{id}"}}"#));
            assert_eq!(headers.iter().filter(|other| header.starts_with(other)).count(), 1);
        }
    }

    #[test]
    fn a_header_of_any_key_of_an_asymmetric_algorithm_is_told_from_all_others() {
        for algorithm in Algorithm::ALL {
            for id in [[0; 16], [0xff; 16]] {
                let header = of(algorithm, KeyId::from_bytes(id));
                assert_eq!(names_a_key(&header), algorithm.is_asymmetric(), "{algorithm}");
            }
        }
        for other in [
            r#"{"alg":"none","typ":"at+jwt","kid":"1"}"#,
            r#"{"alg":"HS256","typ":"at+jwt","kid":"1"}"#,
            r#"{"alg":"ES256","typ":"JWT","kid":"1"}"#,
            r#"{"typ":"at+jwt","alg":"ES256","kid":"1"}"#,
            r#"{"alg": "ES256","typ":"at+jwt","kid":"1"}"#,
        ] {
            let mut header = [0; 128];
            assert!(!names_a_key(base64url::encode(other.as_bytes(), &mut header)), "{other}");
        }
    }
}
